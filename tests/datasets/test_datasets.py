"""The data sets: complete, unharmed, and found or fetched where the documentation says."""

from __future__ import annotations

import csv
import functools
import gzip
import hashlib
import http.server
import os
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from gnnrec_helpers import Interactions, datasets
from gnnrec_helpers.datasets import Dataset, files, user_item_lists

DATA = Path(__file__).resolve().parents[2] / "data"


@pytest.fixture(scope="module")
def lastfm() -> Dataset:
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("GNNREC_DATA", raising=False)  # artists may have names there
        return datasets.load("lastfm-2k")


@pytest.fixture
def nowhere(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """An empty cache, and no folder of one's own."""
    monkeypatch.setattr(files, "cache", lambda: tmp_path / "cache")
    monkeypatch.delenv("GNNREC_DATA", raising=False)
    return tmp_path / "cache"


@pytest.fixture
def yours(nowhere: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A folder of one's own, named by GNNREC_DATA."""
    monkeypatch.setenv("GNNREC_DATA", str(tmp_path / "yours"))
    return tmp_path / "yours"


def put(folder: Path, name: str, content: str) -> Path:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content, encoding="utf-8")
    return path


def put_lists(folder: Path, train: str = "0 1 2\n1 0\n", test: str = "0 3\n2 1 0\n") -> None:
    put(folder, "train.txt", train)
    put(folder, "test.txt", test)


def rows_of(file: str) -> list[dict[str, str]]:
    """An embedded table, read without pandas."""
    with gzip.open(DATA / file, "rt", encoding="utf-8", newline="") as lines:
        return list(csv.DictReader(lines))


# ---------------------------------------------------------------------- what is embedded
def test_the_embedded_files_are_those_of_the_checksums() -> None:
    lines = (DATA / "SHA256SUMS").read_text().splitlines()
    published = {name: digest for digest, name in (line.split(maxsplit=1) for line in lines)}
    found = {
        path.relative_to(DATA).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in DATA.glob("*/*")
        if path.suffix in (".csv", ".gz") and path.name[0] != "."
    }
    assert len(found) == 10
    assert found == published
    assert files.sha256(DATA / "toy/likes.csv") == published["toy/likes.csv"]


def test_the_embedded_files_are_small() -> None:
    assert 0 < sum(path.stat().st_size for path in DATA.rglob("*") if path.is_file()) < 8_000_000


def test_movielens_is_complete(movielens: Interactions) -> None:
    rows = rows_of("movielens-small/ratings.csv.gz")
    assert (len(rows), movielens.num_users, movielens.num_items) == (100_004, 671, 9_066)
    expected = sorted(
        (int(r["user"]), int(r["movie"]), float(r["rating"]), int(r["timestamp"])) for r in rows
    )
    assert list(movielens.to_frame().itertuples(index=False, name=None)) == expected
    assert sorted(set(movielens.rating)) == [n / 2 for n in range(1, 11)]
    assert dict(movielens.dropped) == {}


def test_every_movie_has_a_title() -> None:
    data = datasets.load("movielens-small")
    assert sorted(data.items.index) == data.interactions.items.tolist()
    assert data.items.loc[1].tolist() == [
        "Toy Story", 1995, "Adventure|Animation|Children|Comedy|Fantasy",
    ]  # fmt: skip
    assert not data.items["title"].isna().any()
    untitled = data.items[data.items["title"].str.startswith("(untitled ")]
    assert untitled.index.tolist() == [108548, 108583, 143410, 151307, 162376]
    assert untitled["title"].loc[108548] == "(untitled 108548)"
    assert untitled["year"].isna().all()


def test_the_facts_about_movies() -> None:
    data = datasets.load("movielens-small")
    facts = data.knowledge
    rows = rows_of("movielens-small/facts.csv.gz")
    assert facts.items.equals(data.interactions.items)
    assert (len(facts), facts.num_relations) == (len(rows), 15) == (66_825, 15)
    about = np.unique(facts.head)
    assert len(about) == 1_333
    assert about.max() < facts.num_items  # every fact is about a movie
    by_fact = set(facts.to_frame().itertuples(index=False, name=None))
    assert by_fact == {
        (int(r["movie"]), r["relation"], int(r["entity"]) if r["entity"].isdigit() else r["entity"])
        for r in rows
    }
    assert np.isin(data.interactions.item_index, about).mean() == pytest.approx(0.398, abs=0.001)


def test_the_facts_are_about_the_right_movies() -> None:
    """The package they come from mixes them up, see data/README.md."""
    data = datasets.load("movielens-small")
    facts, genres = data.knowledge.to_frame(), data.items["genres"]
    of_genre = facts[facts["relation"] == "genre"]
    here = set(of_genre["head"])
    for entity, genre in (("m.0hcr", "Animation"), ("m.05p553", "Comedy")):
        theirs = set(of_genre.loc[of_genre["tail"] == entity, "head"])
        ours = set(genres.index[genres.str.contains(genre)]) & here
        assert len(theirs & ours) / len(theirs | ours) > 0.75
    titles = data.items["title"]
    sequels = facts[(facts["relation"] == "sequel") & facts["tail"].isin(titles.index)]
    pairs = set(zip(titles[sequels["head"]], titles[sequels["tail"]], strict=True))
    assert ("Batman Forever", "Batman & Robin") in pairs
    assert ("Free Willy", "Free Willy 2: The Adventure Home") in pairs


def test_lastfm_is_complete(lastfm: Dataset) -> None:
    found = lastfm.interactions
    rows = rows_of("lastfm-2k/listens.csv.gz")
    assert (len(rows), found.num_users, found.num_items) == (92_834, 1_892, 17_632)
    expected = sorted((int(r["user"]), int(r["artist"]), float(r["listens"])) for r in rows)
    assert list(found.to_frame().itertuples(index=False, name=None)) == expected
    assert lastfm.items is None


def test_lastfm_s_friendships_are_mutual(lastfm: Dataset) -> None:
    rows = rows_of("lastfm-2k/friends.csv.gz")
    friends = {frozenset((int(r["user"]), int(r["friend"]))) for r in rows}
    assert len(rows) == len(friends) == 12_717
    assert (len(lastfm.social), lastfm.social.dropped) == (2 * 12_717, 0)
    matrix = lastfm.social.to_csr()
    assert (matrix != matrix.T).nnz == 0
    assert lastfm.social.users.equals(lastfm.interactions.users)


def test_lastfm_s_tags_are_facts_about_artists_that_are_listened_to(lastfm: Dataset) -> None:
    rows = rows_of("lastfm-2k/tags.csv.gz")
    assert (len(rows), len({row["tag"] for row in rows})) == (186_479, 9_749)
    listened = {row["artist"] for row in rows_of("lastfm-2k/listens.csv.gz")}
    expected = {
        (int(row["artist"]), "tagged", f"tag {row['tag']}")
        for row in rows
        if row["artist"] in listened
    }
    found = list(lastfm.knowledge.to_frame().itertuples(index=False, name=None))
    assert len(found) == len(expected)
    assert set(found) == expected
    assert lastfm.knowledge.items.equals(lastfm.interactions.items)


def test_the_toy() -> None:
    data = datasets.load("toy")
    assert data.items.loc["Dune"].tolist() == [2021, "Science Fiction"]
    assert data.items.index.tolist() == data.interactions.items.tolist()
    assert data.split is None
    assert repr(data).splitlines() == [
        "Dataset('toy')",
        "  interactions: Interactions(10 pairs of 5 users and 5 items)",
        "  social: SocialGraph(8 links of 5 users)",
        "  knowledge: KnowledgeGraph(10 facts of 2 kinds about 5 of 5 items, 11 entities)",
        "  items: 5 rows with year, genres",
        "  terms: invented for this course, no conditions",
        "  cite: none needed",
    ]


def test_terms_and_citations_of_the_real_ones(lastfm: Dataset) -> None:
    assert "no commercial use" in datasets.load("movielens-small").terms
    assert "non-commercial" in lastfm.terms
    assert "HetRec 2011" in repr(lastfm)


# ---------------------------------------------------------------------- by name
def test_the_names_that_are_known() -> None:
    assert datasets.available() == [
        "movielens-small", "lastfm-2k", "toy", "gowalla", "yelp2018", "amazon-book",
        "ciao", "epinions", "filmtrust", "lastfm-kg", "book-crossing-kg",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("wrong", "near"),
    [
        ("movielens", "movielens-small"),
        ("LastFM", "lastfm-2k' or 'lastfm-kg"),
        ("gowala", "gowalla"),
        ("yelp", "yelp2018"),
        ("Film-Trust", "filmtrust"),
        ("Toy", "toy"),
        (None, None),
        ("qqqq", None),
    ],
)
def test_an_unknown_name_gets_the_nearest_one(wrong: str, near: str | None) -> None:
    with pytest.raises(ValueError, match="No data set") as caught:
        datasets.load(wrong)
    message = str(caught.value)
    assert repr(wrong) in message
    assert all(name in message for name in datasets.available())
    assert message.endswith(f"Did you mean '{near}'?" if near else "book-crossing-kg.")


# ---------------------------------------------------------------------- where files are
def test_your_folder_comes_first_file_by_file(yours: Path) -> None:
    put(yours, "toy/likes.csv", "user,film\nAna,Dune\nEli,Alien\n")
    data = datasets.load("toy")
    assert data.interactions.to_frame().to_numpy().tolist() == [["Ana", "Dune"], ["Eli", "Alien"]]
    assert len(data.items) == 5  # from the package
    assert len(data.social) == 2  # Ana and Eli


def test_the_package_comes_before_the_cache(nowhere: Path) -> None:
    put(nowhere, "toy/likes.csv", "user,film\nAna,Dune\n")
    assert len(datasets.load("toy").interactions) == 10


def test_your_folder_comes_before_the_cache(yours: Path, nowhere: Path) -> None:
    put_lists(nowhere / "yelp2018", train="0 1 2 4\n")
    assert len(datasets.load("yelp2018").split.train) == 3
    put_lists(yours / "yelp2018", train="0 1\n")
    assert len(datasets.load("yelp2018").split.train) == 1


def test_a_tilde_is_your_home(yours: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(yours.parent))
    monkeypatch.setenv("USERPROFILE", str(yours.parent))
    monkeypatch.setenv("GNNREC_DATA", "~/yours")
    mine = put(yours, "toy/likes.csv", "")
    assert files.find("toy", "likes.csv") == mine


def test_the_cache_is_a_folder_of_the_operating_system(monkeypatch: pytest.MonkeyPatch) -> None:
    assert files.cache().is_absolute()
    assert "gnnrec" in files.cache().parts
    assert files.folders("toy")[-1] == files.cache() / "toy"


def test_lastfm_has_names_where_the_publisher_s_file_is(yours: Path) -> None:
    lines = ["id\tname\turl\tpictureURL", '52\t"Weird Al" Björk\tu\tp', "51\tDuran Duran\tu\tp"]
    put(yours, "lastfm-2k/artists.dat", "\n".join(lines) + "\n")
    data = datasets.load("lastfm-2k")
    assert data.items["title"].to_dict() == {52: '"Weird Al" Björk', 51: "Duran Duran"}
    assert len(data.interactions) == 92_834
    assert "items: 2 rows with title" in repr(data)


@pytest.mark.parametrize("name", ["yelp2018", "amazon-book"])
def test_an_absent_file_says_where_to_get_and_put_it(nowhere: Path, name: str) -> None:
    with pytest.raises(FileNotFoundError) as caught:
        datasets.load(name)
    message = str(caught.value)
    wanted = ["'train.txt'", f"LightGCN-PyTorch/master/data/{name}", f"$GNNREC_DATA/{name}"]
    wanted += [repr(name), str(nowhere / name)]
    assert [part for part in wanted if part not in message] == []


# ---------------------------------------------------------------------- lists
def test_lists_become_a_published_split(yours: Path) -> None:
    put_lists(yours / "amazon-book")
    data = datasets.load("amazon-book")
    frames = [part.to_frame().to_numpy().tolist() for part in (data.split.train, data.split.test)]
    assert frames == [[[0, 1], [0, 2], [1, 0]], [[0, 3], [2, 0], [2, 1]]]
    assert data.interactions.to_frame().to_numpy().tolist() == sorted(frames[0] + frames[1])
    assert data.split.validation is None
    assert (data.interactions.num_users, data.interactions.num_items) == (3, 4)


def test_train_and_test_that_share_pairs_are_refused(yours: Path) -> None:
    put_lists(yours / "yelp2018", train="0 1 2\n", test="0 2 3\n")
    with pytest.raises(
        ValueError,
        match="'yelp2018' were mixed up: train and test share 1 pairs",
    ):
        datasets.load("yelp2018")


def test_lists_are_sorted_and_repeats_are_kept_once(tmp_path: Path) -> None:
    path = put(tmp_path, "train.txt", "2 5 5 1\n\n7\n0 3 \n2 0 1\n")
    users, items = user_item_lists.read_lists(path)
    assert list(zip(users, items, strict=True)) == [(0, 3), (2, 0), (2, 1), (2, 5)]
    assert users.dtype == items.dtype == np.int64


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"0 1\n1 x\n", r"train\.txt, line 2: expected whole numbers"),
        (b"0 1.5\n", r"train\.txt, line 1: expected whole numbers"),
        (b"\x1f\x8b\xff\xfe", r"train\.txt, line 1: expected whole numbers"),
        (b"0 99999999999999999999\n", r"train\.txt, line 1: expected whole numbers"),
        (b"0 -1\n", r"train\.txt: users and items are numbered from 0"),
        (b"-1 0\n", r"train\.txt: users and items are numbered from 0"),
        (b"", r"train\.txt holds no pair"),
        (b"0\n1\n", r"train\.txt holds no pair"),
    ],
)
def test_lists_that_are_none_are_refused(tmp_path: Path, content: bytes, said: str) -> None:
    path = tmp_path / "train.txt"
    path.write_bytes(content)
    with pytest.raises(ValueError, match=said):
        user_item_lists.read_lists(path)


