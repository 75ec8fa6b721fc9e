"""The game between an adversarial leader and its discriminator, step by step."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from ...envs.core.characteristics import Characteristics
from ...envs.core.errors import PacesetterError
from ..leader import Measured, Question
from ..objectives.target import Target
from .adversarial_options import AdversarialOptions
from .discriminator import Discriminator

Floats = NDArray[np.float64]
BETAS = (0.5, 0.99)
CONSTANT_SHARE = 0.5  # of the run, before rates fall
LAST_STEP, LAST_RATE = 0.05, 0.1  # shares of the first step and rate that are left at the end
CHANCE = 2.0 * math.log(2.0)  # loss of a discriminator that cannot tell
MEMORISED, KNOWN = 1.39, 1.30  # held-out loss above the one, training loss below the other
MOST_IN_A_ROW = 10
MOST_AT_A_BOUND = 0.2


class AdversarialGuide:
    """One game; see `AdversarialLeader`.

    The gradient of a path's score, log D, is that by its statistics: weights that depend on the
    statistics themselves. The question therefore carries the score as a function, which is called
    when the episodes have been played; one pass backwards gives all.

    Args:
        settings: the leader's options.
        characteristics: the θ space.
        theta: where it begins, ``(d,)``.
        seed: of the discriminator's first weights and of what is held out.
        iterations: length of the game.
    """

    def __init__(
        self,
        settings: AdversarialOptions,
        characteristics: Characteristics,
        theta: Floats,
        seed: int,
        iterations: int,
    ):
        self._settings, self._space, self._seed = settings, characteristics, seed
        self._iterations = max(1, iterations)
        self._range = characteristics.high - characteristics.low
        unit = np.asarray(characteristics.to_unit(theta), dtype=np.float64)
        self._unit = torch.from_numpy(unit.copy())
        self._sums, self._losses = np.zeros_like(theta), np.zeros(2)
        self._averaged = self._done = self._lost = self._flat = self._bad = self._at_bound = 0
        self._discriminator: Discriminator | None = None
        self._optimizer: torch.optim.Adam | None = None

    @property
    def _theta(self) -> Floats:
        inside = np.clip(
            self._space.from_unit(self._unit.numpy()), self._space.low, self._space.high
        )
        theta: Floats = self._space.nearest_allowed(inside[None])[0]
        return theta

    def next_theta(self, slots: int) -> Floats:
        """The present θ in every copy."""
        return np.repeat(self._theta[None], slots, axis=0)

    def question(self) -> Question:
        """Statistics at θ and, once there is a discriminator, the gradient of log D."""
        settings, theta = self._settings, self._theta[None]
        if self._discriminator is None:
            return Question(theta, copies=settings.copies, wants=frozenset({"statistics"}))
        return Question(
            theta,
            settings.how,
            width=settings.width,
            copies=settings.copies,
            wants=frozenset({"statistics", "gradients"}),
            score=self._discriminator.score,
        )

    def learn(self, measured: Measured, last: bool) -> None:
        """A step of both."""
        assert measured.rows is not None and measured.target is not None
        if self._discriminator is None:
            settings = self._settings
            self._prepare(
                Discriminator.of(measured.target, settings.inputs, settings.hidden, self._seed)
            )
        self._done += 1
        rows = measured.rows[0]
        if not np.isfinite(rows).all() or not _finite(measured.gradients):
            self._drop()
            return
        self._bad = 0
        self._step(rows, measured.gradients, measured.target)
        if self._done > (1.0 - self._settings.averaged_share) * self._iterations:
            self._averaged += 1
            self._sums += self._theta

    def _drop(self) -> None:
        self._lost, self._bad = self._lost + 1, self._bad + 1
        if self._bad >= MOST_IN_A_ROW:
            raise PacesetterError(
                f"statistics or their gradient were no numbers in {self._bad} iterations in a row; "
                "the last checkpoint stands. Use leader.how: differences, or narrow θ."
            )

    def _prepare(self, discriminator: Discriminator) -> None:
        """Have one optimiser for both sides."""
        self._discriminator = discriminator
        own = {"params": [self._unit], "lr": self._settings.step}
        others = {"params": list(discriminator.parameters()), "lr": self._settings.rate}
        self._optimizer = torch.optim.Adam([own, others], betas=BETAS)

    def _step(self, rows: Floats, gradients: Floats | None, target: Target) -> None:
        """One step of Adam for θ and for the discriminator."""
        assert self._optimizer is not None and self._discriminator is not None
        assert target.rows is not None
        order = np.random.default_rng(self._seed).permutation(len(target.rows))
        held = max(1, round(self._settings.held_out * len(order)))
        self._schedule()
        self._optimizer.zero_grad()
        if gradients is not None:
            slope = gradients[0] * self._range
            self._flat = 0 if slope.any() else self._flat + 1
            self._unit.grad = -torch.from_numpy(slope)
        loss = self._discriminator.loss(target.rows[order[held:]], rows)
        with torch.no_grad():
            unseen = self._discriminator.loss(target.rows[order[:held]], rows)
        loss.backward()
        self._optimizer.step()
        inside = self._unit.clamp(0.0, 1.0)
        self._at_bound += int(not torch.equal(inside, self._unit))
        self._unit.copy_(inside)
        if self._done > (1.0 - self._settings.averaged_share) * self._iterations:
            self._losses += float(loss.detach()), float(unseen)

    def _schedule(self) -> None:
        """Rates are constant, and then fall linearly."""
        assert self._optimizer is not None
        past = max(0.0, self._done / self._iterations - CONSTANT_SHARE) / (1.0 - CONSTANT_SHARE)
        settings = self._settings
        first = (settings.step, LAST_STEP), (settings.rate, LAST_RATE)
        for group, (rate, left) in zip(self._optimizer.param_groups, first, strict=True):
            group["lr"] = rate * (1.0 - (1.0 - left) * past)

    def answer(self, acting: Callable[[], Floats]) -> Floats:
        """The mean over the last part of the run."""
        return self._sums / self._averaged if self._averaged else self._theta

    def figures(self) -> dict[str, float]:
        """The discriminator's loss over the same part, where it learned and where it did not."""
        if not self._averaged:
            return {}
        training, unseen = self._losses / self._averaged
        return {
            "discriminator_loss/training": float(training),
            "discriminator_loss/held_out": float(unseen),
            "discriminator_loss/chance": CHANCE,
        }

    def warnings(self) -> list[str]:
        """Where the answer may not be believed."""
        found, figures = [], self.figures()
        if figures:
            training = figures["discriminator_loss/training"]
            unseen = figures["discriminator_loss/held_out"]
            if unseen > MEMORISED and training < KNOWN:
                found.append(
                    f"the discriminator memorises: its loss is {training:.3f} where it learned and "
                    f"{unseen:.3f} on paths held out (chance {CHANCE:.3f}). Use fewer statistics, "
                    "fewer hidden units, or more paths."
                )
        if self._at_bound > MOST_AT_A_BOUND * self._done:
            found.append(f"θ was at a bound in {self._at_bound} of {self._done} iterations.")
        if self._flat >= MOST_IN_A_ROW:
            found.append(
                f"the derivative was zero in the last {self._flat} iterations: no statistic may "
                "depend on θ."
            )
        if self._lost:
            found.append(f"{self._lost} iterations gave no numbers and were left out.")
        return found

    def state(self) -> dict[str, Any]:
        """Everything that changes."""
        state: dict[str, Any] = {name: getattr(self, name) for name in _NUMBERS}
        state |= {name: getattr(self, name).tolist() for name in _ARRAYS}
        state |= {"unit": self._unit.tolist(), "discriminator": None}
        if self._discriminator is not None and self._optimizer is not None:
            state["discriminator"] = self._discriminator.state()
            state["optimizer"] = {
                str(place): {key: value.tolist() for key, value in moments.items()}
                for place, moments in self._optimizer.state_dict()["state"].items()
            }
        return state

    def restore(self, state: dict[str, Any]) -> None:
        """Go on from what `state` returned."""
        for name in _NUMBERS:
            setattr(self, name, state[name])
        for name in _ARRAYS:
            setattr(self, name, np.array(state[name], dtype=np.float64))
        self._unit = torch.tensor(state["unit"], dtype=torch.float64)
        self._discriminator = self._optimizer = None
        if state["discriminator"] is None:
            return
        self._prepare(Discriminator.restored(state["discriminator"], self._settings.hidden))
        assert self._optimizer is not None
        moments = {
            int(place): {k: torch.tensor(v, dtype=torch.float64) for k, v in entries.items()}
            for place, entries in state["optimizer"].items()
        }
        self._optimizer.load_state_dict({**self._optimizer.state_dict(), "state": moments})


def _finite(values: Floats | None) -> bool:
    return values is None or bool(np.isfinite(values).all())


_ARRAYS = ("_sums", "_losses")
_NUMBERS = ("_averaged", "_done", "_lost", "_flat", "_bad", "_at_bound")
