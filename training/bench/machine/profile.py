"""Where an iteration's processor time goes: by part, beside its products of matrices alone.

    python -m pacesetter.training.bench.machine.profile --out docs/results

profiles whole iterations of the tasks that are raced against JAX, on one core.
"""

from __future__ import annotations

import argparse
import cProfile
import pstats
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from ....envs.core.errors import PacesetterError
from ...experiments.experiment import Experiment
from ...ppo.backend import LocalBackend
from ...runs.machine import code_digest, machine
from ...runs.run_folder import prepare_folder
from ...runs.whole_files import write_json, write_whole
from ...studies.catalogue import benchmarks
from ...studies.charts import save
from ...studies.profile_figure import profile_figure
from ...studies.speed import RECIPES, JaxRace
from ..jax_race import ours
from .load import busy_cores, load_said
from .products import PARTS, products_of

NAME = "bench_profile"
ROOT = Path(__file__).resolve().parents[3]
ITERATIONS = 10
WARM = 2
LEARNER_GOAL = 60.0
"""Percent of the products of its minibatches that a learner is to reach."""
PLACES = {
    "training/compiled/gradient.py": "gradients",
    "training/ppo/blocks.py": "gradients",
    "training/compiled/adam.py": "Adam, shuffles",
    "training/ppo/update.py": "Adam, shuffles",
    "training/compiled/recursions.py": "advantages",
    "training/ppo/advantages.py": "advantages",
    "training/policies": "acting, values",
    "training/compiled": None,
    "training/ppo": "rollouts",
    "envs/core/kernels": None,
    "envs": "market",
}
"""Beginning of a file's path -> part, None: of who calls it; the first that fits."""
LEARNER, REST = "Adam, shuffles", "rest"


@dataclass(frozen=True)
class Profile:
    """Of one task's iterations.

    Attributes:
        whole: milliseconds of the processor per iteration, without a profiler.
        parts: shares of an iteration by what is done, of the clock, with a profiler.
        products: milliseconds of those of an iteration alone, by `PARTS`.
        learner: share of an iteration, from shuffling to the last step.
    """

    whole: float
    parts: dict[str, float]
    products: dict[str, float]
    learner: float

    @property
    def learner_percent(self) -> float:
        """What the products of minibatches take alone, of the learner's time."""
        return 100.0 * self.products["learning"] / (self.learner * self.whole)

    @property
    def percent(self) -> float:
        """The same of all products, and the whole iteration."""
        return 100.0 * sum(self.products.values()) / self.whole


def profile(experiment: Experiment, iterations: int = ITERATIONS) -> Profile:
    """Profile iterations of the followers' training, in this process."""
    backend, products = LocalBackend(experiment), products_of(experiment)
    for _ in range(WARM):
        backend.iterate()
    whole = _milliseconds(backend.iterate, iterations)
    # Neither a clock of our own nor calls into C: each would cost more than much of what it times.
    profiler = cProfile.Profile(builtins=False)
    profiler.enable()
    for _ in range(iterations):
        backend.iterate()
    profiler.disable()
    parts, learner = by_part(pstats.Stats(profiler))
    alone = {}
    for part in PARTS:
        products[part]()
        alone[part] = _milliseconds(products[part], iterations)
    seconds = sum(parts.values())
    shares = {part: own / seconds for part, own in parts.items()}
    return Profile(whole, shares, alone, learner / seconds)


def _milliseconds(work: Callable[[], object], times: int) -> float:
    began = time.process_time()
    for _ in range(times):
        work()
    return 1e3 * (time.process_time() - began) / times


def by_part(stats: pstats.Stats) -> tuple[dict[str, float], float]:
    """Seconds by part, and those of the learner with all that it calls.

    What belongs to no file of this package counts for who called it, in the proportions of the
    calls' own times.
    """
    # Documented as what a profile is written from, and unknown to the types of the library.
    table = stats.stats  # type: ignore[attr-defined]
    parts = dict.fromkeys([*filter(None, PLACES.values()), REST], 0.0)
    learner = 0.0

    def give(function, seconds: float, seen: tuple) -> None:
        part = _part(function[0])
        callers = table[function][4] if function in table else {}
        known = {caller: spent[2] for caller, spent in callers.items() if caller not in seen}
        if part is not None or not sum(known.values()):
            parts[part or REST] += seconds
            return
        total = sum(known.values())
        for caller, spent in known.items():
            if spent:
                give(caller, seconds * spent / total, (*seen, function))

    for function, (_, _, own, whole, _) in table.items():
        give(function, own, ())
        if function[2] == "update" and _part(function[0]) == LEARNER:
            learner += whole
    return parts, learner


