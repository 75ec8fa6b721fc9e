"""What a claim is: experiments, seeds, and the figure each of them is held to."""

from __future__ import annotations

from dataclasses import dataclass, field

SEEDS = (0, 1, 2, 3, 4)


@dataclass(frozen=True)
class Claim:
    """A result of a run with the range it must lie in.

    Attributes:
        key: name in ``results.json``.
        low, high: the range, bounds included.
        per_seed: every seed must pass; otherwise the mean over seeds.
    """

    key: str
    low: float = float("-inf")
    high: float = float("inf")
    per_seed: bool = True


@dataclass(frozen=True)
class Comparison:
    """A result that must be smaller than another one, paired by seed.

    Attributes:
        smaller, larger: names in ``results.json``.
        baseline: the experiment that `larger` is taken from; empty: the same run.
    """

    smaller: str
    larger: str
    baseline: str = ""


@dataclass(frozen=True)
class Trial:
    """An experiment run with several seeds, and what it must show.

    Attributes:
        experiment: name of a shipped experiment.
        overrides: changes to it.
        label: name in the table.
        claims, comparisons: what is judged.
        report: further results to tabulate without judging them.
    """

    experiment: str
    label: str = ""
    overrides: tuple[str, ...] = ()
    claims: tuple[Claim, ...] = ()
    comparisons: tuple[Comparison, ...] = ()
    report: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """Label, or the experiment's name."""
        return self.label or self.experiment


@dataclass(frozen=True)
class Reproduction:
    """A table of trials.

    Attributes:
        title: heading of the table.
        trials: its rows.
        seeds: of every trial.
        notes: what a reader must know.
    """

    title: str
    trials: tuple[Trial, ...]
    seeds: tuple[int, ...] = SEEDS
    notes: tuple[str, ...] = field(default_factory=tuple)
