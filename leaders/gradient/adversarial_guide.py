"""The games of an adversarial leader: one, or a second with statistics that need an estimate."""

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
from .discriminator import Discriminator, Duel

Floats = NDArray[np.float64]
CHANCE = 2.0 * math.log(2.0)  # loss of a discriminator that cannot tell
MEMORISED, KNOWN = 1.39, 1.30  # held-out loss above the one, training loss below the other
MOST_IN_A_ROW = 10
MOST_AT_A_BOUND = 0.2


class AdversarialGuide:
    """One game, or two; see `AdversarialLeader`.

    The gradient of a path's score, log D, is that by its statistics: weights that depend on the
    statistics themselves. The question therefore carries the score as a function, which is called
    when the episodes have been played; one pass backwards gives all.

    Args:
        settings: the leader's options.
        characteristics: the θ space.
        theta: where it begins, ``(d,)``.
        seed: of the discriminator's first weights and of what is held out.
        iterations: of all games.
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
        self._done = self._lost = self._flat = self._bad = self._at_bound = 0
        self._about: Floats | None = None
        self._duel: Duel | None = None

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
        if self._duel is None:
            return Question(
                theta,
                copies=settings.copies,
                wants=frozenset({"statistics"}),
                about=self._about,
                bank=settings.bank,
            )
        return Question(
            theta,
            settings.how,
            width=settings.width,
            copies=settings.copies,
            wants=frozenset({"statistics", "gradients"}),
            score=self._duel.judge.score,
            about=self._about,
            bank=settings.bank,
        )

    def learn(self, measured: Measured, last: bool) -> None:
        """A step of both."""
        assert measured.rows is not None and measured.target is not None
        duel = self._duel
        if duel is None:
            duel = self._duel = self._next_duel(measured.target)
        self._done += 1
        rows = measured.rows[0]
        if not np.isfinite(rows).all() or not _finite(measured.gradients):
            self._drop()
        else:
            self._bad, slope = 0, None
            if measured.gradients is not None:
                slope = measured.gradients[0] * self._range
                self._flat = 0 if slope.any() else self._flat + 1
            duel.play(rows, slope, measured.target)
            duel.ended(self._theta)
        sharpens = self._settings.sharpened_after is not None and self._about is None
        if sharpens and self._done == self._first_game < self._iterations:
            self._sharpen(duel)

    def _drop(self) -> None:
        self._lost, self._bad = self._lost + 1, self._bad + 1
        if self._bad >= MOST_IN_A_ROW:
            raise PacesetterError(
                f"statistics or their gradient were no numbers in {self._bad} iterations in a row; "
                "the last checkpoint stands. Use leader.how: differences, or narrow θ."
            )

    # Games --------------------------------------------------------------------------------------

    @property
    def _first_game(self) -> int:
        """Iterations of the first game; all of them where it is the only one."""
        share = self._settings.sharpened_after
        return self._iterations if share is None else max(1, round(share * self._iterations))

    def _game(self) -> tuple[float, int, int]:
        """Step, length and seed of the present game."""
        settings = self._settings
        if self._about is None:
            return settings.step, self._first_game, self._seed
        return settings.sharp_step, self._iterations - self._first_game, self._seed

    def _next_duel(self, target: Target) -> Duel:
        return Duel.begun(self._settings, target, self._unit, *self._game())

    def _sharpen(self, duel: Duel) -> None:
        """Go on with the statistics that need an estimate of θ, from the answer so far."""
        mean = duel.mean()
        self._about = self._theta if mean is None else mean
        self._unit.copy_(torch.from_numpy(np.asarray(self._space.to_unit(self._about))))
        self._at_bound += duel.at_bound
        self._duel = None

    @property
    def losses(self) -> tuple[float, float]:
        """The witness's loss in the last iteration, where it learned and where it did not."""
        if self._duel is None:
            return float("nan"), float("nan")
        training, unseen = self._duel.losses.tolist()
        return training, unseen

    # Answers ------------------------------------------------------------------------------------

    def answer(self, acting: Callable[[], Floats]) -> Floats:
        """The mean over the last part of the game."""
        mean = None if self._duel is None else self._duel.mean()
        return self._theta if mean is None else mean

    def figures(self) -> dict[str, float]:
        """The witness's loss over the same part, where it learned and where it did not."""
        losses = None if self._duel is None else self._duel.mean_losses()
        if losses is None:
            return {}
        return {
            "discriminator_loss/training": float(losses[0]),
            "discriminator_loss/held_out": float(losses[1]),
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
        at_bound = self._at_bound + (0 if self._duel is None else self._duel.at_bound)
        if at_bound > MOST_AT_A_BOUND * self._done:
            found.append(f"θ was at a bound in {at_bound} of {self._done} iterations.")
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
        state |= {"unit": self._unit.tolist(), "about": None, "duel": None}
        if self._about is not None:
            state["about"] = self._about.tolist()
        if self._duel is not None:
            state["duel"] = self._duel.state()
        return state

    def restore(self, state: dict[str, Any]) -> None:
        """Go on from what `state` returned."""
        for name in _NUMBERS:
            setattr(self, name, state[name])
        self._unit = torch.tensor(state["unit"], dtype=torch.float64)
        about, duel = state["about"], state["duel"]
        self._about = None if about is None else np.array(about, dtype=np.float64)
        self._duel = None
        if duel is not None:
            hidden = self._settings.hidden
            pair = [Discriminator.restored(one, hidden) for one in duel["discriminators"]]
            self._duel = Duel(self._settings, pair, self._unit, *self._game())
            self._duel.restore(duel)


def _finite(values: Floats | None) -> bool:
    return values is None or bool(np.isfinite(values).all())


_NUMBERS = ("_done", "_lost", "_flat", "_bad", "_at_bound")
