"""Training a model, and choosing its settings on validation."""

from __future__ import annotations

from .fair_start import CONTENDERS, League, league
from .fitting import fit
from .history import History
from .tuning import Between, Tuning, tune

__all__ = ["CONTENDERS", "Between", "History", "League", "Tuning", "fit", "league", "tune"]
