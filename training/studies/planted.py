"""Planted θ: observed many times, looked for each time, and held to the least standard errors."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial

import numpy as np

from .claims import Across, Floats, Results, Trial

ROOT = "root mean square error of"


@dataclass(frozen=True)
class Planted:
    """Observations of one market under a known θ, each of episodes of its own.

    Attributes:
        experiment: that looks for θ.
        label: of its trials, before the number of the observation.
        theta: characteristic -> planted value.
        observations: how many.
        episodes: of an observation, each of a seed of its own: observations share none.
        report: further results to tabulate.
        errors: whether the leader tells standard errors, which are tabulated then.
    """

    experiment: str
    label: str
    theta: Mapping[str, float]
    observations: int
    episodes: int
    report: tuple[str, ...] = ()
    errors: bool = True

    @property
    def trials(self) -> tuple[Trial, ...]:
        """One for each observation."""
        told = ("theta", "theta_standard_error") if self.errors else ("theta",)
        return tuple(
            Trial(
                self.experiment,
                f"{self.label} {number}",
                (f"objective.reference.seed={self.episodes * number}",),
                report=(*(f"{what}/{name}" for what in told for name in self.theta), *self.report),
            )
            for number in range(self.observations)
        )

    def found(self, results: Results, name: str, what: str = "theta") -> Floats:
        """A figure of a characteristic in every run of these trials, ``(n,)``."""
        own = (run for trial in self.trials for run in results[trial.name])
        return np.array([run[f"{what}/{name}"] for run in own])

    def error(self, results: Results, name: str, unit: float = 1.0) -> Floats:
        """Root mean square error of a characteristic over all runs, over a unit, ``(1,)``."""
        gap = self.found(results, name) - self.theta[name]
        return np.array([np.sqrt(np.mean(gap**2)) / unit])

    def covered(self, results: Results, name: str) -> Floats:
        """Share of runs whose interval of 95 % holds the planted value, ``(1,)``."""
        gap = np.abs(self.found(results, name) - self.theta[name])
        half = 1.96 * self.found(results, name, "theta_standard_error")
        return np.array([np.mean(gap <= half)])

    def within(
        self,
        high: float,
        units: Mapping[str, float] | None = None,
        text: str = ROOT + " {}",
        names: tuple[str, ...] = (),
    ) -> tuple[Across, ...]:
        """Errors of characteristics, each held to one bound.

        Args:
            high: bound.
            units: of the errors; None: those of the characteristics.
            text: what they are called, with a place for the name.
            names: of which; empty: all.
        """
        return tuple(
            Across(
                text.format(name),
                partial(self.error, name=name, unit=units[name] if units else 1.0),
                high=high,
            )
            for name in names or self.theta
        )

    def over_least(self, high: float, least: Mapping[str, float]) -> tuple[Across, ...]:
        """Errors, and the same over their least standard errors, held to one bound."""
        free = self.within(float("inf"))
        held = self.within(high, least, "the same over the least standard error of {}")
        return tuple(one for pair in zip(free, held, strict=True) for one in pair)
