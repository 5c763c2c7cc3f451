"""What functions are given: checks of numbers, and whether a bar is shown."""

from __future__ import annotations

import os

import numpy as np


def check_whole(least: int = 1, **arguments: object) -> None:
    """Refuse an argument that is no whole number, or one below `least`.

    Examples
    --------
    >>> check_whole(k=10, block=2**20)
    >>> check_whole(k="10")
    Traceback (most recent call last):
    TypeError: k='10': a whole number is needed.
    """
    for name, value in arguments.items():
        if isinstance(value, bool) or not isinstance(value, (int, np.integer)):
            raise TypeError(f"{name}={value!r}: a whole number is needed.")
        if value < least:
            raise ValueError(f"{name}={value}: at least {least} is needed.")


def shows_progress(progress: bool | None) -> bool:
    """Whether to show a bar: by default yes, unless the environment has GNNREC_PROGRESS=0."""
    return os.environ.get("GNNREC_PROGRESS") != "0" if progress is None else progress
