"""Rebuild an embedded data set from the public package that carries it.

    apt-get download r-cran-dslabs            # Debian: MovieLens, 2016 small edition
    pip install rdata
    python data/rebuild.py movielens-small r-cran-dslabs_0.7.4-1_all.deb

    pip download --no-deps graphdatascience==2.2     # PyPI: Last.fm HetRec 2011
    pip install pyarrow
    python data/rebuild.py lastfm-2k graphdatascience-2.2-py3-none-any.whl

    pip download --no-deps recbole==1.2.1            # PyPI: Freebase facts about movies
    python data/rebuild.py movielens-small-facts recbole-1.2.1-py3-none-any.whl

The files are written byte for byte the same on every machine (gzip without time stamp),
so `git diff` after a rebuild shows whether the sources still say what is embedded here.
"""

from __future__ import annotations

import argparse
import gzip
import hashlib
import io
import lzma
import os
import tarfile
import zipfile
import zlib
from pathlib import Path

import pandas as pd

DATA = Path(__file__).resolve().parent


def deb_members(deb: Path) -> tarfile.TarFile:
    """The files a Debian package installs (an `ar` archive holding one `data.tar.*`)."""
    raw = deb.read_bytes()
    if not raw.startswith(b"!<arch>\n"):
        raise SystemExit(f"{deb} is not a Debian package.")
    position = 8
    while position < len(raw):
        name = raw[position : position + 16].decode().strip().rstrip("/")
        size = int(raw[position + 48 : position + 58])
        body = raw[position + 60 : position + 60 + size]
        if name.startswith("data.tar"):
            return tarfile.open(fileobj=io.BytesIO(body))
        position += 60 + size + size % 2
    raise SystemExit(f"{deb} holds no data.tar.")


def lazy_load_object(files: tarfile.TarFile, folder: str, name: str) -> object:
    """One object of an R lazy-load database: `.rdx` says where in `.rdb` it lies."""
    import rdata

    def member(suffix: str) -> bytes:
        (found,) = [n for n in files.getnames() if n.endswith(f"{folder}/data/Rdata.{suffix}")]
        extracted = files.extractfile(found)
        assert extracted is not None
        return extracted.read()

    def unserialize(stream: bytes) -> object:
        return rdata.conversion.convert(rdata.parser.parse_data(stream))

    index = unserialize(zlib.decompress(member("rdx"), wbits=47))
    offset, length = (int(number) for number in index["variables"][name])
    block = member("rdb")[offset : offset + length]
    # four bytes of uncompressed length, then one letter for the compression (zlib has none)
    letter, body = block[4:5], block[5:]
    stream = lzma.decompress(body) if letter == b"Z" else zlib.decompress(block[4:])
    return unserialize(stream)


def movielens_small(deb: Path) -> dict[str, pd.DataFrame]:
    table = pd.DataFrame(lazy_load_object(deb_members(deb), "dslabs", "movielens"))
    ratings = table[["userId", "movieId", "rating", "timestamp"]].astype(
        {"userId": int, "movieId": int, "timestamp": int}
    )
    ratings.columns = ["user", "movie", "rating", "timestamp"]
    movies = table[["movieId", "title", "year", "genres"]].drop_duplicates("movieId")
    movies = movies.astype({"movieId": int, "year": "Int64", "title": str, "genres": str})
    movies.columns = ["movie", "title", "year", "genres"]
    return {
        "ratings": ratings.sort_values(["user", "movie"]),
        "movies": movies.sort_values("movie"),
    }


