"""Seeds of the samplers of an experiment, which never meet."""

from __future__ import annotations

from ..experiments.experiment import Experiment

SEEDS_PER_EXPERIMENT, SEEDS_PER_RUNNER = 1_000_000, 10_000


def seed_of(experiment: Experiment, worker: int) -> int:
    """The first seed of an env runner: its copies, and what draws, count on from there."""
    return experiment.seed * SEEDS_PER_EXPERIMENT + worker * SEEDS_PER_RUNNER
