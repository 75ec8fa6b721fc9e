"""``pacesetter sweep``: many trials of one experiment, on Ray Tune, as one table and one figure."""

from __future__ import annotations

from functools import partial
from pathlib import Path

from ...envs.core.errors import PacesetterError
from ..experiments.place import cores_here, has_ray
from .table import show
from .trials import Report, Sweep, Trial, create, opened, run_trial, trials

TUNE = ".tune"


def begin(sweep: Sweep, folder: Path, jobs: int | None, quiet: bool) -> int:
    """Check a sweep, begin it in a new folder and run it; returns an exit code."""
    _require_ray()
    sweep.check()
    create(folder, sweep)
    return _run(sweep, folder, jobs, quiet)


def resume(folder: Path, jobs: int | None, quiet: bool) -> int:
    """Go on with a sweep; what is finished stays as it is. Returns an exit code."""
    _require_ray()
    sweep = opened(folder)
    sweep.check()
    return _run(sweep, folder, jobs, quiet)


def _require_ray() -> None:
    if not has_ray():
        raise PacesetterError("a sweep runs on Ray Tune; install it with pip install 'ray[rllib]'.")


def _run(sweep: Sweep, folder: Path, jobs: int | None, quiet: bool) -> int:
    experiment, every = sweep.check(), trials(sweep)
    workers = experiment.training.env_runners + experiment.training.learners
    jobs = jobs or max(1, cores_here() // (1 + workers))
    if not quiet:
        print(f"{len(every)} trials, {jobs} at a time, in {folder}", flush=True)
    from ..rllib.tuning import run_trials  # imports Ray

    failed = run_trials(
        partial(_work, folder.resolve(), sweep, every),
        [trial.name for trial in every],
        folder / TUNE,
        workers,
        min(jobs, len(every)),
        experiment.training.pretrain_iterations + experiment.training.iterations
        if sweep.early
        else None,
        quiet,
    )
    show(folder, sweep)
    for name, reason in failed.items():
        print(f"failed: {name}: {reason}")
    if failed:
        print(f"what failed is tried again by  pacesetter sweep --resume {folder}")
    return 1 if failed else 0


def _work(folder: Path, sweep: Sweep, every: list[Trial], number: int, report: Report) -> float:
    """Run one trial, in a worker of Ray."""
    return run_trial(folder, sweep, every[number], report)
