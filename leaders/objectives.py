"""What a leader wants: the objectives of general use."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Annotated, Any, ClassVar, Literal, Self

import numpy as np
from annotated_types import Ge
from numpy.typing import NDArray

from ..envs.dotted import import_dotted
from ..envs.errors import PacesetterError
from ..envs.market import Market, Step
from .distances import DISTANCES, SortedSample
from .objective import (
    Measure,
    Objective,
    Path,
    by_agent,
    check_interval,
    pooled,
    read_samples,
    record_reward,
    recorder,
)
from .references import Held, Reference, Samples


@dataclass(frozen=True)
class Welfare(Objective):
    """Utilitarian welfare: the sum over steps of the mean follower reward."""

    name: ClassVar[str] = "welfare"

    def measure(self, market: Market, steps_per_interval: int) -> Measure:
        """Sum over the interval of the mean reward of all followers."""
        return Measure(record_reward, lambda path: path["reward"].sum(axis=1))


@dataclass(frozen=True)
class Adversarial(Objective):
    """The opposite of welfare: conditions under which followers do worst."""

    name: ClassVar[str] = "adversarial"

    def measure(self, market: Market, steps_per_interval: int) -> Measure:
        """Minus the sum over the interval of the mean reward of all followers."""
        return Measure(record_reward, lambda path: -path["reward"].sum(axis=1))


@dataclass(frozen=True)
class QuantityObjective(Objective):
    """A path quantity of the market, summed over the interval and averaged over agents.

    Attributes:
        quantity: name of the path quantity.
        sign: 1 to make it large, −1 to make it small.
    """

    quantity: str
    sign: Literal[1, -1] = 1

    name: ClassVar[str] = "quantity"

    def measure(self, market: Market, steps_per_interval: int) -> Measure:
        """Signed sum over the interval of the mean over agents."""
        return Measure(
            recorder(self.quantity, market),
            lambda path: self.sign * by_agent(path[self.quantity]).mean(axis=2).sum(axis=1),
        )


@dataclass(frozen=True)
class Volatility(Objective):
    """Calm markets: minus the standard deviation of a path quantity over the interval.

    Attributes:
        quantity: name of the path quantity.
        sign: −1 seeks calm, 1 seeks turmoil.
    """

    quantity: str = "price"
    sign: Literal[1, -1] = -1

    name: ClassVar[str] = "volatility"

    def measure(self, market: Market, steps_per_interval: int) -> Measure:
        """Signed standard deviation over the interval, averaged over agents."""
        check_interval(self.name, steps_per_interval)
        return Measure(
            recorder(self.quantity, market),
            lambda path: self.sign * by_agent(path[self.quantity]).std(axis=1).mean(axis=1),
        )


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

        def value(path: Path) -> NDArray[np.float64]:
            return pay(market.characteristics.to_unit(path["theta"][:, -1]))

        return Measure(lambda step: {"theta": step.state.theta}, value)

    @staticmethod
    def _nearest(theta: NDArray[np.float64]) -> NDArray[np.float64]:
        """d log of the distance to the nearest other θ, on the unit cube, ``(B, d)``."""
        distance = np.linalg.norm(theta[:, None] - theta[None], axis=2)
        np.fill_diagonal(distance, np.inf)
        nearest = np.minimum(distance.min(axis=1), 1.0)
        return theta.shape[1] * np.log(np.maximum(nearest, 1e-6))

    def _shared(self, theta: NDArray[np.float64]) -> NDArray[np.float64]:
        """Minus the logarithm of the share of copies in the same cell."""
        assert self.bins is not None
        cells = np.minimum((theta * self.bins).astype(np.int64), self.bins - 1)
        _, inverse, counts = np.unique(cells, axis=0, return_inverse=True, return_counts=True)
        return -np.log(counts[inverse.ravel()] / len(theta))


@dataclass(frozen=True)
class Calibration(Objective):
    """Match the distribution of a path quantity to a reference sample.

    Attributes:
        reference: where the sample φ comes from.
        quantity: name of the path quantity. Where it has a number per agent, those of all agents
            count as draws from one distribution.
        distance: see `distances`: ``energy``, ``kernel``, ``quantile`` or ``absolute_error``.
    """

    reference: Reference
    quantity: str = "price"
    distance: Literal["energy", "kernel", "quantile", "absolute_error"] = "energy"

    name: ClassVar[str] = "calibration"

    def samples(self, market: Market) -> Samples:
        """The sample of its quantity."""
        return read_samples(self.reference, market, (self.quantity,))

    def holding(self, samples: Samples) -> Self:
        """With the sample in place of where it came from."""
        return replace(self, reference=Held(samples))

    def measure(self, market: Market, steps_per_interval: int) -> Measure:
        """Minus the distance between the interval's sample and the reference."""
        record = recorder(self.quantity, market)
        if self.distance != "absolute_error":
            check_interval(f"calibration by {self.distance}", steps_per_interval)
        distance = DISTANCES[self.distance](SortedSample(self.samples(market)[self.quantity]))
        return Measure(record, lambda path: -distance(pooled(path[self.quantity])))


@dataclass(frozen=True)
class CallableObjective(Objective):
    """The user's own objective.

    Attributes:
        function: dotted path ``module:function``; called with the recorded path, name ->
            ``(B, K, …)`` NumPy arrays, it returns one reward per copy, ``(B,)``.
        reads: path quantities to record; ``theta`` and ``reward`` (mean follower reward) too.
    """

    function: str
    reads: tuple[str, ...] = ("reward",)

    name: ClassVar[str] = "callable"

    def measure(self, market: Market, steps_per_interval: int) -> Measure:
        """Import the function, check what it reads, and check what it returns."""
        function = import_dotted(self.function, "objective.function")
        recorders = [recorder(quantity, market) for quantity in self.reads]

        def record(step: Step) -> dict[str, Any]:
            return {name: value for r in recorders for name, value in r(step).items()}

        def value(path: Path) -> NDArray[np.float64]:
            rewards = np.asarray(function(path), dtype=np.float64)
            copies = next(iter(path.values())).shape[0]
            if rewards.shape != (copies,) or not np.isfinite(rewards).all():
                raise PacesetterError(
                    f"objective {self.function!r} must return one finite reward per copy, shape "
                    f"({copies},); it returned shape {rewards.shape}, all finite: "
                    f"{bool(np.isfinite(rewards).all())}."
                )
            return rewards

        return Measure(record, value)
