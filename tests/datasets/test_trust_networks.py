"""Ratings beside a trust network, in the files of their publishers."""

from __future__ import annotations

import os
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from scipy.io import loadmat, savemat
from scipy.sparse import csc_array

from gnnrec_helpers import datasets
from gnnrec_helpers.datasets import files, trust_networks

# user, item, category, rating, helpfulness
RATINGS = [
    [1, 10, 2, 5, 3],
    [4, 10, 2, 1, 1],  # nobody trusts user 4, and she trusts nobody
    [2, 10, 2, 0, 3],  # below the scale
    [2, 30, 9, 3, 1],
    [1, 20, 9, 2, 5],
    [2, 30, 7, 4, 2],  # again, with another rating
    [3, 20, 9, 4, 2],
]
LINKS = [[2, 1], [1, 3], [1, 7], [1, 3]]  # user 7 has no ratings


@pytest.fixture(autouse=True)
def folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """Where GNNREC_DATA points, with an empty cache beside it."""
    monkeypatch.setattr(files, "cache", lambda: tmp_path / "cache")
    monkeypatch.setenv("GNNREC_DATA", str(tmp_path))
    return tmp_path


def put_matrices(folder: Path, name: str, ratings: object = RATINGS, links: object = LINKS) -> None:
    (folder / name).mkdir()
    savemat(folder / name / "rating.mat", {"rating": ratings})
    savemat(folder / name / "trustnetwork.mat", {"trustnetwork": links})


def put_text(folder: Path, ratings: str, trust: str) -> None:
    (folder / "filmtrust").mkdir()
    (folder / "filmtrust" / "ratings.txt").write_text(ratings, encoding="utf-8")
    (folder / "filmtrust" / "trust.txt").write_text(trust, encoding="utf-8")


def rows_of(data: datasets.Dataset) -> list[tuple]:
    return list(data.interactions.to_frame().itertuples(index=False, name=None))


def links_of(data: datasets.Dataset) -> list[tuple]:
    return list(data.social.to_frame().itertuples(index=False, name=None))


# ---------------------------------------------------------------------- MATLAB files
@pytest.mark.parametrize("name", ["ciao", "epinions"])
@pytest.mark.parametrize("columns", [4, 5])
def test_matrices_become_ratings_and_a_directed_graph(
    folder: Path, name: str, columns: int
) -> None:
    put_matrices(folder, name, np.array(RATINGS)[:, :columns])
    data = datasets.load(name)
    assert rows_of(data) == [(1, 10, 5), (1, 20, 2), (2, 30, 4), (3, 20, 4)]
    assert dict(data.interactions.dropped) == {
        "ratings of users outside the trust network": 1,
        "ratings of zero": 1,
        "repeated pairs": 1,
    }
    assert links_of(data) == [(1, 3), (2, 1)]
    assert data.social.dropped == 1
    assert data.social.users.equals(data.interactions.users)
    assert data.split is None
    assert "Tang" in data.citation


def test_somebody_with_zeros_only_is_gone_with_his_links(folder: Path) -> None:
    put_matrices(folder, "ciao", [[1, 5, 1, 3, 1], [2, 5, 1, 0, 1], [3, 5, 1, 1, 1]])
    data = datasets.load("ciao")
    assert data.interactions.users.tolist() == [1, 3]
    assert links_of(data) == [(1, 3)]
    assert data.social.dropped == 2


def test_what_was_not_there_is_not_counted(folder: Path) -> None:
    put_matrices(folder, "ciao", [[1, 5, 1, 3, 1], [2, 5, 1, 4, 1]])
    assert dict(datasets.load("ciao").interactions.dropped) == {}


def test_the_only_matrix_of_a_file_may_have_any_name(folder: Path) -> None:
    put_matrices(folder, "epinions")
    savemat(folder / "epinions" / "rating.mat", {"r": RATINGS, "note": "text is no matrix"})
    assert len(datasets.load("epinions").interactions) == 4


def test_of_several_matrices_the_one_called_like_the_file_counts(folder: Path) -> None:
    put_matrices(folder, "epinions")
    savemat(folder / "epinions" / "rating.mat", {"other": LINKS, "rating": RATINGS})
    assert len(datasets.load("epinions").interactions) == 4


