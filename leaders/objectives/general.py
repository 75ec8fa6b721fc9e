"""What a leader wants: the objectives of general use."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import numpy as np

from ...envs.core.arrays import Array, convert, detached, is_tensor, needs_gradient
from ...envs.core.dotted import import_dotted
from ...envs.core.errors import PacesetterError
from ...envs.core.market import Market
from ...envs.core.step import Step
from .objective import (
    Measure,
    Objective,
    Path,
    by_agent,
    check_interval,
    mean,
    over_steps,
    recorder,
    total,
)


@dataclass(frozen=True)
class Welfare(Objective):
    """Utilitarian welfare: the sum over steps of the mean follower reward."""

    name: ClassVar[str] = "welfare"

    def measure(self, market: Market, steps_per_interval: int) -> Measure:
        """Sum over the interval of the mean reward of all followers."""
        return Measure(recorder("reward", market), lambda path: total(path["reward"]))


@dataclass(frozen=True)
class Adversarial(Objective):
    """The opposite of welfare: conditions under which followers do worst."""

    name: ClassVar[str] = "adversarial"

    def measure(self, market: Market, steps_per_interval: int) -> Measure:
        """Minus the sum over the interval of the mean reward of all followers."""
        return Measure(recorder("reward", market), lambda path: -total(path["reward"]))


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
            lambda path: self.sign * total(mean(by_agent(path[self.quantity]))),
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
            lambda path: self.sign * mean(over_steps(by_agent(path[self.quantity]), "std")),
        )


@dataclass(frozen=True)
class CallableObjective(Objective):
    """The user's own objective.

    Attributes:
        function: dotted path ``module:function``; called with the recorded path, name ->
            ``(B, K, …)`` arrays in θ's namespace, it returns one reward per copy, ``(B,)``. Where θ
            is a tensor that requires a gradient, the function must be written for tensors.
        reads: path quantities to record; ``theta`` and ``reward`` (mean follower reward) too.
    """

    function: str
    reads: tuple[str, ...] = ("reward",)

    name: ClassVar[str] = "callable"

    def measure(self, market: Market, steps_per_interval: int) -> Measure:
        """Import the function, check what it reads, and check what it returns."""
        function = import_dotted(self.function, "objective.function")
        recorders = [recorder(quantity, market) for quantity in self.reads]

        def record(step: Step) -> dict[str, Array]:
            return {name: value for r in recorders for name, value in r(step).items()}

        def value(path: Path) -> Array:
            first = next(iter(path.values()))
            found = self._called(function, path)
            if not (is_tensor(found) and is_tensor(first)):
                found = convert(np.asarray(detached(found), dtype=np.float64), first)
            finite = bool(np.isfinite(detached(found)).all())
            if tuple(found.shape) != (copies := first.shape[0],) or not finite:
                raise PacesetterError(
                    f"objective {self.function!r} must return one finite reward per copy, shape "
                    f"({copies},); it returned shape {tuple(found.shape)}, all finite: {finite}."
                )
            return found

        return Measure(record, value)

    def _called(self, function: Callable[[Path], Any], path: Path) -> Any:
        """What the function returns, with its gradient where the path has one.

        Raises:
            PacesetterError: it does not pass the gradient on.
        """
        if not any(needs_gradient(values) for values in path.values()):
            return function(path)
        try:
            found, reason = function(path), "what it returns depends on none of them"
        except (RuntimeError, TypeError) as error:  # what tensors raise where NumPy asks for one
            found, reason = None, str(error)
        if not needs_gradient(found):
            raise PacesetterError(
                f"objective {self.function!r} was handed tensors that require a gradient, and cuts "
                f"it: {reason}. Write it in torch's operations (path['reward'].sum(axis=1), "
                "torch.log, …), or, where no gradient is wanted, set θ without one: "
                "theta.detach(), or inside torch.no_grad()."
            )
        return found
