"""A named statistic of one path quantity, in any array namespace and with its gradient."""

from __future__ import annotations

from dataclasses import dataclass
from math import floor
from typing import Any, Literal

from ...envs.core.arrays import Array, at_least, namespace
from ...envs.core.errors import PacesetterError
from .objective import Path, by_agent, mean, over_steps

Kind = Literal[
    "mean",
    "deviation",
    "absolute",
    "square",
    "kurtosis",
    "autocovariance",
    "product",
    "quantile",
    "cosine",
    "path",
]
LAGGED = ("autocovariance", "product")
WITH_PLACES = (*LAGGED, "quantile", "cosine")
WITH_CENTRE = ("absolute", "square", "autocovariance", "product", "cosine")
LEAST_VARIANCE = 1e-150


@dataclass(frozen=True)
class Statistic:
    """One statistic, or the same at several lags, levels or frequencies.

    For a quantity x(t) over the T steps of an episode, with c for `about`:

    | kind | what |
    |---|---|
    | mean, deviation | over steps |
    | absolute | mean of abs(x − c) |
    | square | mean of (x − c)² |
    | kurtosis | fourth central moment over the squared second |
    | autocovariance | mean of (x(t) − c)(x(t − lag) − c), at the lags |
    | product | mean of x(t) (z(t − lag) − c) with another quantity z, at the lags |
    | quantile | at the levels, linear between steps |
    | cosine | mean of cos(ω (x − c)), at the frequencies ω: the characteristic function |
    | path | x(1), …, x(T), each a statistic of its own |

    Where a quantity has a number per agent, a statistic is the mean of the agents' own.

    Attributes:
        quantity: name of the path quantity.
        kind: see the table.
        at: lags, levels or frequencies, for the kinds that have them.
        about: c; None: the mean of the path for an autocovariance, else 0.
        other: the quantity z.
    """

    quantity: str
    kind: Kind = "mean"
    at: tuple[float, ...] = ()
    about: float | None = None
    other: str = ""

    def __post_init__(self) -> None:
        """Refuse options that do not go together.

        Raises:
            PacesetterError: the message names the option and the kinds that have it.
        """
        self._require(bool(self.at), self.kind in WITH_PLACES, "at", WITH_PLACES)
        self._require(bool(self.other), self.kind == "product", "other", ("product",))
        if self.about is not None and self.kind not in WITH_CENTRE:
            self._require(True, False, "about", WITH_CENTRE)
        least = 0 if self.kind == "product" else 1
        for place in self.at:
            if self.kind in LAGGED and not (place >= least and place == floor(place)):
                self._refuse(place, f"a lag in whole steps, at least {least}")
            if self.kind == "quantile" and not 0 <= place <= 1:
                self._refuse(place, "a level from 0 to 1")
            if self.kind == "cosine" and not place > 0:
                self._refuse(place, "a positive frequency")

    def _require(self, given: bool, wanted: bool, option: str, kinds: tuple[str, ...]) -> None:
        if given and not wanted:
            raise PacesetterError(
                f"{option}: kind {self.kind!r} has none; leave it out, or choose "
                f"{', '.join(kinds)}."
            )
        if wanted and not given:
            raise PacesetterError(f"{option}: kind {self.kind!r} needs it; see the documentation.")

    def _refuse(self, place: float, what: str) -> None:
        raise PacesetterError(f"at: of kind {self.kind!r} it must be {what}, got {place:g}.")

    def names(self, steps: int) -> tuple[str, ...]:
        """Of the statistics, such as ``autocovariance(price, 1)``."""
        of = f"{self.quantity}, {self.other}" if self.other else self.quantity
        if self.about is not None:
            of += f" about {self.about:g}"
        places = range(1, steps + 1) if self.kind == "path" else self.at
        if not places:
            return (f"{self.kind}({of})",)
        return tuple(f"{self.kind}({of}, {place:g})" for place in places)

    def check_length(self, steps: int) -> None:
        """Refuse lags that an episode of so many steps does not have."""
        longest = max((int(lag) for lag in self.at if self.kind in LAGGED), default=0)
        if longest >= steps:
            raise PacesetterError(
                f"objective.statistics: {self.kind} of {self.quantity!r} at lag {longest} needs an "
                f"episode of more than {longest} steps, and it has {steps}; lower the lag."
            )

    def of(self, path: Path) -> Array:
        """Of every path, ``(B, k)``."""
        x = by_agent(path[self.quantity])  # (B, T, n)
        xp = namespace(x)
        if self.kind == "path":
            return mean(x)
        return xp.stack([mean(column) for column in self._columns(xp, x, path)], axis=1)

    def _columns(self, xp: Any, x: Array, path: Path) -> list[Array]:
        """One statistic per agent each, ``(B, n)``."""
        centre = self.about or 0.0
        if self.kind == "mean":
            return [_mean(xp, x)]
        if self.kind == "deviation":
            return [over_steps(x, "std")]
        if self.kind == "absolute":
            return [_mean(xp, xp.abs(x - centre))]
        if self.kind == "square":
            return [_mean(xp, (x - centre) ** 2)]
        if self.kind == "kurtosis":
            squares = (x - _mean(xp, x)[:, None]) ** 2
            variance = at_least(xp, _mean(xp, squares), LEAST_VARIANCE)
            return [_mean(xp, (squares / variance[:, None]) ** 2)]
        if self.kind == "cosine":
            return [_mean(xp, xp.cos(frequency * (x - centre))) for frequency in self.at]
        if self.kind == "quantile":
            ordered = xp.sort(x, axis=1)
            return [_quantile(ordered, level) for level in self.at]
        if self.kind == "autocovariance":
            x = x - (_mean(xp, x)[:, None] if self.about is None else centre)
            z = x
        else:
            z = by_agent(path[self.other]) - centre
        steps = x.shape[1]
        return [_mean(xp, x[:, int(k) :] * z[:, : steps - int(k)]) for k in self.at]


def _mean(xp: Any, x: Array) -> Array:
    """Over steps, ``(B, T, n)`` to ``(B, n)``."""
    return xp.mean(x, axis=1)


def _quantile(ordered: Array, level: float) -> Array:
    """Of steps in ascending order, ``(B, T, n)`` to ``(B, n)``."""
    place = level * (ordered.shape[1] - 1)
    below = min(floor(place), max(0, ordered.shape[1] - 2))
    above = min(below + 1, ordered.shape[1] - 1)
    share = place - below
    return (1.0 - share) * ordered[:, below] + share * ordered[:, above]
