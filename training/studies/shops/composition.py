"""Who the customers are, by four leaders with the same number of steps of the market.

Three of them lead shops that have learned to price under any composition: a policy that moves the
composition by steps, Bayesian search and random search. The fourth is how it is done without such
shops: Bayesian search that trains shops anew for every candidate, each for its share of the steps.
Then shops are trained from scratch at every answer, and what the leader was promised is measured
again.
"""

from __future__ import annotations

import json
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from functools import cache
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from ....envs.shops.market import Shops
from ....leaders.search.bayesian import BayesianLeader
from ....leaders.search.fixed import FixedLeader
from ...experiments.experiment import Experiment
from ...experiments.load import load_experiment, resolved
from ...runs.history import read_history
from ...runs.machine import machine
from ...runs.run_folder import RunFolder
from ...runs.whole_files import write_json, write_whole
from ..charts import chart, save
from ..claims import SEEDS
from ..statistics import half_width, mean_text

Floats = NDArray[np.float64]
NAME = "shops_composition"
CONDITIONAL = {
    "steps of a policy": "shops_mix_steps",
    "Bayesian": "shops_mix_bayesian",
    "random search": "shops_mix_random",
}
RETRAINED = "Bayesian, shops trained per candidate"
CANDIDATES, FIRST_CANDIDATES = 10, 5
POINTS = 10  # of a curve
PLANTED = np.array([0.5, 0.8])
COLOURS = ("#1f77b4", "#2ca02c", "#7f7f7f", "#d62728")
WITHIN = 0.01
"""How far shares of sales may be from the planted ones, root mean square, at an answer."""


@dataclass(frozen=True)
class Found:
    """What one leader with one seed came to.

    Attributes:
        theta: its answer, ``(2,)``.
        steps, losses: of the market so far, and what the answer then was off, see `loss`.
        promised: the objective at its answer with the shops that it led.
        kept: the same with shops trained from scratch at the answer.
        seconds: of the processor.
    """

    theta: list[float]
    steps: list[float]
    losses: list[float]
    promised: float
    kept: float
    seconds: float


def reproduced(runs: Path, out: Path, jobs: int, seeds: int | None) -> dict[str, float]:
    """Run every leader with every seed, and write the table and the figure into `out`.

    What a run came to is kept in `runs`, so that an interrupted table goes on where it stood.
    """
    chosen, kept = SEEDS[:seeds], runs / NAME
    kept.mkdir(parents=True, exist_ok=True)
    found: dict[str, list[Found]] = {}
    for seed in chosen:
        for label in (*CONDITIONAL, RETRAINED):
            found.setdefault(label, []).append(_kept(kept, label, seed))
            last = found[label][-1]
            print(f"  {label}, seed {seed}: off by {last.losses[-1]:.4f}", flush=True)
    few = f" --seeds {len(chosen)}" if len(chosen) < len(SEEDS) else ""
    command = f"pacesetter reproduce {NAME}{few}"
    figures = _figures(found)
    made = {"command": command, "seeds": list(chosen), "machine": machine(), "figures": figures}
    write_json(out / f"{NAME}.json", made)
    write_json(out / f"{NAME}.runs.json", {k: [asdict(one) for one in v] for k, v in found.items()})
    write_whole(out / f"{NAME}.md", _table(found, command, chosen))
    save(curves(found), out / f"{NAME}.png")
    return figures


def loss(theta: Floats) -> float:
    """How far the shares of sales of customers under θ, ``(2,)``, are from the planted ones (RMS).

    At the prices of the planted market, by the law of choice: of the composition alone, so that
    neither noise nor what shops have not learned is in it.
    """
    market, prices = _planted()
    shares = [market.competition(at).outcome(prices).share for at in (theta, PLANTED)]
    return float(np.sqrt(np.mean((shares[0] - shares[1]) ** 2)))


@cache
def _planted() -> tuple[Shops, Floats]:
    """The market, and its computed prices under the planted composition."""
    market = load_experiment(CONDITIONAL["Bayesian"]).market
    assert isinstance(market, Shops)
    return market, market.competition(PLANTED).equilibrium().price


