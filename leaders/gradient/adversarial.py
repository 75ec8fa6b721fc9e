"""A leader that makes paths which a discriminator cannot tell from real ones.

Generative adversarial calibration: a discriminator learns to tell statistics of real paths from
those of simulated ones, and θ moves so that it errs (Goodfellow et al. 2014, non-saturating). With
a logistic discriminator the game is moment matching with weights that are learned.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from ...envs.core.characteristics import Characteristics
from ...envs.core.errors import PacesetterError
from ..leader import Guide, Interval, LeaderSettings
from .adversarial_options import AdversarialOptions


@dataclass(frozen=True)
class AdversarialLeader(AdversarialOptions, LeaderSettings):
    """Moves θ until a discriminator cannot tell simulated statistics from those of the reference.

    Options as in `AdversarialOptions`.
    """

    name: ClassVar[str] = "adversarial"
    wants_statistics: ClassVar[bool] = True
    wants_paths: ClassVar[bool] = True
    interval: Interval = "episode"

    def guide(self, characteristics: Characteristics, seed: int, iterations: int) -> Guide:
        """The game; PacesetterError if `initial_theta` or `interval` does not fit."""
        if self.interval != "episode":
            raise PacesetterError(
                "leader.interval: the adversarial leader sets θ once per episode; leave it out."
            )
        theta = characteristics.validate(self.initial_theta)[0]
        if self.start != "default":
            given = [name in (self.initial_theta or {}) for name in characteristics.names]
            theta = np.where(given, theta, self._drawn(characteristics, seed))
        from .adversarial_guide import AdversarialGuide  # imports torch

        return AdversarialGuide(self, characteristics, theta, seed, iterations)

    @property
    def sharpens(self) -> bool:
        """Whether there is a second game."""
        return self.sharpened_after is not None

    def _drawn(self, characteristics: Characteristics, seed: int) -> NDArray[np.float64]:
        """Where it begins, from a distribution, ``(d,)``."""
        generator = np.random.default_rng(seed)
        low, high = characteristics.low, characteristics.high
        if self.start == "prior":
            drawn = characteristics.draw(generator, 1)[0]
        else:
            mean, deviation = self.normal.on(characteristics)
            drawn = np.clip(mean + deviation * generator.standard_normal(len(mean)), low, high)
        near = (np.abs(drawn) < self.off_zero) & (low < 0.0) & (high > 0.0)
        drawn = np.where(near, np.copysign(self.off_zero, drawn), drawn)
        return characteristics.nearest_allowed(np.clip(drawn, low, high)[None])[0]
