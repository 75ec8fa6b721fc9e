"""PPO's update on a device: the same epochs, minibatches and mathematics, without waiting for it.

Weights and moments come from main memory when an update begins and go back when it ends, with what
is reported, in one copy: there they are saved, resumed and handed to whoever samples.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.optim.adam import adam

from ...policies.network import ActorCritic
from ..columns import GRADIENT_NORM, LOG_PROBABILITY, Columns
from ..gradients import write_gradient_of
from ..update import FlatParameters, UpdateOptions, non_finite
from .graphs import MOST_GRAPHS, Captured
from .mirror import mirror_of


class DeviceTrainee:
    """A module with what trains it, on a device; the other is `update.Trainee`.

    Args:
        name: of the module.
        module: with its critic, in main memory.
        flat: its parameters there.
        optimizer: over `flat`.
        device: where it is trained.
        capture: whether a minibatch becomes a CUDA graph, where there is CUDA.
    """

    compiled = False

    def __init__(
        self,
        name: str,
        module: ActorCritic,
        flat: FlatParameters,
        optimizer: torch.optim.Optimizer,
        device: torch.device,
        capture: bool = True,
    ):
        self.name, self.module, self.flat, self.optimizer = name, module, flat, optimizer
        self._device, self._capture = device, capture
        self._mirror = mirror_of(module, device)
        size = len(self._mirror.values_flat)
        self._moments = torch.zeros((2, size), device=device)
        self._step = torch.zeros((), device=device)
        self._rate = torch.zeros((), device=device)
        self._norm = torch.zeros((), device=device)
        self._broken = torch.zeros((), device=device)
        self._columns: Columns = {}
        self._places: dict[int, Tensor] = {}
        self._steps: dict[Any, Captured] = {}

    def update(
        self, columns: Columns, options: UpdateOptions, shuffle: torch.Generator
    ) -> dict[str, float]:
        """Go through a batch; the terms of the loss in the last step, and its gradient's norm.

        Raises:
            NonFiniteTrainingError: a gradient was not finite; steps by such were not taken.
        """
        self._begin()
        columns = self._kept(columns)
        rows = len(columns[LOG_PROBABILITY])
        size = min(rows, options.minibatch_size or rows)
        ends = [*(size * number for number in range(1, rows // size)), rows]
        terms: dict[str, Tensor] = {}
        for epoch in range(options.epochs):
            order = torch.randperm(rows, generator=shuffle, device=self._device)
            start = 0
            for end in ends:
                if epoch == options.epochs - 1 and end == rows:
                    terms = self._minibatch(columns, order[start:end], options, report=True)
                else:
                    place, step = self._captured(end - start, options)
                    place.copy_(order[start:end])
                    step()
                start = end
        return self._end(terms)

    def _begin(self) -> None:
        """Weights, moments and learning rate as they are in main memory."""
        self._mirror.take(self.module)
        state = self._state()
        moments = torch.stack([state["exp_avg"], state["exp_avg_sq"]]).to(self._device)
        self._moments.index_copy_(1, self._mirror.places, moments)
        self._step.fill_(float(state["step"]))
        self._rate.fill_(float(self.optimizer.param_groups[0]["lr"]))
        self._broken.zero_()

    def _state(self) -> dict[str, Any]:
        """The optimiser's, which it makes with its first step; there is none that it takes here."""
        state: dict[str, Any] = self.optimizer.state[self.flat.buffer]
        if not state:
            state["step"] = torch.tensor(0.0)
            state["exp_avg"] = torch.zeros_like(self.flat.buffer.data)
            state["exp_avg_sq"] = torch.zeros_like(self.flat.buffer.data)
        return state

    def _kept(self, columns: Columns) -> Columns:
        """The columns in tensors that keep their places from one update to the next."""
        for name, column in columns.items():
            kept = self._columns.get(name)
            if kept is None or kept.shape != column.shape:
                self._columns[name] = column
                self._steps.clear()  # they read where the columns were
            elif kept.data_ptr() != column.data_ptr():
                kept.copy_(column)
        return {name: self._columns[name] for name in columns}

    def _captured(self, size: int, options: UpdateOptions) -> tuple[Tensor, Captured]:
        """A step by so many rows, and where the step reads which rows these are."""
        key = (size, options.loss, options.largest_norm)
        if key not in self._steps:
            place = self._places.setdefault(
                size, torch.zeros(size, dtype=torch.int64, device=self._device)
            )
            columns = self._columns
            # A weight of the KL penalty moves from update to update, and with it the graph.
            capture = self._capture and options.loss.kl_coefficient is None
            if len(self._steps) >= MOST_GRAPHS:
                self._steps.clear()
            self._steps[key] = Captured(
                lambda: self._quietly(columns, place, options),
                self._device,
                capture,
                f"a minibatch of module {self.name!r}",
            )
        return self._places[size], self._steps[key]

    def _quietly(self, columns: Columns, rows: Tensor, options: UpdateOptions) -> None:
        self._minibatch(columns, rows, options, report=False)

    @torch.no_grad()
    def _minibatch(
        self, columns: Columns, rows: Tensor, options: UpdateOptions, report: bool
    ) -> dict[str, Tensor]:
        """One step, without waiting for the device; a gradient that is not finite moves nothing."""
        mirror = self._mirror
        part = {name: column.index_select(0, rows) for name, column in columns.items()}
        terms = write_gradient_of(mirror, part, options.loss, report)
        norm = torch.linalg.vector_norm(mirror.gradient)
        self._norm.copy_(norm)
        broken = (~torch.isfinite(norm)).to(norm.dtype)
        self._broken.add_(broken)
        mirror.gradient.mul_((options.largest_norm / (norm + 1e-6)).clamp(max=1.0))
        group = self.optimizer.param_groups[0]
        adam(
            [mirror.values_flat],
            [mirror.gradient],
            [self._moments[0]],
            [self._moments[1]],
            [],
            [self._step],
            fused=True,
            capturable=self._device.type == "cuda",
            found_inf=broken,
            amsgrad=False,
            beta1=group["betas"][0],
            beta2=group["betas"][1],
            lr=self._rate,
            weight_decay=0.0,
            eps=group["eps"],
            maximize=False,
        )
        return terms

    def _end(self, terms: dict[str, Tensor]) -> dict[str, float]:
        """Bring everything to main memory at once."""
        mirror, size = self._mirror, self.flat.buffer.numel()
        whole = torch.cat([mirror.values_flat[None], self._moments])
        scalars = torch.stack([self._broken, self._step, self._norm, *terms.values()])
        fetched = torch.cat([whole.index_select(1, mirror.places).reshape(-1), scalars]).cpu()
        numbers = fetched[3 * size :].tolist()
        if numbers[0]:
            raise non_finite(self.name)
        values, first, second = fetched[: 3 * size].view(3, size)
        self.flat.buffer.data.copy_(values)
        state = self._state()
        state["exp_avg"].copy_(first)
        state["exp_avg_sq"].copy_(second)
        state["step"].fill_(numbers[1])
        return {**dict(zip(terms, numbers[3:], strict=True)), GRADIENT_NORM: numbers[2]}
