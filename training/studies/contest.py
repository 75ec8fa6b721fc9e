"""Leaders with the same number of steps of a market, and what their answers keep of their promise.

Some of them lead followers who have learned to answer any θ. One is how it is done without such
followers: Bayesian search that trains them anew for every candidate, each for its share of the
steps. Then followers are trained from scratch at every answer, and what the leader was promised is
measured again.
"""

from __future__ import annotations

import json
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from ...leaders.search.bayesian import BayesianLeader
from ...leaders.search.fixed import FixedLeader
from ..experiments.experiment import Experiment
from ..experiments.load import load_experiment, resolved
from ..runs.history import read_history
from ..runs.machine import machine
from ..runs.run_folder import RunFolder
from ..runs.whole_files import write_json, write_whole
from .charts import chart, save
from .claims import SEEDS
from .statistics import half_width, mean_text

if TYPE_CHECKING:
    from ..policies.play import Played  # imports torch

Floats = NDArray[np.float64]
POINTS = 10  # of a curve
COLOURS = ("#1f77b4", "#2ca02c", "#7f7f7f", "#d62728")


@dataclass(frozen=True)
class Found:
    """What one leader with one seed came to.

    Attributes:
        theta: its answer, ``(d,)``.
        steps, losses: of the market so far, and what the answer then was off, see `Contest.loss`.
        promised: the objective at its answer with the followers that it led.
        kept: the same with followers trained from scratch at the answer.
        seconds: of the processor.
        seen: what else is kept of the play with followers trained from scratch; see
            `Contest.seen`.
    """

    theta: list[float]
    steps: list[float]
    losses: list[float]
    promised: float
    kept: float
    seconds: float
    seen: dict[str, list[float]] = field(default_factory=dict)


Answer = tuple[Floats, list[float], list[float], float]
"""θ, steps and losses of its curve, and what it promises."""
Columns = dict[str, Floats]
"""What is tabulated of a leader, name -> ``(seeds,)``."""


