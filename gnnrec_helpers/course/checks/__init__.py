"""Checks used inside the notebooks: claims that must hold, and exercises that answer back.

``near`` and ``equal`` print the same line whenever they hold and raise when they do not, so a
stored output stays comparable while a wrong model still turns red. ``exercise`` says whether an
answer is right, or hints at what is off; ``progress`` lists what is solved. ``predict`` sets a
guess beside the answer.
"""

from __future__ import annotations

from . import (
    notebook_01,
    notebook_02,
    notebook_03,
    notebook_04,
    notebook_05,
    notebook_06,
    notebook_07,
    notebook_08,
    notebook_09,
    notebook_10,
    notebook_11,
    notebook_12,
    notebook_13,
    notebook_14,
    notebook_15,
)
from .claims import equal, holds, near
from .exercises import NOT_ANSWERED, exercise, exercises, progress
from .predictions import predict

__all__ = [
    "NOT_ANSWERED",
    "equal",
    "exercise",
    "exercises",
    "holds",
    "near",
    "predict",
    "progress",
]

_ = (
    notebook_01,
    notebook_02,
    notebook_03,
    notebook_04,
    notebook_05,
    notebook_06,
    notebook_07,
    notebook_08,
    notebook_09,
    notebook_10,
    notebook_11,
    notebook_12,
    notebook_13,
    notebook_14,
    notebook_15,
)
