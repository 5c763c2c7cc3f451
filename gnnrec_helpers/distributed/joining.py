"""How a process joins the others, leaves them, and says what is wrong."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NoReturn

import torch
import torch.distributed as dist

ERROR = "error: "  # how a line begins that says what is wrong


@contextmanager
def joined() -> Iterator[None]:
    """Among the processes that torchrun started, or alone without torchrun.

    An error that is about what was asked for is one line.
    """
    torch.set_num_threads(int(os.environ.get("OMP_NUM_THREADS", "1")))
    if "WORLD_SIZE" in os.environ:
        dist.init_process_group("gloo")
    else:
        store = dist.HashStore()  # type: ignore[attr-defined]
        dist.init_process_group("gloo", store=store, rank=0, world_size=1)
    try:
        yield
    except (TypeError, ValueError, OSError, ImportError, FloatingPointError) as error:
        print(f"{ERROR}{error}", flush=True)
        raise SystemExit(1) from error
    finally:
        dist.destroy_process_group()


def leave() -> NoReturn:
    """End this process, whose work is done, without taking the interpreter apart.

    On a busy machine some processes that ended in the usual way were aborted after everything was
    written ("terminate called without an active exception", PyTorch 2.13), and torchrun takes them
    for failed. That threads of gloo may do this is known: pull request 179291 of PyTorch.
    """
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(0)
