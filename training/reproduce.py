"""Reproductions: every trial with every seed, judged, as a small table anyone can make again."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path

import numpy as np

from ..envs.errors import PacesetterError, unknown
from .claims import Across, Claim, Comparison, Match, Reproduction, Results, Trial
from .experiment import load_experiment
from .machine import machine
from .reproductions import REPRODUCTIONS
from .run_folder import RESULTS, RunFolder, prepare_folder
from .statistics import half_width, mean_text, standard_error
from .whole_files import write_json, write_whole

INTERVAL = "mean ± 95 % (t over seeds)"
"""Head of every column of means over seeds."""

Figures = dict[str, float]


def _order_book_equivalence(runs: Path, out: Path, jobs: int, seeds: int | None) -> Figures:
    from .order_book_equivalence import SEEDS, order_book_equivalence

    return order_book_equivalence(out, seeds or SEEDS)


def _household_landscape(runs: Path, out: Path, jobs: int, seeds: int | None) -> Figures:
    from .household_landscape import ECONOMIES, household_landscape

    return household_landscape(out, seeds or ECONOMIES)


def _foreign_environments(runs: Path, out: Path, jobs: int, seeds: int | None) -> Figures:
    from .foreign_study import foreign_environments

    return foreign_environments(runs, out, jobs, seeds)


MEASUREMENTS: dict[str, Callable[[Path, Path, int, int | None], Figures]] = {
    "foreign_environments": _foreign_environments,
    "household_landscape": _household_landscape,
    "order_book_equivalence": _order_book_equivalence,
}
"""Tables of docs/results that shipped experiments do not make: name -> of `reproduce`'s options."""


def reproduce(
    name: str, runs: Path, out: Path, jobs: int = 2, seeds: int | None = None
) -> dict[str, float]:
    """Run all trials of a reproduction and write ``out/NAME.md``, ``out/NAME.json`` and pictures.

    Runs that are finished already are not repeated, interrupted ones are resumed.

    Args:
        name: see `reproductions.REPRODUCTIONS`, or one of `MEASUREMENTS`.
        runs: folder for run folders.
        out: folder for the tables.
        jobs: runs at the same time, each in a process of its own.
        seeds: only the first so many seeds.

    Raises:
        PacesetterError: an unknown name, a folder of a run of another recipe, a folder that cannot
            be written, or a run that failed.
    """
    check_known(name)
    if name in MEASUREMENTS:
        prepare_folder(out)
        return MEASUREMENTS[name](runs, out, jobs, seeds)
    reproduction = REPRODUCTIONS[name]()
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
    made = {
        "command": command,
        "seeds": list(chosen),
        "machine": machine(),
        "figures": figures,
    }
    write_json(out / f"{name}.json", made)
    write_whole(out / f"{name}.md", table(reproduction, results, command, chosen))
    _draw(reproduction, runs, out, chosen)
    return figures


def check_known(name: str) -> None:
    """PacesetterError if there is no such table."""
    if name not in REPRODUCTIONS and name not in MEASUREMENTS:
        raise unknown("reproduction", name, (*REPRODUCTIONS, *MEASUREMENTS))


def _draw(reproduction: Reproduction, runs: Path, out: Path, seeds: tuple[int, ...]) -> None:
    if reproduction.figures is None:
        return
    from .charts import save
    from .evaluate import evaluated_arrays  # imports torch, which the table does without

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
    wanted = load_experiment(trial.experiment, (*trial.overrides, f"seed={seed}"))
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
        command += [trial.experiment, *trial.overrides, f"seed={seed}"]
        command += ["--runs", str(parent), "--name", path.name]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise PacesetterError(
            f"{trial.name}, seed {seed} failed:\n{done.stderr.strip()[-2000:]}\n"
            f"Run it alone: {' '.join(command[1:])}"
        )


def _path(parent: Path, trial: Trial, seed: int) -> Path:
    """Folder of a run; two reproductions with a trial in common share its runs."""
    plain = "".join(c if c.isalnum() else "_" for c in trial.name)
    return parent / f"{plain}_seed_{seed}"


# Judging ------------------------------------------------------------------------------------------


def summarise(reproduction: Reproduction, results: Results) -> dict[str, float]:
    """Flat figures: mean of everything judged or reported with its interval, and passes.

    Beside a mean over seeds ``NAME`` stand ``NAME/standard_error`` and ``NAME/half_width_95``,
    half of its interval of 95 % by Student's t; a single seed has neither.
    """
    figures: dict[str, float] = {}

    def note(name: str, values: np.ndarray) -> None:
        figures[name] = float(values.mean())
        if len(values) > 1:
            figures[f"{name}/standard_error"] = standard_error(values)
            figures[f"{name}/half_width_95"] = half_width(values)

    for trial in reproduction.trials:
        for key, values in _tabulated(trial, results):
            note(f"{trial.name}/{key}", values)
        for text, passed, differences in judge(trial, results):
            figures[f"{trial.name}/{text}/passed"] = float(passed)
            if differences is not None:
                note(f"{trial.name}/{text}/difference", differences)
    for across in reproduction.across:
        values = across.value(results)
        note(across.label, values)
        if claimed(across):
            figures[f"{across.label}/passed"] = float(holds(across, values))
    return figures


