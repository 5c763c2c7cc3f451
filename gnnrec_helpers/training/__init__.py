"""Training a model, and choosing its settings on validation."""

from __future__ import annotations

from .fair_start import League, league
from .fitting import fit
from .history import History
from .tuning import Between, Tuning, tune

__all__ = ["Between", "History", "League", "Tuning", "fit", "league", "tune"]
