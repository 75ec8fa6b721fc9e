"""What leaders cost: the same task under several of them, in answers, steps and seconds."""

from __future__ import annotations

import json
import re
import tempfile
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..experiments.experiment import Experiment
from ..experiments.load import load_experiment, resolved
from ..runs.machine import machine
from ..runs.run_folder import RunFolder
from ..runs.whole_files import write_json, write_whole
from .catalogue import study_of
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
        route: of training; see `TrainingSettings`.
    """

    label: str
    experiment: str
    exact: float
    within: float
    overrides: tuple[str, ...] = ()
    route: str = "local"


@dataclass(frozen=True)
class Ran:
    """What one run of an entrant came to.

    Attributes:
        answer: the characteristic that is compared.
        worth: the figure of the study that is tabulated; None without one.
        steps: of the market, for followers and for the leader's own questions.
        derivatives: at how many θ the leader asked for them.
        seconds: of the processor.
    """

    answer: float
    worth: float | None
    steps: float
    derivatives: float
    seconds: float


@dataclass(frozen=True)
class Contest:
    """A table of entrants.

    Attributes:
        name: of the table's files.
        title: heading.
        key: the characteristic that is compared.
        entrants: rows.
        notes: what a reader must know.
        worth: a figure of the market's study that is tabulated too, and its title; None: none.
    """

    name: str
    title: str
    key: str
    entrants: Sequence[Entrant]
    notes: Sequence[str] = ()
    worth: tuple[str, str] | None = None

    def reproduced(self, runs: Path, out: Path, jobs: int, seeds: int | None) -> dict[str, float]:
        """Run every entrant with every seed in this process and write the table into `out`.

        What a run came to is kept in `runs`, so that an interrupted table goes on where it stood.
        """
        chosen = SEEDS[:seeds]
        figures: dict[str, float] = {}
        lines = [*self._head(chosen), *self._columns()]
        kept = runs / self.name
        kept.mkdir(parents=True, exist_ok=True)
        for entrant in self.entrants:
            found = [self._ran(kept, entrant, seed) for seed in chosen]
            columns = {
                field.name: np.array([getattr(one, field.name) for one in found])
                for field in fields(Ran)
            }
            columns["inside"] = np.abs(columns["answer"] - entrant.exact) <= entrant.within
            lines.append(self._row(entrant, columns))
            print(lines[-1], flush=True)
            for name, values in columns.items():
                if name != "worth" or self.worth:
                    figures[f"{entrant.label}/{name}"] = float(np.mean(values))
        made = {"command": self._command(chosen), "seeds": list(chosen), "machine": machine()}
        write_json(out / f"{self.name}.json", {**made, "figures": figures})
        write_whole(out / f"{self.name}.md", "\n".join([*lines, ""]))
        return figures

    def _ran(self, kept: Path, entrant: Entrant, seed: int) -> Ran:
        """A run, or what an earlier one of the same experiment came to."""
        overrides = (*entrant.overrides, f"seed={seed}", f"training.route={entrant.route}")
        experiment = load_experiment(entrant.experiment, overrides)
        asked = {"experiment": resolved(experiment), "worth": self.worth}
        name = re.sub(r"\W+", "_", f"{entrant.label}_{seed}")
        path = kept / f"{name}.json"
        described = json.loads(json.dumps(asked))
        if path.exists():
            before = json.loads(path.read_text(encoding="utf-8"))
            if before["asked"] == described:
                return Ran(**before["found"])
        found = _run(experiment, self.key, self.worth)
        write_json(path, {"asked": described, "found": asdict(found)})
        return found

    def _row(self, entrant: Entrant, found: dict[str, NDArray[Any]]) -> str:
        answers, inside = found["answer"], found["inside"]
        cells = [
            entrant.label,
            f"{entrant.exact:.4g} ± {entrant.within:g}",
            mean_text(answers, 4),
            f"{np.abs(answers - entrant.exact).max():.2g}",
            f"{inside.sum()} of {len(inside)}",
            f"{found['steps'][0]:,.0f}",
            f"{found['derivatives'][0]:,.0f}",
            f"{np.median(found['seconds']):.3g}",
        ]
        if self.worth:
            cells.insert(5, f"{found['worth'].min():.4f}")
        return f"| {' | '.join(cells)} |"

    def _columns(self) -> list[str]:
        titles = [
            *("leader", "exact", "answer (mean ± 95 %)", "farthest", "within", "market steps"),
            *("derivatives asked for", "processor seconds (median)"),
        ]
        if self.worth:
            titles.insert(5, f"{self.worth[1]}, least")
        return [f"| {' | '.join(titles)} |", "|---" * len(titles) + "|"]

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


def _run(experiment: Experiment, key: str, worth: tuple[str, str] | None) -> Ran:
    from ..loop.trainer import train  # imports torch
    from ..policies.policies import Policies, Trained

    with tempfile.TemporaryDirectory() as folder:
        run = RunFolder.create(folder, experiment)
        began = time.process_time()
        outcome = train(run, quiet=True)
        seconds = time.process_time() - began
        theta = outcome.theta
        if theta is None:
            raise KeyboardInterrupt
        figure = None
        if worth and (study := study_of(experiment.market)) is not None:
            policies = Policies.load(experiment, run.path / "policies")
            figure = study.measure(Trained(experiment, policies, theta)).results[worth[0]]
    training = experiment.training
    iterations = training.pretrain_iterations + training.iterations
    steps = iterations * training.copies * training.rollout_steps + outcome.steps
    answer = experiment.market.characteristics.named(theta)[key]
    return Ran(answer, figure, float(steps), float(outcome.asked), seconds)
