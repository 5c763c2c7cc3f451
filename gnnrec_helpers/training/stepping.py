"""One step of training; on a GPU it is recorded once and replayed, where that is possible."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from ..engine.sampling import Batch, RatingBatch

Loss = Callable[[Any, Any], Tensor]


class Stepper:
    """Loss, gradients, Adam: ``step(batch, rate)`` changes the model and returns the loss.

    A step of LightGCN starts about sixty kernels, and to start them takes a GPU's host twice as
    long as they run. CUDA can record them and start them all at once. What is recorded is replayed
    whatever Python would do by then. So it is done only where the class of the model and that of
    the loss say of themselves (``static_step = True``, which is not inherited) that every batch of
    a size is worked on by the same operations, and that nothing is drawn but by the sampler.

    Parameters
    ----------
    model : torch.nn.Module
    objective : Objective
    lr : float
        The first learning rate.
    """

    def __init__(self, model: nn.Module, objective: Loss, lr: float) -> None:
        self.model, self.objective = model, objective
        device = next(model.parameters()).device
        self._may_record = is_static(model, objective, device)
        self.optimizer = torch.optim.Adam(
            model.parameters(),
            lr=torch.tensor(lr, device=device) if self._may_record else lr,
            fused=device.type in ("cpu", "cuda"),
            capturable=self._may_record,
        )
        self._batch: Batch | None = None  # where a replay reads
        self._loss = Tensor()  # where a replay writes
        self._replay: Callable[[], None] | None = None
        self._reaches_model = False

    def start_over(self, objective: Loss) -> None:
        """Go on with this loss, and without what Adam remembers."""
        self.objective = objective
        self.optimizer.state.clear()
        self._batch, self._replay = None, None

    def __call__(self, batch: Batch | RatingBatch, rate: float) -> Tensor:
        """One step at this learning rate; the loss, without gradients, on the model's device."""
        for group in self.optimizer.param_groups:
            if self._may_record:
                group["lr"].fill_(rate)
            else:
                group["lr"] = rate
        if not self._may_record or not isinstance(batch, Batch):
            return self._step(batch)
        if self._batch is None:  # the first of its size
            self._batch = Batch(*(None if part is None else part.clone() for part in batch))  # type: ignore[arg-type]
            return beside(lambda: self._step(batch))
        if any(
            None not in (here, new) and here.shape != new.shape  # type: ignore[union-attr]
            for here, new in zip(self._batch, batch, strict=True)
        ):
            return self._step(batch)  # the last of an epoch is smaller
        for here, new in zip(self._batch, batch, strict=True):
            if here is not None and new is not None:
                here.copy_(new)
        if self._replay is None:
            self._replay = recorded(self._static_step)
        self._replay()
        return self._loss.clone()

    def _static_step(self) -> None:
        self._loss = self._step(self._batch)

    def _step(self, batch: Any) -> Tensor:
        self.optimizer.zero_grad()
        loss = checked_loss(self.objective, self.objective(self.model, batch))
        loss.backward()  # type: ignore[no-untyped-call]
        if not self._reaches_model:
            self._check_gradients()
        self.optimizer.step()
        return loss.detach()

    def _check_gradients(self) -> None:
        """Refuse a loss that is computed from other weights, those of another model for example."""
        if all(weights.grad is None for weights in self.model.parameters()):
            raise TypeError(
                f"{_name_of(self.objective)} gives no weight of the {type(self.model).__name__} a "
                "gradient: a loss has to be computed from the model that it is called with."
            )
        self._reaches_model = True


def checked_loss(objective: Loss, loss: object) -> Tensor:
    """What the objective answered, if the model can be trained by it."""
    if isinstance(loss, Tensor) and loss.dim() == 0 and loss.requires_grad:
        return loss
    answer = type(loss).__name__
    if isinstance(loss, Tensor):
        answer += f" of shape {tuple(loss.shape)}" if loss.dim() else " without gradients"
    raise TypeError(
        f"{_name_of(objective)} answered a {answer}: a loss is one number, a Tensor of shape () "
        "that is computed from the model's weights."
    )


def _name_of(objective: Loss) -> str:
    return str(getattr(objective, "__qualname__", type(objective).__qualname__))


def is_static(model: nn.Module, objective: Loss, device: torch.device) -> bool:
    """Can a step be recorded on this device?"""
    parts = (model, objective)
    return device.type == "cuda" and all(vars(type(p)).get("static_step", False) for p in parts)


def beside(step: Callable[[], Tensor]) -> Tensor:
    """Run a step on a stream of its own, where libraries prepare what a recording cannot."""
    stream = torch.cuda.Stream()
    stream.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(stream):
        result = step()
    torch.cuda.current_stream().wait_stream(stream)
    return result


def recorded(step: Callable[[], None]) -> Callable[[], None]:
    """Record a step, which does not run it, and return what runs it."""
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        step()
    return graph.replay
