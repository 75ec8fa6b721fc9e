"""What tells statistics of real paths from those of simulated ones, and its game against θ."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any, Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn.functional import logsigmoid, softplus

from ..objectives.target import Target
from .adversarial_options import AdversarialOptions, Inputs

Floats = NDArray[np.float64]
LEAST_EIGENVALUE = 1e-3  # of the correlation of statistics; directions below are left out


BETAS = (0.5, 0.99)
CONSTANT_SHARE = 0.5  # of the game, before rates fall
LAST_STEP, LAST_RATE = 0.05, 0.1  # shares of the first step and rate that are left at the end


class Discriminator(nn.Module):
    """Says how much paths look like real ones, by a logistic regression or a network.

    Args:
        shift: taken off statistics, ``(m,)``.
        matrix: that they are then multiplied by, ``(m, k)``.
        hidden: units of the hidden layers; none: a logistic regression, which starts at zero.
        seed: of the first weights otherwise.
    """

    shift: Tensor
    matrix: Tensor

    def __init__(self, shift: Floats, matrix: Floats, hidden: tuple[int, ...], seed: int):
        super().__init__()
        self.register_buffer("shift", torch.from_numpy(shift.copy()))
        self.register_buffer("matrix", torch.from_numpy(matrix.copy()))
        layers: list[nn.Module] = []
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            for inputs, outputs in pairwise((matrix.shape[1], *hidden, 1)):
                layers += [nn.Linear(inputs, outputs, dtype=torch.float64), nn.ReLU()]
        self.layers = nn.Sequential(*layers[:-1])
        if not hidden:
            for parameter in self.parameters():
                nn.init.zeros_(parameter)

    @classmethod
    def of(cls, target: Target, inputs: Inputs, hidden: tuple[int, ...], seed: int) -> Self:
        """One that is shown statistics in the units of a reference."""
        deviation = np.sqrt(np.diag(target.covariance))
        matrix = np.diag(1.0 / deviation)
        if inputs == "whitened":
            values, vectors = np.linalg.eigh(target.covariance / np.outer(deviation, deviation))
            kept = values > LEAST_EIGENVALUE
            matrix = vectors[:, kept] / np.sqrt(values[kept]) / deviation[:, None]
        return cls(target.mean, matrix, hidden, seed)

    def shown(self, rows: Any) -> Tensor:
        """Statistics in the discriminator's units, ``(B, m)`` of NumPy or torch to ``(B, k)``."""
        found: Tensor = (torch.as_tensor(rows) - self.shift) @ self.matrix
        return found

    def odds(self, shown: Tensor) -> Tensor:
        """Log odds of being real of what it was shown, ``(B, k)`` to ``(B,)``."""
        logits: Tensor = self.layers(shown)
        return logits[:, 0]

    def forward(self, rows: Any) -> Tensor:
        """Log odds of being real, ``(B, m)`` of NumPy or torch to ``(B,)``."""
        return self.odds(self.shown(rows))

    def score(self, rows: Any) -> Tensor:
        """log D: how well simulated paths pass for real ones, ``(B,)``."""
        return logsigmoid(self(rows))

    def loss(self, real: Tensor, simulated: Tensor) -> Tensor:
        """Of telling one from the other, both as shown; 2 log 2 is chance."""
        return softplus(-self.odds(real)).mean() + softplus(self.odds(simulated)).mean()

    def state(self) -> dict[str, Any]:
        """Weights, and how statistics are shown, as lists."""
        return {name: value.tolist() for name, value in self.state_dict().items()}

    @classmethod
    def restored(cls, state: dict[str, Any], hidden: tuple[int, ...]) -> Self:
        """What `state` wrote down."""
        values = {k: torch.tensor(v, dtype=torch.float64) for k, v in state.items()}
        found = cls(values["shift"].numpy(), values["matrix"].numpy(), hidden, 0)
        found.load_state_dict(values)
        return found


