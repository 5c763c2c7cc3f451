"""Training a model, and choosing its settings on validation."""

from __future__ import annotations

from .fitting import fit
from .history import History
from .tuning import Between, Tuning, tune

__all__ = ["Between", "History", "Tuning", "fit", "tune"]
