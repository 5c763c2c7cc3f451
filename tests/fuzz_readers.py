"""Random and damaged files: every reader answers, or says one sentence; no row is lost unreported.

Run as ``python -m tests.fuzz_readers`` (some minutes), or with ``--count 500 --seed 1``.
"""

from __future__ import annotations

import argparse
import io
import random
import warnings
from collections import Counter
from collections.abc import Callable
from typing import Any

import pandas as pd

from gnnrec_helpers import Interactions

LETTERS = b"0123456789abc,;:\t\"\\'{}[]-+. \r\n\n\n\x00\xe9\xff"
DOCUMENTED = (ValueError, TypeError, FileNotFoundError)


def table(generator: random.Random) -> pd.DataFrame:
    size = generator.randint(1, 12)
    kinds: list[Callable[[], Any]] = [
        lambda: generator.randint(-5, 40),
        lambda: generator.choice(["ana", "ben", "x y", "007", "é", 'say "hi"', "a,b", "NULL"]),
    ]
    user, item = generator.choice(kinds), generator.choice(kinds)
    rows = [(user(), item(), generator.choice(["4", "3.5", "", "NA"])) for _ in range(size)]
    return pd.DataFrame(rows, columns=["user", "item", "r"], dtype=object)


def damaged(content: bytes, generator: random.Random) -> bytes:
    """A few bytes changed, inserted, removed or doubled."""
    letters = bytearray(content)
    for _ in range(generator.choice([0, 1, 1, 2, 6])):
        place = generator.randrange(len(letters) + 1)
        action = generator.randrange(4)
        if action == 0 and place < len(letters):
            letters[place] = generator.choice(LETTERS)
        elif action == 1:
            letters.insert(place, generator.choice(LETTERS))
        elif action == 2:
            del letters[place : place + generator.randint(1, 8)]
        else:
            letters[place:place] = letters[place : place + generator.randint(1, 20)]
    return bytes(letters)


def noise(generator: random.Random) -> bytes:
    letters = LETTERS if generator.random() < 0.8 else bytes(range(256))
    return bytes(generator.choices(letters, k=generator.randint(0, 120)))


# ---------------------------------------------------------------------- one file
def check_csv(content: bytes, generator: random.Random) -> str:
    marks = [mark for mark in (",", ";", "\t") if mark.encode() in content] or [","]
    options: dict[str, Any] = {
        "separator": generator.choice([*marks, "::"]),
        "quote": generator.choice(['"', '"', None]),
        "escape": generator.choice([None, None, "\\"]),
        "header": generator.choice([None, True, content[:4] == b"user"]),
    }
    names: dict[str, Any] = generator.choice(
        [{}, {"rating": "r"}, {"user": 0, "item": 1}, {"user": 0, "item": 1, "rating": 2}]
    )
    read = Interactions.from_csv
    found, told = answer(lambda: read(io.BytesIO(content), missing="drop", **names, **options))
    if found is None:
        return told
    lines = sum(1 for line in content.removeprefix(b"\xef\xbb\xbf").splitlines() if line)
    headers = [int(options["header"])] if options["header"] is not None else [0, 1]
    rows = len(found) + sum(found.dropped.values())
    multiline = (options["quote"] and b'"' in content) or (options["escape"] and b"\\" in content)
    # (a header may span lines)
    assert any(lines - header == rows for header in headers) or (multiline and rows <= lines), (
        f"{lines} lines, {rows} rows: {content!r}, {names}, {options}"
    )
    return "read"


def check_json_lines(content: bytes, generator: random.Random) -> str:
    read = Interactions.from_json_lines
    found, told = answer(lambda: read(io.BytesIO(content), missing="drop"))
    if found is None:
        return told
    lines = sum(1 for line in content.splitlines() if line.strip())
    assert len(found) + sum(found.dropped.values()) >= min(lines, 1), content
    return "read"


def check_parquet(content: bytes, generator: random.Random) -> str:
    found, told = answer(lambda: Interactions.from_parquet(io.BytesIO(content), missing="drop"))
    return told if found is None else "read"


def check_item_lists(content: bytes, generator: random.Random) -> str:
    found, told = answer(lambda: Interactions.from_item_lists(io.BytesIO(content)))
    return told if found is None else "read"


def answer(read: Callable[[], Interactions]) -> tuple[Interactions | None, str]:
    """What was read, or else the name of a documented error of one sentence."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        try:
            return read(), ""
        except DOCUMENTED as error:
            message = str(error.args[0])
            assert "\n" not in message, message
            assert "\r" not in message, message
            assert message.endswith("."), message
            return None, type(error).__name__


# ---------------------------------------------------------------------- many files
def fuzz(count: int, seed: int) -> Counter[str]:
    """How `count` random files, and as many damaged ones, were answered by the readers."""
    answers: Counter[str] = Counter()
    for number in range(count):
        for kind in ("random", "damaged"):
            generator = random.Random(f"{seed} {kind} {number}")
            check = generator.choice(
                [check_csv, check_csv, check_csv, check_json_lines, check_parquet, check_item_lists]
            )
            content = noise(generator)
            if kind == "damaged":
                frame = table(generator)
                buffer = io.BytesIO()
                if check is check_parquet:
                    frame.astype(str).to_parquet(buffer)
                elif check is check_json_lines:
                    frame.to_json(buffer, orient="records", lines=True)
                else:
                    mark = generator.choice([",", ";", "\t"])
                    frame.to_csv(buffer, index=False, sep=mark, header=generator.random() < 0.8)
                content = damaged(buffer.getvalue(), generator)
            answers[f"{check.__name__.removeprefix('check_')}: {check(content, generator)}"] += 1
    return answers


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--count", type=int, default=10_000, help="random files, and damaged ones")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    for what, number in sorted(fuzz(options.count, options.seed).items()):
        print(f"{number:7,}  {what}")


if __name__ == "__main__":
    main()