def _part(file: str) -> str | None:
    """What is done in a file; None: what its caller does, or it is no file of this package."""
    try:
        place = Path(file).resolve().relative_to(ROOT).as_posix()
    except ValueError:
        return None
    return next((part for start, part in PLACES.items() if place.startswith(start)), None)


def tasks() -> dict[str, Experiment]:
    """What is profiled: both recipes of every market that is raced against JAX."""
    found = {}
    for declared in benchmarks().values():
        race = declared()
        if isinstance(race, JaxRace):
            for recipe, settings in RECIPES.items():
                found[f"{race.market}, {recipe.replace('_', ' ')}"] = ours(race, settings)
    return found


def report(found: dict[str, Profile], load: float) -> str:
    """The page."""
    parts, on = list(next(iter(found.values())).parts), machine()
    head = ["task", "ms", *parts, "products: " + ", ".join(PARTS), "of the learner", "of all"]
    lines = [
        "# Where an iteration's time goes",
        "",
        "Made with `python -m pacesetter.training.bench.machine.profile` on "
        f"{on['processor']}, one core, Python {on['python']}, torch {on['torch']}, numpy "
        f"{on['numpy']}; code {code_digest()}; {load_said(load)}.",
        "",
        "Whole iterations of the tasks that are raced against JAX, milliseconds of the "
        "processor; parts are shares of it, by a profiler. Products are those of matrices alone, "
        "in blocks of the size at which they are fastest, and nothing between them: the time below "
        "which nobody comes. The last columns are what they take of the learner's time, and of the "
        f"whole iteration's; the goal of the learner is {LEARNER_GOAL:g} %.",
        "",
        "| " + " | ".join(head) + " |",
        "|---|" + "---:|" * (len(head) - 1),
    ]
    for task, one in found.items():
        shares = [f"{100 * value:.0f} %" for value in one.parts.values()]
        products = ", ".join(f"{one.products[part]:.1f}" for part in PARTS)
        verdict = "met" if one.learner_percent >= LEARNER_GOAL else "**missed**"
        row = [
            task,
            f"{one.whole:.1f}",
            *shares,
            products,
            f"{one.learner_percent:.0f} %: {verdict}",
        ]
        lines.append("| " + " | ".join([*row, f"{one.percent:.0f} %"]) + " |")
    return "\n".join([*lines, "", f"![Where the time goes]({NAME}.png)", ""])


def flat(one: Profile) -> dict[str, float]:
    """All figures of a profile, by name."""
    shares = {f"share/{part}": share for part, share in one.parts.items()}
    products = {f"products/{part}/milliseconds": value for part, value in one.products.items()}
    return (
        shares
        | products
        | {
            "milliseconds": one.whole,
            "learner/share": one.learner,
            "learner/percent_of_matrix_products": one.learner_percent,
            "percent_of_matrix_products": one.percent,
        }
    )


def write(found: dict[str, Profile], out: Path, load: float) -> None:
    """The page, its numbers and its picture."""
    prepare_folder(out)
    figures = {f"{task}/{name}": v for task, one in found.items() for name, v in flat(one).items()}
    made = {"machine": machine(), "code": code_digest(), "busy_cores": load}
    write_json(out / f"{NAME}.json", made | {"figures": figures})
    parts = {task: one.parts for task, one in found.items()}
    alone = {
        task: {part: value / one.whole for part, value in one.products.items()}
        for task, one in found.items()
    }
    save(profile_figure(parts, alone), out / f"{NAME}.png")
    write_whole(out / f"{NAME}.md", report(found, load))


def main(arguments: Sequence[str] | None = None) -> int:
    """The command."""
    parser = argparse.ArgumentParser(prog="profile", description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, help="folder of the page, its numbers and its picture")
    parser.add_argument("--iterations", type=int, default=ITERATIONS)
    options = parser.parse_args(arguments)
    try:
        if options.iterations < 1:
            raise PacesetterError(f"--iterations must be at least 1, got {options.iterations}.")
        load = busy_cores()
        found = {}
        for task, experiment in tasks().items():
            print(f"{task} …", flush=True)
            found[task] = profile(experiment, options.iterations)
        print(report(found, load))
        if options.out:
            write(found, options.out, load)
    except PacesetterError as error:
        print(f"profile: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
