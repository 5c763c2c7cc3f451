"""Training on several processes, or several machines."""

from __future__ import annotations

from .starting import fit

__all__ = ["fit"]