def lastfm_2k(wheel: Path) -> dict[str, pd.DataFrame]:
    archive = zipfile.ZipFile(wheel)
    folder = "graphdatascience/resources/lastfm/"
    artist_offset = 10_000  # the package keeps users and artists apart by adding this

    def table(file: str, columns: dict[str, str]) -> pd.DataFrame:
        frame = pd.read_parquet(io.BytesIO(archive.read(folder + file)))
        frame = frame[list(columns)].rename(columns=columns).astype(int)
        if "artist" in frame:
            frame["artist"] -= artist_offset
        return frame

    listens = {"sourceNodeId": "user", "targetNodeId": "artist", "weight": "listens"}
    friends = {"sourceNodeId": "user", "targetNodeId": "friend"}
    tags = {"sourceNodeId": "user", "targetNodeId": "artist", "tagID": "tag"}
    tables = {
        "listens": table("user_listen_artist_rels.parquet.gzip", listens),
        "friends": table("user_friend_df_directed.parquet.gzip", friends),
        "tags": table("user_tag_artist_rels.parquet.gzip", tags),
    }
    return {name: t.sort_values(list(t.columns[:3])) for name, t in tables.items()}


def movielens_small_facts(wheel: Path) -> dict[str, pd.DataFrame]:
    """Freebase facts about movies with a MovieLens number up to 1682.

    The package links them to the "items" of ml-100k, an older set with numbers of its own. But the
    numbers in the link are those of MovieLens's later sets, which this one has too: number 260 is
    linked to Star Wars, which it is here, and not to ml-100k's 260, "Event Horizon". A test
    compares genres, so that such a mix-up cannot come back.
    """
    archive = zipfile.ZipFile(wheel)
    folder = "recbole/dataset_example/ml-100k/ml-100k"

    def table(suffix: str, columns: list[str]) -> pd.DataFrame:
        text = io.BytesIO(archive.read(folder + suffix))
        return pd.read_csv(text, sep="\t", names=columns, header=0, dtype=str, quoting=3)

    link = table(".link", ["movie", "entity"]).astype({"movie": int})
    ours = pd.read_csv(DATA / "movielens-small" / "movies.csv.gz")["movie"]
    movie = link[link["movie"].isin(ours)].set_index("entity")["movie"]
    if movie.index.has_duplicates or movie.duplicated().any():
        raise SystemExit("The link is not one to one any more.")

    facts = table(".kg", ["head", "relation", "tail"])
    # the other half of the table says the same from the other side
    facts = facts[facts["relation"].str.startswith("film.film.") & facts["head"].isin(movie.index)]
    of_movie = facts["tail"].map(movie)
    told = pd.DataFrame(
        {
            "movie": facts["head"].map(movie).astype(int),
            "relation": facts["relation"].str.removeprefix("film.film."),
            "entity": of_movie.astype("Int64").astype(str).where(of_movie.notna(), facts["tail"]),
        }
    )
    return {"facts": told.drop_duplicates().sort_values(["movie", "relation", "entity"])}


def write(frame: pd.DataFrame, path: Path) -> None:
    """Gzipped CSV without a time stamp; written beside its place, then renamed into it."""
    text = frame.to_csv(index=False, lineterminator="\n").encode()
    temporary = path.with_name(path.name + ".part")
    temporary.write_bytes(gzip.compress(text, compresslevel=9, mtime=0))
    os.replace(temporary, path)
    print(f"{path.relative_to(DATA)}: {len(frame):,} rows, {path.stat().st_size:,} bytes")


def write_checksums() -> None:
    files = sorted(p for p in DATA.glob("*/*.csv*"))
    lines = [
        f"{hashlib.sha256(p.read_bytes()).hexdigest()}  {p.relative_to(DATA).as_posix()}\n"
        for p in files
    ]
    (DATA / "SHA256SUMS").write_text("".join(lines), encoding="utf-8", newline="\n")


def main() -> None:
    builders = {
        "movielens-small": movielens_small,
        "movielens-small-facts": movielens_small_facts,
        "lastfm-2k": lastfm_2k,
    }
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("name", choices=[*builders, "checksums"])
    parser.add_argument("package", type=Path, nargs="?", help="the downloaded .deb or .whl")
    arguments = parser.parse_args()
    if arguments.name in builders:
        if arguments.package is None:
            parser.error(f"{arguments.name} is rebuilt from a package: give its path")
        for table, frame in builders[arguments.name](arguments.package).items():
            folder = arguments.name.removesuffix("-facts")
            write(frame, DATA / folder / f"{table}.csv.gz")
    write_checksums()


if __name__ == "__main__":
    main()