def _kept(folder: Path, label: str, seed: int) -> Found:
    """A run, or what an earlier one of the same recipe came to."""
    name = CONDITIONAL.get(label, CONDITIONAL["Bayesian"])
    experiment = load_experiment(name, [f"seed={seed}", "training.route=local"])
    asked = {"experiment": resolved(experiment), "label": label, "candidates": CANDIDATES}
    asked = json.loads(json.dumps(asked))
    path = folder / f"{''.join(c if c.isalnum() else '_' for c in label)}_{seed}.json"
    if path.exists():
        before = json.loads(path.read_text(encoding="utf-8"))
        if before["asked"] == asked:
            return Found(**before["found"])
    began = time.process_time()
    lead = _retrained if label == RETRAINED else _conditional
    theta, steps, losses, promised = lead(experiment)
    with _at(experiment, theta, total(experiment)) as run:
        kept = _objective(run, theta)
    seconds = time.process_time() - began
    found = Found(theta.tolist(), steps, losses, promised, kept, seconds)
    write_json(path, {"asked": asked, "found": asdict(found)})
    return found


def total(experiment: Experiment) -> int:
    """Iterations of both phases."""
    return experiment.training.pretrain_iterations + experiment.training.iterations


def _per_iteration(experiment: Experiment) -> int:
    return experiment.training.copies * experiment.training.rollout_steps


def _conditional(experiment: Experiment) -> tuple[Floats, list[float], list[float], float]:
    """A leader of shops that know the composition: its answer, its curve, and what it promises."""
    from ...loop.trainer import train  # imports torch

    with tempfile.TemporaryDirectory() as folder:
        run = RunFolder.create(folder, experiment)
        theta = train(run, quiet=True).theta
        if theta is None:
            raise KeyboardInterrupt
        history = read_history(run.path)
        promised = _objective(run, theta)
    first, last = experiment.training.pretrain_iterations, total(experiment)
    places = np.unique(np.linspace(first + 1, last - 1, POINTS).astype(int))
    names = experiment.market.characteristics.names
    answers = [np.array([history[p][f"theta/{name}"] for name in names]) for p in places]
    steps = [float((p + 1) * _per_iteration(experiment)) for p in places]
    losses = [loss(answer) for answer in answers]
    return theta, [*steps[:-1], steps[-1]], [*losses[:-1], loss(theta)], promised


def _retrained(experiment: Experiment) -> tuple[Floats, list[float], list[float], float]:
    """Shops trained anew for every candidate of a Bayesian search."""
    options = BayesianLeader(initial_points=FIRST_CANDIDATES)
    search = options.search(experiment.market.characteristics, experiment.seed)
    each = total(experiment) // CANDIDATES
    steps: list[float] = []
    losses: list[float] = []
    promised: dict[tuple[float, ...], float] = {}
    for number in range(CANDIDATES):
        theta = search.propose(1)
        with _at(experiment, theta[0], each) as run:
            value = _objective(run, theta[0])
        search.learn(theta, np.array([value]))
        promised[tuple(theta[0].tolist())] = value
        steps.append(float((number + 1) * each * _per_iteration(experiment)))
        losses.append(loss(search.best()))
    answer = search.best()
    # Nobody has priced at the answer itself: what is promised is what its model expects of it.
    nearest = min(promised, key=lambda tried: float(np.sum((np.array(tried) - answer) ** 2)))
    return answer, steps, losses, promised[nearest]


@contextmanager
def _at(experiment: Experiment, theta: Floats, iterations: int) -> Iterator[RunFolder]:
    """Shops trained from scratch at one θ, in a folder that is there for as long as it is read."""
    from ...loop.trainer import train

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


def _objective(run: RunFolder, theta: Floats) -> float:
    """What is left of the objective at θ with the shops of a run, over whole episodes."""
    from ...policies.play import play
    from ...policies.policies import Policies

    named = run.experiment.market.characteristics.named(theta)
    whole = replace(run.experiment, leader=FixedLeader(theta=named))
    played = play(whole, Policies.load(whole, run.path / "policies"), theta)
    return float(played.objective.mean())


# Shown -------------------------------------------------------------------------------------------


