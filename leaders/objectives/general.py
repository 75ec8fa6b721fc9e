"""What a leader wants: the objectives of general use."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

from ...envs.core.dotted import import_dotted
from ...envs.core.errors import PacesetterError
from ...envs.core.market import Market, Step
from .objective import Measure, Objective, Path, by_agent, check_interval, record_reward, recorder


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
