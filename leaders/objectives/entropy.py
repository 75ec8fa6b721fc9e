"""Diversity of θ, as each copy's share of an entropy."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, ClassVar

import numpy as np
from annotated_types import Ge

from ...envs.core.arrays import Array, convert, detached, namespace, needs_gradient
from ...envs.core.errors import PacesetterError
from ...envs.core.market import Market
from .objective import Measure, Objective, Path


@dataclass(frozen=True)
class Entropy(Objective):
    """Diversity of θ: each copy's share of the entropy of the θ sampled, in nats.

    Of continuous θ it is estimated by nearest neighbours: the Kozachenko–Leonenko estimate is, up
    to constants, d times the mean logarithm of the distance to the nearest neighbour; a copy is
    paid its own summand, so that a policy leader maximises the entropy of the distribution it draws
    from. Distances are taken with every characteristic scaled to [0, 1]; a lone copy is paid zero.
    Neighbours are the copies that θ is set in by the same hand (see `StackelbergGame.led`): a
    leader is not paid for keeping away from the random θ of the other copies.

    Of θ on a grid it is the Shannon entropy (ADAGE, arXiv:2501.09429, eq. 19): a copy is paid minus
    the logarithm of the share of copies with the same θ.

    Attributes:
        bins: equal bins per characteristic within which θ counts as the same; None: θ is
            continuous.
    """

    bins: Annotated[int, Ge(1)] | None = None

    name: ClassVar[str] = "entropy"

    def measure(self, market: Market, steps_per_interval: int) -> Measure:
        """A copy's summand of either estimate."""
        pay = self._nearest if self.bins is None else self._shared

        def value(path: Path) -> Array:
            return pay(market.characteristics.to_unit(path["theta"][:, -1]))

        return Measure(lambda step: {"theta": step.state.theta}, value)

    @staticmethod
    def _nearest(theta: Array) -> Array:
        """d log of the distance to the nearest other θ, on the unit cube, ``(B, d)``."""
        xp = namespace(theta)
        distance = xp.linalg.vector_norm(theta[:, None] - theta[None], axis=2)
        itself = xp.eye(theta.shape[0], dtype=xp.bool, device=theta.device)
        nearest = xp.min(xp.where(itself, np.inf, distance), axis=1)
        return theta.shape[1] * xp.log(xp.clip(nearest, 1e-6, 1.0))

    def _shared(self, theta: Array) -> Array:
        """Minus the logarithm of the share of copies in the same cell."""
        assert self.bins is not None
        if needs_gradient(theta):
            raise PacesetterError(
                "the entropy of θ in bins is counted: its derivative by θ is zero wherever there "
                "is one, and no gradient leads anywhere. Leave objective.bins out, or set θ "
                "without a gradient: theta.detach(), or inside torch.no_grad()."
            )
        cells = np.minimum((detached(theta) * self.bins).astype(np.int64), self.bins - 1)
        _, inverse, counts = np.unique(cells, axis=0, return_inverse=True, return_counts=True)
        return convert(-np.log(counts[inverse.ravel()] / len(theta)), theta)