@dataclass(frozen=True)
class Contest:
    """Who competes, and by what they are judged.

    Attributes:
        name: of the table.
        conditional: label -> experiment of the leaders whose followers know θ.
        anew: label of the search that trains followers anew.
        searched: experiment that it does so in.
        loss: what an answer ``(d,)`` is off.
        off: what that is, on the axis of a figure.
        columns: title -> characteristic, of what is tabulated beside.
        candidates, first: how many the search that trains anew tries, and how many of them first.
        seen: what to keep, for pictures, of a play at an answer with followers trained from
            scratch at it, name -> values; what has one is tabulated, too.
        pictures: further ones than the curves, name of the file -> picture.
    """

    name: str
    conditional: Mapping[str, str]
    anew: str
    searched: str
    loss: Callable[[Floats], float]
    off: str
    columns: Mapping[str, str]
    candidates: int = 10
    first: int = 5
    seen: Callable[[Played], dict[str, list[float]]] | None = None
    pictures: Callable[[dict[str, list[Found]]], dict[str, Figure]] | None = None

    @property
    def labels(self) -> tuple[str, ...]:
        """Of all leaders."""
        return (*self.conditional, self.anew)

    def fight(self, runs: Path, seeds: tuple[int, ...]) -> dict[str, list[Found]]:
        """Every leader with every seed; what a run came to is kept in `runs` and not done again."""
        kept = runs / self.name
        kept.mkdir(parents=True, exist_ok=True)
        found: dict[str, list[Found]] = {}
        for seed in seeds:
            for label in self.labels:
                found.setdefault(label, []).append(self.one(kept, label, seed))
                last = found[label][-1]
                print(f"  {label}, seed {seed}: off by {last.losses[-1]:.4f}", flush=True)
        return found

    def one(self, folder: Path, label: str, seed: int) -> Found:
        """A run, or what an earlier one of the same recipe came to."""
        name = self.conditional.get(label, self.searched)
        experiment = load_experiment(name, [f"seed={seed}", "training.route=local"])
        asked = {
            "experiment": resolved(experiment), "label": label, "candidates": self.candidates,
        }  # fmt: skip
        asked = json.loads(json.dumps(asked))
        path = folder / f"{''.join(c if c.isalnum() else '_' for c in label)}_{seed}.json"
        if path.exists():
            before = json.loads(path.read_text(encoding="utf-8"))
            if before["asked"] == asked:
                return Found(**before["found"])
        began = time.process_time()
        lead = self._anew if label == self.anew else self._conditional
        theta, steps, losses, promised = lead(experiment)
        with _at(experiment, theta, total(experiment)) as run:
            played = _played(run, theta)
        seconds = time.process_time() - began
        kept = float(played.objective.mean())
        seen = self.seen(played) if self.seen else {}
        found = Found(theta.tolist(), steps, losses, promised, kept, seconds, seen)
        write_json(path, {"asked": asked, "found": asdict(found)})
        return found

    def _conditional(self, experiment: Experiment) -> Answer:
        """A leader whose followers know θ: its answer, its curve, and what it promises."""
        from ..loop.trainer import train  # imports torch

        with tempfile.TemporaryDirectory() as folder:
            run = RunFolder.create(folder, experiment)
            theta = train(run, quiet=True).theta
            if theta is None:
                raise KeyboardInterrupt
            history = read_history(run.path)
            promised = float(_played(run, theta).objective.mean())
        first, last = experiment.training.pretrain_iterations, total(experiment)
        places = np.unique(np.linspace(first + 1, last - 1, POINTS).astype(int))
        names = experiment.market.characteristics.names
        answers = [np.array([history[p][f"theta/{name}"] for name in names]) for p in places]
        steps = [float((p + 1) * _per_iteration(experiment)) for p in places]
        losses = [self.loss(answer) for answer in answers]
        return theta, steps, [*losses[:-1], self.loss(theta)], promised

    def _anew(self, experiment: Experiment) -> Answer:
        """Followers trained anew for every candidate of a Bayesian search."""
        options = BayesianLeader(initial_points=self.first)
        search = options.search(experiment.market.characteristics, experiment.seed)
        each = total(experiment) // self.candidates
        steps: list[float] = []
        losses: list[float] = []
        promised: dict[tuple[float, ...], float] = {}
        for number in range(self.candidates):
            theta = search.propose(1)
            with _at(experiment, theta[0], each) as run:
                value = float(_played(run, theta[0]).objective.mean())
            search.learn(theta, np.array([value]))
            promised[tuple(theta[0].tolist())] = value
            steps.append(float((number + 1) * each * _per_iteration(experiment)))
            losses.append(self.loss(search.best()))
        answer = search.best()
        # Nobody has played at the answer itself: what is promised is what its model expects of it.
        nearest = min(promised, key=lambda tried: float(np.sum((np.array(tried) - answer) ** 2)))
        return answer, steps, losses, promised[nearest]

    # Shown --------------------------------------------------------------------------------------

    def columns_of(self, runs: list[Found]) -> Columns:
        """What is tabulated of a leader."""
        names = load_experiment(self.searched).market.characteristics.names
        theta = np.array([run.theta for run in runs])
        return {
            **{c: theta[:, names.index(c)] for c in self.columns.values()},
            "off": np.array([run.losses[-1] for run in runs]),
            "promised": np.array([run.promised for run in runs]),
            "retrained": np.array([run.kept for run in runs]),
            **{
                name: np.array([run.seen[name][0] for run in runs])
                for name, values in runs[0].seen.items()
                if len(values) == 1
            },
            "seconds": np.array([run.seconds for run in runs]),
        }

    def write(
        self,
        found: dict[str, list[Found]],
        out: Path,
        title: str,
        notes: tuple[str, ...],
        claims: Callable[[dict[str, Columns]], list[tuple[str, bool]]],
    ) -> dict[str, float]:
        """The table, its figures and its picture, into `out`; what is in ``NAME.json``."""
        seeds = SEEDS[: len(next(iter(found.values())))]
        few = f" --seeds {len(seeds)}" if len(seeds) < len(SEEDS) else ""
        command = f"pacesetter reproduce {self.name}{few}"
        columns = {label: self.columns_of(runs) for label, runs in found.items()}
        figures = _figures(columns)
        made = {"command": command, "seeds": list(seeds), "machine": machine(), "figures": figures}
        write_json(out / f"{self.name}.json", made)
        raw = {label: [asdict(one) for one in runs] for label, runs in found.items()}
        write_json(out / f"{self.name}.runs.json", raw)
        steps = next(iter(found.values()))[0].steps[-1]
        shown = list(next(iter(columns.values())))[:-1]
        lines = [
            f"# {title}",
            "",
            f"Made with `{command}`; seeds {', '.join(map(str, seeds))}; {steps:,.0f} steps of the "
            "market for each leader and seed.",
            "",
            *(line for note in notes for line in (note, "")),
            f"| leader | {' | '.join(shown)} | CPU s |",
            "|---" * (len(shown) + 2) + "|",
        ]
        for label, values in columns.items():
            cells = [mean_text(values[name], 3) for name in shown]
            lines.append(f"| {label} | {' | '.join(cells)} | {np.median(values['seconds']):.0f} |")
        lines += ["", "| claim | holds |", "|---|---|"]
        lines += [f"| {text} | {'yes' if holds else '**no**'} |" for text, holds in claims(columns)]
        write_whole(out / f"{self.name}.md", "\n".join(lines) + "\n")
        save(self.curves(found), out / f"{self.name}.png")
        for name, picture in (self.pictures(found) if self.pictures else {}).items():
            save(picture, out / f"{name}.png")
        return figures

    def curves(self, found: dict[str, list[Found]]) -> Figure:
        """What the answer so far is off, over steps: mean over seeds, and each seed."""
        figure, (axis,) = chart(1, 1, width=6.4, height=4.0)
        for (label, runs), colour in zip(found.items(), COLOURS, strict=False):
            steps = np.array(runs[0].steps) / 1e3
            losses = np.array([run.losses for run in runs])
            axis.plot(steps, losses.T, color=colour, alpha=0.25, linewidth=0.8)
            axis.plot(steps, losses.mean(axis=0), color=colour, linewidth=1.8, label=label)
        axis.set_yscale("log")
        axis.set_xlabel("steps of the market, thousands")
        axis.set_ylabel(self.off)
        axis.legend(frameon=False, fontsize=8)
        return figure


