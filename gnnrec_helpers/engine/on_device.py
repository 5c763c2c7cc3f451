"""What differs on a GPU, and why.

On a processor the work is what counts: reading a row of embeddings for every edge. So the engine
restricts the last layer to the rows that a batch asks for, puts neighbours next to each other in
memory, draws negatives until each is one, and adds up the loss as it comes. All this is many small
steps, each of which looks at numbers to decide what to do next.

On a GPU the launching of a kernel and every wait for the device are what counts. A full product
with the adjacency of Gowalla takes a tenth of a millisecond there, less than finding out which
rows a batch needs. The engine's second strategy, therefore, has few and large kernels, whose
shapes are known beforehand, and never asks the device for a number within a step:

=====================  ==============================  ==========================================
                       on a processor                  on a GPU
=====================  ==============================  ==========================================
product                `embedding_bag` over rows       cuSPARSE, the matrix kept between calls
layers of a batch      the last at its rows only       all of them, by Horner's rule, then gather
positives, negatives   NumPy, drawn until right        on the device, in one draw each
known negatives        a list of pairs                 a mask, whose shape is always the same
mean of the losses     added up on the host            added up on the device, read once an epoch
ranking                blocks that fit the cache       larger blocks, left on the device
=====================  ==============================  ==========================================

Both compute the same: losses for the same batches agree to rounding. But what is drawn differs,
since a GPU's generator is another one. There the same seed draws the same batches, and a run
repeats to rounding, because sums of several thousand threads are added up in whatever order they
arrive. ``torch.use_deterministic_algorithms(True)`` makes it repeat to the last bit, more slowly.

Which strategy is taken is a matter of where the tensors are. Apple's GPUs ("mps") compute all
layers, too, with `embedding_bag`, and get their batches from NumPy.
"""

from __future__ import annotations

import numpy as np
import torch

GPUS = ("cuda",)  # with sparse products; ROCm's are called so, too


def is_gpu(device: torch.device) -> bool:
    """Is this a device on which launches and waits cost more than arithmetic?"""
    return device.type in GPUS


def generator_on(device: torch.device, *seeds: int) -> torch.Generator:
    """A generator of a device, seeded by several whole numbers that are zero or more."""
    mixed = int(np.random.SeedSequence(seeds).generate_state(1, np.uint64)[0])
    return torch.Generator(device).manual_seed(mixed >> 1)  # a signed number is asked for