@pytest.mark.parametrize(
    ("ratings", "said"),
    [
        ([[1, 2, 3]], r"rating\.mat holds 1 rows of 3 columns: at least one row and 4 columns"),
        (np.zeros((0, 5)), r"rating\.mat holds 0 rows"),
        ([[1, 2, 1, 3], [1.5, 2, 1, 3]], r"rating\.mat, row 2: users and items .* is 1\.5 2\."),
        ([[1, np.nan, 1, 3]], r"rating\.mat, row 1: users and items are whole numbers"),
        ([[1, 1e300, 1, 3]], r"rating\.mat, row 1: users and items are whole numbers"),
        ([[1, 2, 1, 6]], r"rating\.mat, row 1: ratings go from 0 to 5, and there is 6\."),
        ([[1, 2, 1, -1]], r"rating\.mat, row 1: ratings go from 0 to 5, and there is -1\."),
        ([[1, 2, 1, np.nan]], r"rating\.mat, row 1: ratings go from 0 to 5, and there is nan\."),
        ("text", r"rating\.mat holds 0 matrices of numbers"),
        (csc_array(np.eye(4)), r"rating\.mat holds 0 matrices of numbers"),
        ([[8, 2, 1, 3]], r"No rating of 'ciao' is left"),
        ([[1, 2, 1, 0]], r"No rating of 'ciao' is left"),
    ],
)
def test_matrices_that_are_none_of_ratings(folder: Path, ratings: object, said: str) -> None:
    put_matrices(folder, "ciao", ratings)
    with pytest.raises(ValueError, match=said):
        datasets.load("ciao")


@pytest.mark.parametrize(
    ("links", "said"),
    [
        ([[1], [2]], r"trustnetwork\.mat holds 2 rows of 1 columns"),
        ([[1, 2], [1, 2.5]], r"trustnetwork\.mat, row 2: users are whole numbers, .* is 1 2\.5\."),
    ],
)
def test_matrices_that_are_none_of_links(folder: Path, links: object, said: str) -> None:
    put_matrices(folder, "ciao", RATINGS, links)
    with pytest.raises(ValueError, match=said):
        datasets.load("ciao")


def test_two_matrices_none_of_which_is_called_like_the_file(folder: Path) -> None:
    put_matrices(folder, "ciao")
    savemat(folder / "ciao" / "rating.mat", {"a": RATINGS, "b": RATINGS})
    with pytest.raises(ValueError, match=r"holds 2 matrices .*: one is needed, or one called"):
        datasets.load("ciao")


@pytest.mark.parametrize(
    "content", [b"", b"<html>Please log in</html>", b"MATLAB 7.3 MAT-file".ljust(512, b" ")]
)
def test_a_file_that_is_not_matlab_s(folder: Path, content: bytes) -> None:
    put_matrices(folder, "ciao")
    (folder / "ciao" / "rating.mat").write_bytes(content)
    with pytest.raises(ValueError, match=r"rating\.mat cannot be read as a MATLAB file"):
        datasets.load("ciao")


@pytest.mark.parametrize("share", [0.3, 0.6, 0.9])
def test_a_matlab_file_cut_short(folder: Path, share: float) -> None:
    put_matrices(folder, "ciao", np.ones((500, 5)))
    path = folder / "ciao" / "rating.mat"
    content = path.read_bytes()
    path.write_bytes(content[: int(share * len(content))])
    with pytest.raises(ValueError, match=r"rating\.mat cannot be read as a MATLAB file"):
        datasets.load("ciao")


@pytest.mark.parametrize("name", ["ciao", "epinions", "filmtrust"])
def test_an_absent_file_says_where_to_get_and_put_it(folder: Path, name: str) -> None:
    with pytest.raises(FileNotFoundError) as caught:
        datasets.load(name)
    message = str(caught.value)
    wanted = ["'rating", "https://", f"$GNNREC_DATA/{name}", str(folder / "cache" / name)]
    assert [part for part in wanted if part not in message] == []


