"""The ways of splitting a training, by their names."""

from __future__ import annotations

from contextlib import AbstractContextManager

from ..models import MatrixFactorization, TruncatedLightGCN
from ..models.parts.seeded_layers import part_only
from .dimensions import DimensionParallel, check_linear, own_columns
from .nodes import NodeParallel, check_truncated, own_rows
from .settings import Parallel, Settings, check_parallel


def check_model(model: object, parallel: Parallel, processes: int) -> None:
    """Refuse a model that cannot be trained in this way on so many processes.

    Raises
    ------
    TypeError, ValueError, ImportError
    """
    check_parallel(parallel)
    if parallel == "nodes":
        check_truncated(model)
    else:
        check_linear(model, processes)


def building_own_part(parallel: Parallel) -> AbstractContextManager[None]:
    """Models built meanwhile have what is this process's of their tables."""
    return part_only(lambda rows, dim: own_part(parallel, rows, dim))


def own_part(parallel: Parallel, rows: int, dim: int) -> tuple[slice, slice]:
    """The rows and the columns of a table that are this process's."""
    if parallel == "nodes":
        return own_rows(rows), slice(0, dim)
    return slice(0, rows), own_columns(dim)


def engine_for(model: MatrixFactorization, settings: Settings) -> DimensionParallel | NodeParallel:
    """What this process does in a step, with a model that has its part of the table."""
    if settings.parallel == "nodes":
        assert isinstance(model, TruncatedLightGCN)
        return NodeParallel(model, settings.objective, settings.lr)
    return DimensionParallel(model, settings.objective, settings.lr)
