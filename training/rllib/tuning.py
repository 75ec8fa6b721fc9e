"""Many runs at once on Ray Tune, which places them and ends the hopeless early."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import ray
from ray import tune
from ray.tune.schedulers import ASHAScheduler

from .backend import start_ray_here

Work = Callable[[int, Callable[[int, float], None]], float]
"""Runs trial number so and so, tells its objective after so many iterations, and at the end."""
REDUCTION = 3  # of three trials that have come as far, the best goes on


class _Told(tune.Callback):
    """A line for every trial that ends."""

    def __init__(self, names: list[str], quiet: bool):
        self._names, self._quiet, self._done = names, quiet, 0

    def on_trial_complete(self, iteration: int, trials: Any, trial: Any, **info: Any) -> None:
        """Tune's call at the end of a trial, early or not."""
        result = trial.last_result or {}
        value = result.get("objective")
        word = "finished" if result.get("finished") else "stopped early"
        self._say(trial, f"{word}, objective {value:.5g}" if value is not None else word)

    def on_trial_error(self, iteration: int, trials: Any, trial: Any, **info: Any) -> None:
        """Tune's call at a failure."""
        self._say(trial, "failed")

    def _say(self, trial: Any, text: str) -> None:
        self._done += 1
        if not self._quiet:
            name = self._names[trial.config["trial"]]
            print(f"{self._done}/{len(self._names)}  {name}  {text}", flush=True)


def run_trials(
    work: Work,
    names: list[str],
    folder: Path,
    workers: int,
    jobs: int,
    early: int | None = None,
    quiet: bool = False,
) -> dict[str, str]:
    """Run all trials, so many at a time.

    Args:
        work: runs one of them.
        names: of the trials.
        folder: where Tune keeps its own files.
        workers: remote workers of every trial, a core each, beside the trial's own.
        jobs: at the same time, where Ray is started here.
        early: iterations of a trial, whose trials are then stopped early by ASHA (Li et al. 2020);
            None: all run to their end.
        quiet: no lines.

    Returns:
        Name -> what went wrong, of the trials that failed.
    """
    # Trials stay in the current folder, where relative paths and the user's modules are found.
    os.environ.setdefault("RAY_CHDIR_TO_TRIAL_DIR", "0")
    os.environ.setdefault("RAY_AIR_NEW_OUTPUT", "0")  # Tune's own lines, whatever `verbose` says
    start_ray_here(jobs * (1 + workers))

    def trial(config: dict[str, Any]) -> None:
        def report(iteration: int, objective: float) -> None:
            tune.report({"objective": objective, "iteration": iteration, "finished": False})

        objective = work(config["trial"], report)
        last = early or 1
        tune.report({"objective": objective, "iteration": last, "finished": True})

    scheduler = None
    if early:
        scheduler = ASHAScheduler(
            time_attr="iteration",
            max_t=early + 1,
            grace_period=max(1, early // 10),
            reduction_factor=REDUCTION,
        )
    tuner = tune.Tuner(
        tune.with_resources(trial, tune.PlacementGroupFactory([{"CPU": 1.0}] * (1 + workers))),
        param_space={"trial": tune.grid_search(list(range(len(names))))},
        tune_config=tune.TuneConfig(metric="objective", mode="max", scheduler=scheduler),
        run_config=tune.RunConfig(
            name="tune",
            storage_path=str(folder.resolve()),
            verbose=0,
            callbacks=[_Told(names, quiet)],
        ),
    )
    grid = tuner.fit()
    ray.shutdown()
    failed = {}
    for result in grid:
        if result.error is not None:
            name = names[result.config["trial"]] if result.config else "?"
            failed[name] = _reason(result.error)
    return failed


def _reason(error: Exception) -> str:
    """The last line of an error, which names its kind and says what it is."""
    cause = getattr(error, "cause", None) or error
    lines = [line.strip() for line in str(cause).splitlines() if line.strip()]
    return lines[-1] if lines else type(cause).__name__