def total(experiment: Experiment) -> int:
    """Iterations of both phases."""
    return experiment.training.pretrain_iterations + experiment.training.iterations


def _per_iteration(experiment: Experiment) -> int:
    return experiment.training.copies * experiment.training.rollout_steps


@contextmanager
def _at(experiment: Experiment, theta: Floats, iterations: int) -> Iterator[RunFolder]:
    """Followers trained from scratch at one θ, in a folder that stays as long as it is read."""
    from ..loop.trainer import train

    named = experiment.market.characteristics.named(theta)
    training = replace(
        experiment.training, pretrain_iterations=0, iterations=iterations, random_theta_share=0.0
    )
    alone = replace(experiment, leader=FixedLeader(theta=named), training=training)
    with tempfile.TemporaryDirectory() as folder:
        run = RunFolder.create(folder, alone)
        if train(run, quiet=True).theta is None:
            raise KeyboardInterrupt
        yield run


def _played(run: RunFolder, theta: Floats) -> Played:
    """Whole episodes at θ with the followers of a run."""
    from ..policies.play import play
    from ..policies.policies import Policies

    named = run.experiment.market.characteristics.named(theta)
    whole = replace(run.experiment, leader=FixedLeader(theta=named))
    return play(whole, Policies.load(whole, run.path / "policies"), theta)


def _figures(columns: dict[str, Columns]) -> dict[str, float]:
    figures: dict[str, float] = {}
    for label, values in columns.items():
        for name, column in values.items():
            figures[f"{label}/{name}"] = float(column.mean())
            if len(column) > 1:
                figures[f"{label}/{name}/half_width_95"] = half_width(column)
    return figures