def test_the_digest_is_one_of_pairs_not_of_lines(tmp_path: Path) -> None:
    one = put(tmp_path, "one.txt", "0 2 1\n1 5\n")
    other = put(tmp_path, "other.txt", "1 5\n0 1\n0 2\n")
    expected = hashlib.sha256(b"0 1\n0 2\n1 5\n").hexdigest()
    assert user_item_lists.edge_digest(one) == user_item_lists.edge_digest(other) == expected
    third = put(tmp_path, "third.txt", "0 2 1\n1 6\n")
    assert user_item_lists.edge_digest(third) != expected


# ---------------------------------------------------------------------- downloads
TRAIN, TEST = "0 2 1\n1 0\n", "0 0\n1 1\n"


class Publisher:
    """A web server on this machine, and what was asked of it."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.folder, self.asked, self.cut = folder, [], 0
        publisher = self

        class Handler(http.server.SimpleHTTPRequestHandler):
            def do_GET(self) -> None:
                publisher.asked.append(self.path)
                if not publisher.cut:
                    return super().do_GET()
                self.send_response(200)
                self.send_header("Content-Length", "1000")
                self.end_headers()
                self.wfile.write(b"0" * publisher.cut)
                return None

            def log_message(self, *_) -> None:
                pass

        handler = functools.partial(Handler, directory=str(folder))
        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self.thread = threading.Thread(target=self.server.serve_forever, args=(0.02,))
        self.thread.start()
        url = f"http://127.0.0.1:{self.server.server_port}"
        monkeypatch.setattr(user_item_lists, "PUBLISHER", url)
        monkeypatch.setenv("NO_PROXY", "127.0.0.1")

    def publish(self, train: str = TRAIN, test: str = TEST) -> None:
        put_lists(self.folder / "gowalla", train, test)

    def close(self) -> None:
        self.server.shutdown()
        self.server.server_close()
        self.thread.join()


@pytest.fixture
def publisher(
    nowhere: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> Iterator[Publisher]:
    """Serves a tiny Gowalla, whose digests are the ones looked for."""
    found = Publisher(tmp_path / "web", monkeypatch)
    digests = {}
    for file, content in (("train.txt", TRAIN), ("test.txt", TEST)):
        digests["gowalla", file] = user_item_lists.edge_digest(put(tmp_path, file, content))
    monkeypatch.setattr(user_item_lists, "DIGESTS", digests)
    found.publish()
    yield found
    found.close()


def kept(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.rglob("*") if path.is_file())


def test_a_download_that_verifies_is_kept_and_used_next_time(
    publisher: Publisher, nowhere: Path
) -> None:
    first = datasets.load("gowalla")
    assert len(publisher.asked) == 2
    assert kept(nowhere) == ["test.txt", "train.txt"]
    again = datasets.load("gowalla")
    assert len(publisher.asked) == 2
    for data in (first, again):
        assert data.split.train.to_frame().to_numpy().tolist() == [[0, 1], [0, 2], [1, 0]]
        assert data.split.test.to_frame().to_numpy().tolist() == [[0, 0], [1, 1]]


def test_the_order_within_a_published_line_does_not_matter(publisher: Publisher) -> None:
    publisher.publish(train="1 0\n0 1 2\n")
    assert len(datasets.load("gowalla").split.train) == 3


@pytest.mark.parametrize("content", ["0 1\n", "<html>Please log in</html>", "", "0 " + "9" * 30])
def test_a_download_that_does_not_verify_is_thrown_away(
    publisher: Publisher, nowhere: Path, content: str
) -> None:
    publisher.publish(train=content)
    with pytest.raises(ValueError, match=r"gowalla/train\.txt does not hold the published"):
        datasets.load("gowalla")
    assert kept(nowhere) == []
    publisher.publish()
    assert len(datasets.load("gowalla").split.train) == 3


def test_a_file_the_publisher_has_no_longer(publisher: Publisher, nowhere: Path) -> None:
    (publisher.folder / "gowalla/train.txt").unlink()
    with pytest.raises(FileNotFoundError, match="HTTPError"):
        datasets.load("gowalla")
    assert kept(nowhere) == []


def test_a_download_cut_short_leaves_nothing(publisher: Publisher, nowhere: Path) -> None:
    publisher.cut = 10
    with pytest.raises(FileNotFoundError, match=r"could not be read"):
        datasets.load("gowalla")
    assert kept(nowhere) == []


def test_without_a_network_the_error_says_what_to_do(
    nowhere: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def unreachable(*_, **__) -> Callable:
        raise OSError("Network is unreachable")

    monkeypatch.setattr("pooch.retrieve", unreachable)
    with pytest.raises(FileNotFoundError) as caught:
        datasets.load("gowalla")
    message = str(caught.value)
    wanted = ["'gowalla'", "'train.txt'", "LightGCN-PyTorch/master/data/gowalla/train.txt"]
    wanted += ["OSError", str(nowhere / "gowalla"), "$GNNREC_DATA/gowalla"]
    assert [part for part in wanted if part not in message] == []
    assert isinstance(caught.value.__cause__, OSError)


def test_your_own_gowalla_needs_no_network(yours: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pooch.retrieve", lambda *_, **__: pytest.fail("asked the network"))
    put_lists(yours / "gowalla")
    assert len(datasets.load("gowalla").interactions) == 6


def test_gowalla_is_the_published_one() -> None:
    folder = Path(os.environ.get("GNNREC_DATA", ""), "gowalla")
    if not os.environ.get("GNNREC_DATA") or not (folder / "train.txt").is_file():
        pytest.skip("no gowalla in GNNREC_DATA")
    for file in ("train.txt", "test.txt"):
        digest = user_item_lists.edge_digest(folder / file)
        assert digest == user_item_lists.DIGESTS["gowalla", file]
    data = datasets.load("gowalla")
    assert (data.interactions.num_users, data.interactions.num_items) == (29_858, 40_981)
    assert (len(data.split.train), len(data.split.test)) == (810_128, 217_242)
    pairs = pd.concat([data.split.train.to_frame(), data.split.test.to_frame()])
    assert not pairs.duplicated().any()