def claimed(across: Across) -> bool:
    """Whether a figure over several trials is judged, and not only reported."""
    return across.low > float("-inf") or across.high < float("inf")


def holds(across: Across, values: np.ndarray) -> bool:
    """Whether the mean over seeds lies in its range."""
    return bool(across.low <= values.mean() <= across.high)


def judge(trial: Trial, results: Results) -> Iterator[tuple[str, bool, np.ndarray | None]]:
    """Every claim of a trial: its text, whether it holds, and paired differences if any."""
    for claim in trial.claims:
        values = _values(results[trial.name], claim.key)
        judged = values if claim.per_seed else values.mean(keepdims=True)
        yield claim_text(claim), bool(np.all((judged >= claim.low) & (judged <= claim.high))), None
    for comparison in trial.comparisons:
        baseline = results[comparison.baseline or trial.name]
        difference = comparison.times * _values(results[trial.name], comparison.smaller) - _values(
            baseline, comparison.larger
        )
        yield comparison_text(comparison), bool(difference.mean() < 0), difference
    for match in trial.matches:
        there = _values(results[match.baseline], match.key)
        away = abs(float(_values(results[trial.name], match.key).mean() - there.mean()))
        spread = float(there.std(ddof=1)) if len(there) > 1 else 0.0
        allowed = max(match.deviations * spread, match.least)
        yield match_text(match, away, spread), away <= allowed, None


def claim_text(claim: Claim) -> str:
    """A claim in words."""
    return _in_range(claim.key if claim.per_seed else f"mean over seeds of {claim.key}", claim)


def _in_range(subject: str, claim: Claim | Across) -> str:
    if claim.low == float("-inf") and claim.high == float("inf"):
        return subject
    if claim.low == float("-inf"):
        return f"{subject} <= {claim.high:g}"
    if claim.high == float("inf"):
        return f"{subject} >= {claim.low:g}"
    return f"{subject} in [{claim.low:g}, {claim.high:g}]"


def comparison_text(comparison: Comparison) -> str:
    """A comparison in words."""
    of = f" of {comparison.baseline}" if comparison.baseline else ""
    times = f"{comparison.times:g} × " if comparison.times != 1.0 else ""
    return f"{times}{comparison.smaller} < {comparison.larger}{of}"


def match_text(match: Match, away: float, spread: float) -> str:
    """A match in words, with the difference of means and the deviation over seeds it is held to."""
    least = f", or {match.least:g}" if match.least else ""
    return (
        f"{match.key} as that of {match.baseline}, within {match.deviations:g} deviations over "
        f"seeds{least} (differs by {away:.2g}, deviation {spread:.2g})"
    )


def _values(runs: list[dict[str, float]], key: str) -> np.ndarray:
    return np.array([run[key] for run in runs])


def _tabulated(trial: Trial, results: Results) -> Iterator[tuple[str, np.ndarray]]:
    keys = [claim.key for claim in trial.claims]
    keys += [comparison.smaller for comparison in trial.comparisons]
    for key in dict.fromkeys([*keys, *trial.report]):
        yield key, _values(results[trial.name], key)


# Writing ------------------------------------------------------------------------------------------


def table(
    reproduction: Reproduction, results: Results, command: str, seeds: tuple[int, ...]
) -> str:
    """The reproduction as Markdown."""
    lines = [f"# {reproduction.title}", ""]
    lines += [f"Made with `{command}`; seeds {', '.join(map(str, seeds))}.", ""]
    lines += [f"{note}\n" for note in reproduction.notes]
    lines += [f"| trial | figure | {INTERVAL} | least … largest |", "|---|---|---|---|"]
    for trial in reproduction.trials:
        for key, values in _tabulated(trial, results):
            lines.append(
                f"| {trial.name} | {key} | {mean_text(values, 4)} "
                f"| {values.min():.4g} … {values.max():.4g} |"
            )
    lines += ["", "| trial | claim | holds |", "|---|---|---|"]
    for trial in reproduction.trials:
        for text, passed, differences in judge(trial, results):
            paired = ""
            if differences is not None:
                paired = f" (paired difference {mean_text(differences, 2)})"
            lines.append(f"| {trial.name} | {text}{paired} | {'yes' if passed else '**no**'} |")
    for across in reproduction.across:
        values = across.value(results)
        verdict = ("yes" if holds(across, values) else "**no**") if claimed(across) else "reported"
        found = mean_text(values, 3)
        lines.append(f"| all | {_in_range(across.label, across)}: {found} | {verdict} |")
    if reproduction.section is not None:
        lines += ["", *reproduction.section(results)]
    return "\n".join(lines) + "\n"