# ---------------------------------------------------------------------- text files
def test_filmtrust_keeps_everybody(folder: Path) -> None:
    put_text(folder, "1 1 2\n2 1 0.5\n\n5 2\t4.0\n2 2 0\n1 1 3.5\n", "1 2 1\n2 9 1\n")
    data = datasets.load("filmtrust")
    assert rows_of(data) == [(1, 1, 3.5), (2, 1, 0.5), (5, 2, 4)]  # 5 trusts nobody
    assert dict(data.interactions.dropped) == {"ratings of zero": 1, "repeated pairs": 1}
    assert links_of(data) == [(1, 2)]
    assert data.social.dropped == 1
    assert "Guo" in data.citation


@pytest.mark.parametrize(
    ("ratings", "trust", "said"),
    [
        ("1 1 2\n1 x 2\n", "1 2 1", r"ratings\.txt, line 2: expected numbers"),
        ("1,1,2\n", "1 2 1", r"ratings\.txt, line 1: expected numbers"),
        ("1 1 2\n1 2\n", "1 2 1", r"ratings\.txt, line 2: 2 numbers, and 3 in the lines before"),
        ("1 1\n", "1 2 1", r"ratings\.txt holds 1 rows of 2 columns: .* and 3 columns"),
        ("", "1 2 1", r"ratings\.txt holds 0 rows"),
        ("1 1 5\n", "1 2 1", r"ratings\.txt, row 1: ratings go from 0 to 4, and there is 5\."),
        ("1 1 nan\n", "1 2 1", r"ratings\.txt, row 1: ratings go from 0 to 4"),
        ("1 1 2\n", "", r"trust\.txt holds 0 rows"),
        ("1 1 2\n", "1 2 1\n1 3 0\n", r"trust\.txt, row 2: a link has the value 1, .* is 0\."),
    ],
)
def test_text_that_is_none_of_ratings(folder: Path, ratings: str, trust: str, said: str) -> None:
    put_text(folder, ratings, trust)
    with pytest.raises(ValueError, match=said):
        datasets.load("filmtrust")


# ---------------------------------------------------------------------- the real one
@pytest.fixture
def ciao(monkeypatch: pytest.MonkeyPatch) -> Path:
    if YOURS is None or not (YOURS / "ciao" / "rating.mat").is_file():
        pytest.skip("no ciao in GNNREC_DATA")
    monkeypatch.setenv("GNNREC_DATA", str(YOURS))
    return YOURS / "ciao"


YOURS = Path(os.environ["GNNREC_DATA"]) if os.environ.get("GNNREC_DATA") else None


def test_ciao_as_published(ciao: Path) -> None:
    ratings = trust_networks.read_ratings(ciao / "rating.mat", column=3, highest=5.0)
    counts = ratings.nunique()
    assert (len(ratings), counts["user"], counts["item"]) == (284_086, 7_375, 105_114)
    assert (ratings["rating"] == 0).sum() == 34
    assert ratings.duplicated(["user", "item"]).sum() == 1_436
    links = trust_networks.read_links(ciao / "trustnetwork.mat")
    assert len(links) == 111_781
    known = ratings[ratings["user"].isin({*links["user"], *links["friend"]})]
    counts = known.nunique()
    assert (len(known), counts["user"], counts["item"]) == (283_320, 7_317, 104_975)


def test_ciao_is_cleaned_as_documented(ciao: Path) -> None:
    data = datasets.load("ciao")
    found = data.interactions
    matrix = loadmat(ciao / "rating.mat")["rating"].tolist()
    links = {tuple(row) for row in loadmat(ciao / "trustnetwork.mat")["trustnetwork"].tolist()}
    trusting = {user for link in links for user in link}
    expected: dict[tuple[int, int], float] = {}
    left_out: Counter[str] = Counter()
    for user, item, _, rating, _ in matrix:
        if user not in trusting:
            left_out["ratings of users outside the trust network"] += 1
        elif rating == 0:
            left_out["ratings of zero"] += 1
        else:
            left_out["repeated pairs"] += (user, item) in expected
            expected[user, item] = rating  # a later row replaces an earlier one
    assert rows_of(data) == [(*pair, rating) for pair, rating in sorted(expected.items())]
    assert (len(found), found.num_users, found.num_items) == (281_867, 7_317, 104_957)
    assert dict(found.dropped) == left_out
    assert set(links_of(data)) == links
    assert (len(data.social), data.social.dropped) == (111_781, 0)