def curves(found: dict[str, list[Found]]) -> Figure:
    """What the answer so far is off, over steps of the market: mean over seeds, and each seed."""
    figure, (axis,) = chart(1, 1, width=6.4, height=4.0)
    for (label, runs), colour in zip(found.items(), COLOURS, strict=False):
        steps = np.array(runs[0].steps) / 1e3
        losses = np.array([run.losses for run in runs])
        axis.plot(steps, losses.T, color=colour, alpha=0.25, linewidth=0.8)
        axis.plot(steps, losses.mean(axis=0), color=colour, linewidth=1.8, label=label)
    axis.set_yscale("log")
    axis.set_xlabel("steps of the market, thousands")
    axis.set_ylabel("market shares off, root mean square")
    axis.legend(frameon=False, fontsize=8)
    return figure


def _figures(found: dict[str, list[Found]]) -> dict[str, float]:
    figures: dict[str, float] = {}
    for label, runs in found.items():
        for name, values in _columns(runs).items():
            figures[f"{label}/{name}"] = float(values.mean())
            if len(values) > 1:
                figures[f"{label}/{name}/half_width_95"] = half_width(values)
    return figures


def _columns(runs: list[Found]) -> dict[str, Floats]:
    """What is tabulated, name -> ``(seeds,)``."""
    theta = np.array([run.theta for run in runs])
    return {
        "hurried_share": theta[:, 0],
        "connectivity": theta[:, 1],
        "off": np.array([run.losses[-1] for run in runs]),
        "promised": np.array([run.promised for run in runs]),
        "retrained": np.array([run.kept for run in runs]),
        "seconds": np.array([run.seconds for run in runs]),
    }


def _table(found: dict[str, list[Found]], command: str, seeds: tuple[int, ...]) -> str:
    steps = next(iter(found.values()))[0].steps[-1]
    lines = [
        "# Who the customers are: four leaders with the same number of steps",
        "",
        f"Made with `{command}`; seeds {', '.join(map(str, seeds))}; {steps:,.0f} steps of the "
        "market for each leader and seed.",
        "",
        f"Planted: half of the customers are hurried, and each reaches a shop with chance "
        f"{PLANTED[1]:g}; three shops learn their prices. A leader compares the distributions of "
        "prices and of shares with those of the planted market in its computed equilibrium. `off` "
        "is the distance of the shares of the answer's customers from those of the planted ones at "
        "the planted market's prices (root mean square over shops): of the composition alone, "
        "without noise.",
        "",
        "The objective is minus the distance between distributions, 0 at best, less the noise "
        "of an episode. `promised` is with the shops that the leader has led, at its answer (of "
        "shops trained per candidate, at the candidate nearest to it); `retrained` with shops "
        f"trained from scratch at the answer. Shops trained per candidate get a {CANDIDATES}th of "
        "the steps each.",
        "",
        "Between a fifth and a quarter of hurried customers the nearest shop leaves the thrifty "
        "ones, and its price jumps: below lies a second composition, of few hurried customers, "
        "whose market shares are nearly the planted ones. Recipes chosen on seed 10.",
        "",
        "| leader | share of hurried | connectivity | off | promised | retrained | CPU s |",
        "|---|---|---|---|---|---|---|",
    ]
    columns = {label: _columns(runs) for label, runs in found.items()}
    for label, values in columns.items():
        cells = [mean_text(values[name], 3) for name in list(values)[:-1]]
        lines.append(f"| {label} | {' | '.join(cells)} | {np.median(values['seconds']):.0f} |")
    lines += ["", "| claim | holds |", "|---|---|"]
    lines += [f"| {text} | {'yes' if holds else '**no**'} |" for text, holds in _claims(columns)]
    return "\n".join(lines) + "\n"


def _claims(columns: dict[str, dict[str, Floats]]) -> list[tuple[str, bool]]:
    steps, bayesian, at_random = (columns[label] for label in CONDITIONAL)
    claims = []
    for label, values in (("steps of a policy", steps), ("Bayesian", bayesian)):
        largest = float(values["off"].max())
        claims.append(
            (f"{label}: off by {WITHIN:g} at most, every seed ({largest:.3f})", largest <= WITHIN)
        )
    for label, other in (("random search", at_random), (RETRAINED, columns[RETRAINED])):
        gap = bayesian["off"] - other["off"]
        claims.append(
            (f"Bayesian is less off than {label} (paired, {mean_text(gap, 2)})", gap.mean() < 0)
        )
    return claims
