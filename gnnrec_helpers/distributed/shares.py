"""Which part of a table is whose, and tables that are spread over processes."""

from __future__ import annotations

from functools import cache

import torch
import torch.distributed as dist
from torch import Tensor
from torch.distributed.device_mesh import DeviceMesh, init_device_mesh
from torch.distributed.tensor import DTensor, Shard


def share(total: int, processes: int, rank: int) -> slice:
    """The rows, or columns, of one process: as :func:`torch.chunk` cuts, and TorchRec does.

    Examples
    --------
    >>> [share(64, 3, rank) for rank in range(3)]
    [slice(0, 22, None), slice(22, 44, None), slice(44, 64, None)]
    """
    size = -(-total // processes)
    return slice(min(rank * size, total), min((rank + 1) * size, total))


def sharded(part: Tensor, total: int, dimension: int) -> DTensor:
    """The whole table, `total` long in this dimension, of which `part` is this process's share.

    Nothing is copied: what is written to the table is written to `part`.
    """
    shape = list(part.shape)
    shape[dimension] = total
    stride = torch.empty(shape, device="meta").stride()
    mesh = _mesh(dist.get_world_size())
    return DTensor.from_local(
        part, mesh, [Shard(dimension)], run_check=False, shape=torch.Size(shape), stride=stride
    )


def columns_of_rows(rows: Tensor, total: int) -> Tensor:
    """Of a table that is spread by rows, the columns that are this process's, shape (total, own).

    Each process sends the others what is theirs, so nobody holds the table.
    """
    processes, rank, dim = dist.get_world_size(), dist.get_rank(), rows.shape[1]
    own = share(dim, processes, rank)
    theirs = [share(dim, processes, other) for other in range(processes)]
    lengths = [share(total, processes, other) for other in range(processes)]
    width = own.stop - own.start
    received = rows.new_empty(total * width)
    dist.all_to_all_single(
        received,
        torch.cat([rows[:, columns].flatten() for columns in theirs]),
        [(one.stop - one.start) * width for one in lengths],
        [rows.shape[0] * (columns.stop - columns.start) for columns in theirs],
    )
    return received.view(total, width)


@cache
def _mesh(processes: int) -> DeviceMesh:
    return init_device_mesh("cpu", (processes,))