class Duel:
    """θ against a discriminator, each with one step of Adam per iteration.

    The discriminator learns from all real paths. A *witness*, another one of the same kind, learns
    from those alone that are not held out; it moves nothing, and its losses on either part say
    whether discriminators like it learn real paths by heart.

    Args:
        settings: the leader's options.
        pair: the discriminator and the witness.
        unit: θ on the unit cube, ``(d,)``; it is changed in place.
        step: of θ at first, as a share of the range.
        iterations: length of the game.
        seed: of what is held out.
    """

    def __init__(
        self,
        settings: AdversarialOptions,
        pair: Sequence[Discriminator],
        unit: Tensor,
        step: float,
        iterations: int,
        seed: int,
    ):
        self._settings, self._pair, self._unit, self._seed = settings, pair, unit, seed
        self._step_size, self._iterations = step, max(1, iterations)
        self._real: tuple[Tensor, Tensor, Tensor] | None = None
        parameters = [p for one in pair for p in one.parameters()]
        self._optimizer = torch.optim.Adam(
            [
                {"params": [unit], "lr": step},
                {"params": parameters, "lr": settings.rate, "weight_decay": settings.penalty},
            ],
            betas=BETAS,
        )
        self.done = self.averaged = self.at_bound = 0
        self._sums = np.zeros(len(unit))
        self.losses, self._loss_sums = np.zeros(2), np.zeros(2)

    @classmethod
    def begun(
        cls,
        settings: AdversarialOptions,
        target: Target,
        unit: Tensor,
        step: float,
        iterations: int,
        seed: int,
    ) -> Self:
        """One whose discriminators know nothing yet, of the statistics of a target."""
        pair = [Discriminator.of(target, settings.inputs, settings.hidden, seed) for _ in range(2)]
        return cls(settings, pair, unit, step, iterations, seed)

    @property
    def judge(self) -> Discriminator:
        """The discriminator that θ plays against."""
        return self._pair[0]

    @property
    def over(self) -> bool:
        """Whether it has had all its iterations."""
        return self.done >= self._iterations

    def play(self, rows: Floats, slope: Floats | None, target: Target) -> None:
        """One step of both.

        Args:
            rows: statistics of simulated paths, ``(copies, m)``.
            slope: of log D by θ on the unit cube, ``(d,)``; None: θ stays.
            target: the same in every iteration.
        """
        judge, witness = self._pair
        if self._real is None:
            self._real = self._split(target)
        real, seen, unseen = self._real
        self._schedule()
        self._optimizer.zero_grad()
        if slope is not None:
            self._unit.grad = -torch.from_numpy(slope)
        simulated = judge.shown(rows)
        loss = judge.loss(real, simulated)
        learned = witness.loss(seen, simulated)
        with torch.no_grad():
            elsewhere = witness.loss(unseen, simulated)
        (loss + learned).backward()
        self._optimizer.step()
        inside = self._unit.clamp(0.0, 1.0)
        self.at_bound += int(not torch.equal(inside, self._unit))
        self._unit.copy_(inside)
        self.losses = np.array([float(learned.detach()), float(elsewhere)])

    def _split(self, target: Target) -> tuple[Tensor, Tensor, Tensor]:
        """All real paths, those that the witness learns from, and the others, as shown."""
        assert target.rows is not None
        real = self.judge.shown(target.rows)
        order = np.random.default_rng(self._seed).permutation(len(real))
        held = max(1, round(self._settings.held_out * len(order)))
        return real, real[order[held:]], real[order[:held]]

    def ended(self, theta: Floats) -> None:
        """An iteration is over, with θ ``(d,)`` at its end."""
        self.done += 1
        if self.done > (1.0 - self._settings.averaged_share) * self._iterations:
            self.averaged += 1
            self._sums += theta
            self._loss_sums += self.losses

    def _schedule(self) -> None:
        """Rates are constant, and then fall linearly."""
        past = max(0.0, (self.done + 1) / self._iterations - CONSTANT_SHARE)
        past /= 1.0 - CONSTANT_SHARE
        first = (self._step_size, LAST_STEP), (self._settings.rate, LAST_RATE)
        for group, (rate, left) in zip(self._optimizer.param_groups, first, strict=True):
            group["lr"] = rate * (1.0 - (1.0 - left) * past)

    def mean(self) -> Floats | None:
        """θ over the last part of the game; None before it."""
        return self._sums / self.averaged if self.averaged else None

    def mean_losses(self) -> Floats | None:
        """The witness's loss where it learned and where it did not, likewise, ``(2,)``."""
        return self._loss_sums / self.averaged if self.averaged else None

    def state(self) -> dict[str, Any]:
        """Everything that changes."""
        state: dict[str, Any] = {name: getattr(self, name) for name in _NUMBERS}
        state |= {name: getattr(self, name).tolist() for name in _ARRAYS}
        state["discriminators"] = [one.state() for one in self._pair]
        state["optimizer"] = {
            str(place): {key: value.tolist() for key, value in moments.items()}
            for place, moments in self._optimizer.state_dict()["state"].items()
        }
        return state

    def restore(self, state: dict[str, Any]) -> None:
        """Go on from what `state` returned, between the discriminators in it."""
        for name in _NUMBERS:
            setattr(self, name, state[name])
        for name in _ARRAYS:
            setattr(self, name, np.array(state[name], dtype=np.float64))
        moments = {
            int(place): {k: torch.tensor(v, dtype=torch.float64) for k, v in entries.items()}
            for place, entries in state["optimizer"].items()
        }
        self._optimizer.load_state_dict({**self._optimizer.state_dict(), "state": moments})


_ARRAYS = ("_sums", "losses", "_loss_sums")
_NUMBERS = ("done", "averaged", "at_bound")
