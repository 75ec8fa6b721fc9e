"""Reproductions: every trial with every seed, judged, as a small table anyone can make again."""

from __future__ import annotations

import sys
import time
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import asdict
from functools import partial
from pathlib import Path

from ...envs.core.errors import PacesetterError, unknown
from ..experiments.load import load_experiment
from ..runs.machine import machine
from ..runs.run_folder import RESULTS, RunFolder, prepare_folder
from ..runs.whole_files import write_json, write_whole
from ..studies.catalogue import Measurement, measurements, tables
from ..studies.claims import Reproduction, Trial
from .certificates import certificates
from .certificates_economies import certificates_economies
from .cost import cost_of_runs, measured_here, run_measured
from .foreign_study import foreign_environments
from .judge import summarise
from .raw_runs import runs_of
from .table import table


def reproduce(
    name: str, runs: Path, out: Path, jobs: int = 2, seeds: int | None = None
) -> dict[str, float]:
    """Run all trials of a reproduction and write ``out/NAME.md``, ``out/NAME.json`` and pictures.

    Beside them stands what the figures are made of, ``out/NAME.runs.json`` (see `raw_runs`). Runs
    that are finished already are not repeated, interrupted ones are resumed.

    Args:
        name: see `known`.
        runs: folder for run folders.
        out: folder for the tables.
        jobs: runs at the same time, each in a process of its own.
        seeds: only the first so many seeds.

    Raises:
        PacesetterError: an unknown name, a folder of a run of another recipe, a folder that cannot
            be written, or a run that failed.
    """
    check_known(name)
    if name not in tables():
        prepare_folder(out)
        make = partial(other_tables()[name], runs, out, jobs, seeds)
        return measured_here(make, out / f"{name}.md")
    reproduction = tables()[name]()
    chosen = reproduction.seeds[:seeds]
    for trial in reproduction.trials:
        for seed in chosen:
            _check_recipe(_path(runs, trial, seed), trial, seed)
    prepare_folder(out)
    prepare_folder(runs)
    _run_all(reproduction, runs, chosen, jobs)
    results = {
        trial.name: [RunFolder.open(_path(runs, trial, seed)).read_results() for seed in chosen]
        for trial in reproduction.trials
    }
    figures = summarise(reproduction, results)
    command = f"pacesetter reproduce {name}" + (f" --seeds {seeds}" if seeds else "")
    paths = [_path(runs, trial, seed) for trial in reproduction.trials for seed in chosen]
    cost, in_words = cost_of_runs(dict.fromkeys(paths))
    made = {
        "command": command,
        "seeds": list(chosen),
        "machine": machine(),
        "cost": cost and asdict(cost),
        "figures": figures,
    }
    write_json(out / f"{name}.json", made)
    write_json(out / f"{name}.runs.json", runs_of(name, reproduction, results, chosen))
    shown = table(reproduction, results, command, chosen)
    write_whole(out / f"{name}.md", f"{shown}\n{in_words}\n")
    _draw(reproduction, runs, out, chosen)
    return figures


def known() -> list[str]:
    """Every table: those of shipped experiments, and the others."""
    return [*tables(), *other_tables()]


def other_tables() -> dict[str, Measurement]:
    """Those that are not made of a market's shipped experiments."""
    return {
        **measurements(),
        "foreign_environments": foreign_environments,
        "certificates": certificates,
        "certificates_economies": certificates_economies,
    }


def check_known(name: str) -> None:
    """PacesetterError if there is no such table."""
    if name not in known():
        raise unknown("reproduction", name, known())


def _draw(reproduction: Reproduction, runs: Path, out: Path, seeds: tuple[int, ...]) -> None:
    if reproduction.figures is None:
        return
    from ..evaluation.evaluate import (
        evaluated_arrays,  # imports torch, which the table does without
    )
    from ..studies.charts import save

    arrays = {
        trial.name: [evaluated_arrays(RunFolder.open(_path(runs, trial, seed))) for seed in seeds]
        for trial in reproduction.trials
    }
    for name, figure in reproduction.figures(arrays).items():
        save(figure, out / f"{name}.png")


def _run_all(reproduction: Reproduction, parent: Path, seeds: tuple[int, ...], jobs: int) -> None:
    work = [(trial, seed) for seed in seeds for trial in reproduction.trials]
    waiting = [(t, s) for t, s in work if not (_path(parent, t, s) / RESULTS).exists()]
    print(f"{reproduction.title}: {len(work)} runs, {len(work) - len(waiting)} done already")
    began = time.monotonic()
    with ThreadPoolExecutor(jobs) as pool:
        futures = {pool.submit(_run_one, parent, t, s): (t, s) for t, s in waiting}
        for number, future in enumerate(as_completed(futures), start=1):
            try:
                future.result()
            except PacesetterError:
                pool.shutdown(wait=False, cancel_futures=True)
                raise
            trial, seed = futures[future]
            left = (time.monotonic() - began) / number * (len(waiting) - number)
            print(
                f"  {number}/{len(waiting)}  {trial.name}, seed {seed}  ({left / 60:.0f} min left)",
                flush=True,
            )


def _check_recipe(path: Path, trial: Trial, seed: int) -> None:
    """Refuse a run, finished or not, of another recipe than the trial has now."""
    wanted = load_experiment(trial.experiment, _changes(trial, seed))
    if (path / "config.yaml").exists() and load_experiment(str(path / "config.yaml")) != wanted:
        raise PacesetterError(
            f"{path} was made by another recipe than {trial.name!r} has now. Delete the folder, or "
            "give another one with --runs."
        )


def _run_one(parent: Path, trial: Trial, seed: int) -> None:
    path = _path(parent, trial, seed)
    command = [sys.executable, "-m", "pacesetter.training.cli", "train", "--quiet"]
    if (path / "config.yaml").exists():
        command += ["--resume", str(path)]
    else:
        command += [trial.experiment, *_changes(trial, seed)]
        command += ["--runs", str(parent), "--name", path.name]
    code, errors = run_measured(command, path)
    if code != 0:
        raise PacesetterError(
            f"{trial.name}, seed {seed} failed:\n{errors.strip()[-2000:]}\n"
            f"Run it alone: {' '.join(command[1:])}"
        )


def _changes(trial: Trial, seed: int) -> tuple[str, ...]:
    """Overrides of a run: leaders are shown as they learn, before their answers are refined."""
    return ("training.refine=0", *trial.overrides, f"seed={seed}")


def _path(parent: Path, trial: Trial, seed: int) -> Path:
    """Folder of a run; two reproductions with a trial in common share its runs."""
    plain = "".join(c if c.isalnum() else "_" for c in trial.name)
    return parent / f"{plain}_seed_{seed}"
