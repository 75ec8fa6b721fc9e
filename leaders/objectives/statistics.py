"""Objective: statistics of whole paths that come to those of a reference."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache
from itertools import zip_longest
from typing import Annotated, Any, ClassVar, Self

import numpy as np
from annotated_types import Ge

from ...envs.core.arrays import Array, converted, namespace
from ...envs.core.dotted import import_dotted
from ...envs.core.errors import PacesetterError, unknown
from ...envs.core.market import Market
from ...envs.core.step import Step
from ...envs.user_files import place_of_column, read_csv
from .objective import Compared, Measure, Objective, Path, recorder, total
from .references import Held, Reference, Samples, UnfitReferenceError
from .statistic import Statistic
from .target import Target, constant

VALUES, ERRORS = "statistics: value", "statistics: standard_error"
"""Names in the run folder of what a table of statistics holds."""
COLUMNS = ("statistic", "value", "standard_error")
Further = Callable[[Path], Array]
"""What makes statistics of paths, ``(B, m)``."""


@dataclass(frozen=True)
class StatisticsFile(Reference):
    """Statistics that somebody has published: no paths, but what they come to.

    Attributes:
        path: CSV file with the columns ``statistic``, ``value`` and ``standard_error``, one line
            per statistic, called as the objective calls it, such as ``deviation(price)``.
    """

    path: str

    name: ClassVar[str] = "statistics"

    def sample(self, market: Market, quantity: str) -> Array:
        """None: statistics are no sample."""
        raise PacesetterError(
            f"the reference {self.name!r} holds statistics of paths and no sample of {quantity!r}; "
            "use it with the objective 'statistics'."
        )

    def table(self, names: Sequence[str]) -> Samples:
        """Values and standard errors in the order of the names, ``(m,)`` each.

        Raises:
            PacesetterError: the file cannot be read, or lacks one of them; the message says where.
        """
        try:
            rows = [row for row in read_csv(self.path) if row]
        except OSError as error:
            raise PacesetterError(
                f"reference CSV {self.path!r} cannot be read: {error.strerror}. Give the path of a "
                f"CSV file with the columns {', '.join(COLUMNS)}."
            ) from error
        header = rows[0] if rows else []
        lines = [dict(zip_longest(header, row[: len(header)], fillvalue="")) for row in rows[1:]]
        for column in COLUMNS:
            if not lines or column not in header:
                raise unknown(f"column of reference CSV {self.path!r}:", column, header)
            place_of_column(self.path, header, column)
        numbers = {row[COLUMNS[0]]: self._numbers(n, row) for n, row in enumerate(lines, start=2)}
        for name in names:
            if name not in numbers:
                raise unknown(f"statistic in {self.path!r}:", name, numbers)
        value, deviation = np.array([numbers[name] for name in names]).T
        return {VALUES: value, ERRORS: deviation}

    def _numbers(self, line: int, row: dict[str, str]) -> tuple[float, float]:
        try:
            value, deviation = float(row["value"]), float(row["standard_error"])
        except ValueError:
            value = deviation = float("nan")
        if not (np.isfinite(value) and np.isfinite(deviation) and deviation > 0):
            raise PacesetterError(
                f"{self.path}:{line}: the value {row['value']!r} and its standard error "
                f"{row['standard_error']!r} must be finite numbers, and the latter positive."
            )
        return value, deviation


@dataclass(frozen=True)
class Statistics(Objective):
    """Match statistics of the path of an episode to those of a reference.

    A copy is paid minus the squared distance of the statistics of its path from the reference's
    mean, weighted by the inverse of the reference's covariance and divided by their number. The
    scatter of a single path is part of that: leaders that ask for the statistics themselves
    (`moments`, `adversarial`) compare means over many paths, and are not drawn to less scatter.

    Attributes:
        reference: whole paths (``csv``, ``planted``), or a table of their ``statistics``.
        statistics: which.
        function: ``module:function`` of further ones; empty: none. It is called once, with the
            market, the paths of the reference, name -> ``(n, T, …)``, and `options`, and returns
            what makes statistics of any paths in their namespace, ``(B, m)``: so a prediction that
            they need is fitted once. An attribute ``names`` of it, ``(m,)``, names them.
        reads: path quantities that these further ones read.
        options: keyword arguments of the function.
        estimates: keyword argument of the function -> characteristic, for one that needs to know θ
            about right beforehand. What it makes is left out until the leader has an estimate:
            `moments` with ``sharpen``, `adversarial` with ``sharpened_after``.
        ridge: added to the correlation matrix before it is inverted.
    """

    reference: Reference
    statistics: tuple[Statistic, ...] = ()
    function: str = ""
    reads: tuple[str, ...] = ()
    options: dict[str, float] = field(default_factory=dict)
    estimates: dict[str, str] = field(default_factory=dict)
    ridge: Annotated[float, Ge(0)] = 1e-3

    name: ClassVar[str] = "statistics"

    @property
    def quantities(self) -> tuple[str, ...]:
        """Every path quantity that is read, once."""
        own = (q for s in self.statistics for q in (s.quantity, s.other) if q)
        return tuple(dict.fromkeys((*own, *self.reads)))

    def samples(self, market: Market) -> Samples:
        """Paths of every quantity, ``(n, T, …)``, or the table of statistics."""
        self._check(market)
        if isinstance(self.reference, StatisticsFile):
            return self.reference.table(self._names(market.steps_per_episode))
        try:
            return self.reference.rows(market, self.quantities)
        except PacesetterError as error:
            raise UnfitReferenceError(str(error)) from error

    def holding(self, samples: Samples) -> Self:
        """With the paths in place of where they came from."""
        return replace(self, reference=Held(samples))

    def measure(self, market: Market, steps_per_interval: int) -> Measure:
        """Minus the weighted squared distance, and the statistics themselves."""
        self._check(market)
        if steps_per_interval != market.steps_per_episode:
            raise PacesetterError(
                f"statistics are of the {market.steps_per_episode} steps of a whole episode, but "
                f"here the leader sets θ every {steps_per_interval}; leave leader.interval out."
            )
        recorders = [recorder(quantity, market) for quantity in self.quantities]
        if isinstance(self.reference, Held):
            samples = self.reference.samples
        else:
            samples = self.samples(market)
        compared = self._bound(market, samples)
        target, of = compared.target, compared.of
        weight = target.weight / len(target.names)

        def record(step: Step) -> dict[str, Array]:
            return {name: value for r in recorders for name, value in r(step).items()}

        def value(path: Path) -> Array:
            found = of(path)
            gap = found - converted(target.mean, found)
            return -total(gap * (gap @ converted(weight, gap)))

        return Measure(record, value, compared)

    def _bound(self, market: Market, samples: Samples) -> Compared:
        """The statistics, and what they become about an estimate of θ."""
        make = import_dotted(self.function, "objective.function") if self.function else None
        if not self.estimates:
            return self._compared(market, samples, self._further(market, samples, make, {}))
        names = market.characteristics.names

        @lru_cache(maxsize=1)  # the predictions of a function are fitted once
        def at(*theta: float) -> Compared:
            known = dict(zip(names, theta, strict=True))
            given = {key: known[name] for key, name in self.estimates.items()}
            return self._compared(market, samples, self._further(market, samples, make, given))

        first = self._compared(market, samples, None)
        return replace(first, about=lambda theta: at(*map(float, theta)))

    def _compared(self, market: Market, samples: Samples, further: Further | None) -> Compared:
        target = self._target(market.steps_per_episode, samples, further)
        return Compared(lambda path: self._of(path, further), target)

    def _check(self, market: Market) -> None:
        if not self.statistics and not self.function:
            raise PacesetterError(
                "objective.statistics lists none: give at least one, such as "
                "{quantity: price, kind: deviation}, or objective.function."
            )
        if self.function and not self.reads:
            raise PacesetterError(
                f"objective.reads is empty: name the path quantities that {self.function!r} reads; "
                f"market {market.name!r} has {', '.join(market.quantities)}."
            )
        if self.estimates and not (self.function and self.statistics):
            raise PacesetterError(
                "objective.estimates: they belong to objective.function, beside statistics that an "
                "estimate can come from; give both, or leave estimates out."
            )
        for name in self.estimates.values():
            if name not in market.characteristics.names:
                raise unknown(
                    "characteristic in objective.estimates", name, market.characteristics.names
                )
        for quantity in self.quantities:
            if quantity not in market.quantities:
                raise unknown(
                    f"path quantity of market {market.name!r}", quantity, market.quantities
                )
        for statistic in self.statistics:
            statistic.check_length(market.steps_per_episode)

    def _names(self, steps: int) -> tuple[str, ...]:
        """Of the listed statistics."""
        names = [name for statistic in self.statistics for name in statistic.names(steps)]
        for name in names:
            if names.count(name) > 1:
                raise PacesetterError(f"objective.statistics: {name} is listed twice.")
        return tuple(names)

    def _further(
        self, market: Market, samples: Samples, make: Any, estimates: dict[str, float]
    ) -> Further | None:
        if make is None:
            return None
        if VALUES in samples:
            raise UnfitReferenceError(
                f"objective.function: {self.function!r} needs the paths of the reference, and a "
                "table of statistics has none; leave the function out, or give the paths."
            )
        made = make(market, samples, **self.options, **estimates)
        if not callable(made):
            raise PacesetterError(
                f"objective.function: {self.function!r} must return a function of paths; it "
                f"returned {type(made).__name__}."
            )
        further: Further = made
        return further

    def _of(self, path: Path, further: Further | None) -> Array:
        """All statistics of every path, ``(B, m)``."""
        parts = [statistic.of(path) for statistic in self.statistics]
        if further is not None:
            found, copies = further(path), len(path[self.reads[0]])
            if found.ndim != 2 or found.shape[0] != copies:
                raise PacesetterError(
                    f"objective.function: what {self.function!r} returns must make statistics of "
                    f"each of {copies} paths, shape ({copies}, m); it made {tuple(found.shape)}."
                )
            parts.append(found)
        return namespace(parts[0]).concat(parts, axis=1)

    def _target(self, steps: int, samples: Samples, further: Further | None) -> Target:
        names = self._names(steps)
        if VALUES in samples:
            covariance = np.diag(samples[ERRORS] ** 2)
            return Target(names, samples[VALUES], covariance, 1, self.ridge)
        rows = np.asarray(self._of(samples, further), dtype=np.float64)
        more = range(1, rows.shape[1] - len(names) + 1)
        own = getattr(further, "names", [f"{self.function} {number}" for number in more])
        names = (*names, *own)
        _check_rows(rows, names)
        covariance = np.atleast_2d(np.cov(rows.T))
        return Target(names, rows.mean(axis=0), covariance, len(rows), self.ridge, rows)


def _check_rows(rows: np.ndarray, names: Sequence[str]) -> None:
    """Refuse a reference that statistics cannot be compared with."""
    number, statistics = rows.shape
    if number <= statistics + 1:
        raise UnfitReferenceError(
            f"the reference has {number} paths, and the covariance of {statistics} statistics "
            f"needs at least {statistics + 2}; give more paths, or fewer statistics."
        )
    for name, column in zip(names, rows.T, strict=True):
        if not np.isfinite(column).all():
            raise UnfitReferenceError(
                f"{name} of path {int(np.argmin(np.isfinite(column))) + 1} of the reference is no "
                "finite number; correct the path, or leave the statistic out."
            )
    for name in constant(rows, names):
        raise UnfitReferenceError(
            f"{name} is the same in all paths of the reference, so that there is no deviation to "
            "measure distances in; leave it out."
        )
