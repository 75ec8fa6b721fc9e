"""What leaders cost: the same task under several of them, in answers, steps and seconds."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ..experiments.load import load_experiment
from ..runs.machine import machine
from ..runs.run_folder import RunFolder
from ..runs.whole_files import write_json, write_whole
from .claims import SEEDS
from .statistics import mean_text


@dataclass(frozen=True)
class Entrant:
    """A leader on a task.

    Attributes:
        label: name in the table.
        experiment: a shipped experiment.
        overrides: changes to it.
        exact: the answer of theory.
        within: how far from it an answer may be.
    """

    label: str
    experiment: str
    exact: float
    within: float
    overrides: tuple[str, ...] = ()


@dataclass(frozen=True)
class Contest:
    """A table of entrants.

    Attributes:
        name: of the table's files.
        title: heading.
        key: the characteristic that is compared.
        entrants: rows.
        notes: what a reader must know.
    """

    name: str
    title: str
    key: str
    entrants: Sequence[Entrant]
    notes: Sequence[str] = ()

    def reproduced(self, runs: Path, out: Path, jobs: int, seeds: int | None) -> dict[str, float]:
        """Run every entrant with every seed in this process and write the table into `out`."""
        chosen = SEEDS[:seeds]
        figures: dict[str, float] = {}
        lines = [*self._head(chosen), *_columns()]
        for entrant in self.entrants:
            found = [_run(entrant, self.key, seed) for seed in chosen]
            answers, steps, asked, seconds = (
                np.array(column) for column in zip(*found, strict=True)
            )
            inside = np.abs(answers - entrant.exact) <= entrant.within
            lines.append(
                f"| {entrant.label} | {entrant.exact:.4g} ± {entrant.within:g} "
                f"| {mean_text(answers, 4)} | {np.abs(answers - entrant.exact).max():.2g} "
                f"| {inside.sum()} of {len(inside)} | {steps[0]:,.0f} | {asked[0]:,.0f} "
                f"| {np.median(seconds):.3g} |"
            )
            print(lines[-1], flush=True)
            columns = {"answer": answers, "inside": inside, "steps": steps, "seconds": seconds}
            columns["derivatives"] = asked
            for name, values in columns.items():
                figures[f"{entrant.label}/{name}"] = float(np.mean(values))
        made = {"command": self._command(chosen), "seeds": list(chosen), "machine": machine()}
        write_json(out / f"{self.name}.json", {**made, "figures": figures})
        write_whole(out / f"{self.name}.md", "\n".join([*lines, ""]))
        return figures

    def _command(self, seeds: Sequence[int]) -> str:
        few = f" --seeds {len(seeds)}" if len(seeds) < len(SEEDS) else ""
        return f"pacesetter reproduce {self.name}{few}"

    def _head(self, seeds: Sequence[int]) -> list[str]:
        listed = ", ".join(map(str, seeds))
        made = (
            f"Made with `{self._command(seeds)}`; seeds {listed}, one process each after another."
        )
        lines = [f"# {self.title}", "", made, ""]
        for note in self.notes:
            lines += [note, ""]
        return lines


def _columns() -> list[str]:
    titles = [
        *("leader", "exact", "answer (mean ± 95 %)", "farthest", "within", "market steps"),
        *("derivatives asked for", "processor seconds (median)"),
    ]
    return [f"| {' | '.join(titles)} |", "|---" * len(titles) + "|"]


def _run(entrant: Entrant, key: str, seed: int) -> tuple[float, float, float, float]:
    """The answer, steps of the market in training, derivatives asked for, and seconds."""
    from ..loop.trainer import train  # imports torch

    overrides = (*entrant.overrides, f"seed={seed}", "training.route=local")
    experiment = load_experiment(entrant.experiment, overrides)
    with tempfile.TemporaryDirectory() as folder:
        run = RunFolder.create(folder, experiment)
        began = time.process_time()
        outcome = train(run, quiet=True)
        seconds = time.process_time() - began
    if outcome.theta is None:
        raise KeyboardInterrupt
    training = experiment.training
    iterations = training.pretrain_iterations + training.iterations
    steps = iterations * training.copies * training.rollout_steps
    answer = experiment.market.characteristics.named(outcome.theta)[key]
    return answer, float(steps), float(outcome.asked), seconds
