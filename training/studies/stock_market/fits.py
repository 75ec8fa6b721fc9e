"""One calibration of the stock market, measured: errors, path error, losses and processor time.

A fit is kept in a file of its own, so that a table that was interrupted goes on where it stopped.
"""

from __future__ import annotations

import json
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ....envs.core.errors import PacesetterError
from ....envs.stock_market.market import StockMarket
from ...experiments.experiment import Experiment
from ...experiments.load import load_experiment
from ...runs.run_folder import RunFolder
from ...runs.whole_files import write_json
from .study import true_theta

Floats = NDArray[np.float64]
PATHS, PATH_SEED = 1000, 2**41  # common shocks of the truth and an answer, apart from all others
ERROR = "theta_standard_error/"


@dataclass(frozen=True)
class Entrant:
    """A way to calibrate.

    Attributes:
        label: in the table.
        experiment: a shipped one.
        seeds: of the data, the start and the simulations alike.
        overrides: changes to it.
    """

    label: str
    experiment: str
    seeds: Sequence[int]
    overrides: tuple[str, ...] = ()

    def made(self, seed: int) -> Experiment:
        """The experiment of one seed."""
        seeds = (f"seed={seed}", f"objective.reference.seed={seed}")
        return load_experiment(self.experiment, (*self.overrides, *seeds))


@dataclass(frozen=True)
class Fit:
    """One of them.

    Attributes:
        theta, truth: of the answer, signs aligned, and of the data, ``(d,)``.
        errors: the leader's own standard errors, ``(d,)``; empty: it lacks one of them.
        path_error, start_error: largest relative error of a price path under common shocks, median
            over `PATHS`, of the answer and of where the leader began.
        losses: of a discriminator where it learned and on paths held out, ``(2,)``; or empty.
        seconds: of the processor, reference and objective included, without imports.
        curve: θ over iterations, ``(n, d)``; loss_curve: both losses, ``(n, 2)``; or empty.
        error: relative error of all paths over time, median and 95 %, ``(2, T)``.
        example: prices of the first path under truth and answer, ``(2, T)``.
    """

    theta: list[float]
    truth: list[float]
    errors: list[float]
    path_error: float
    start_error: float
    losses: list[float]
    seconds: float
    curve: list[list[float]]
    loss_curve: list[list[float]]
    error: list[list[float]]
    example: list[list[float]]

    @property
    def off(self) -> Floats:
        """Errors as shares of the truth, ``(d,)``."""
        truth = np.array(self.truth)
        found: Floats = np.array(self.theta) / truth - 1.0
        return found


def fitted(entrant: Entrant, seed: int, folder: Path) -> Fit:
    """The fit of a seed, from its file if that is of the same experiment."""
    plain = "".join(c if c.isalnum() else "_" for c in entrant.label)
    file = folder / f"{plain}_seed_{seed}.json"
    experiment = entrant.made(seed)
    made = repr((experiment.market, experiment.objective, experiment.leader, experiment.training))
    if file.exists():
        kept = json.loads(file.read_text())
        if kept["experiment"] != made:
            raise PacesetterError(
                f"{file} is a fit of another recipe than {entrant.label!r} has now; delete it, or "
                "give another folder with --runs."
            )
        return Fit(**kept["fit"])
    fit = _fit(experiment)
    folder.mkdir(parents=True, exist_ok=True)
    write_json(file, {"experiment": made, "fit": vars(fit)})
    return fit


def _fit(experiment: Experiment) -> Fit:
    """Calibrate, and hold the answer to the truth."""
    market = experiment.market
    assert isinstance(market, StockMarket)
    truth = true_theta(experiment)
    assert truth is not None
    began = time.process_time()
    asks = experiment.guide().question() is not None
    theta, start, curve, losses, figures = _asked(experiment) if asks else _trained(experiment)
    seconds = time.process_time() - began

    def aligned(point: Floats) -> Floats:
        return market.parameters.aligned(point, truth)

    shocks = market.path_shocks(PATHS, PATH_SEED)

    def prices(point: Floats) -> Floats:
        return market.simulation.paths(point, shocks, slopes=False).prices[:, 1:]

    real = prices(truth)
    found, before = prices(aligned(theta)), prices(aligned(start))
    error, of_start = np.abs(found - real) / real, np.abs(before - real) / real
    names = [f"{ERROR}{name}" for name in market.characteristics.names]
    told = all(name in figures for name in names)
    loss = [f"discriminator_loss/{name}" for name in ("training", "held_out")]
    return Fit(
        theta=aligned(theta).tolist(),
        truth=truth.tolist(),
        errors=[figures[name] for name in names] if told else [],
        path_error=float(np.median(error.max(axis=1))),
        start_error=float(np.median(of_start.max(axis=1))),
        losses=[figures[name] for name in loss if name in figures],
        seconds=seconds,
        curve=[aligned(point).tolist() for point in curve],
        loss_curve=losses,
        error=[np.median(error, axis=0).tolist(), np.quantile(error, 0.95, axis=0).tolist()],
        example=[real[0].tolist(), found[0].tolist()],
    )


Course = tuple[Floats, Floats, list[Floats], list[list[float]], dict[str, float]]
"""The answer, the start, θ and losses over iterations, and the leader's figures."""


def _asked(experiment: Experiment) -> Course:
    """A leader that asks for paths, number for number as in a run of the experiment."""
    from ...loop.inference import answered  # imports torch
    from ...policies.policies import Policies

    guide, policies = experiment.guide(), Policies.untrained(experiment)
    start = guide.next_theta(1)
    assert start is not None
    curve, losses = [start[0]], list[list[float]]()
    total = experiment.training.iterations
    for iteration in range(total):
        if (question := guide.question()) is None:
            break
        guide.learn(answered(experiment, policies, question, iteration), iteration == total - 1)
        theta = guide.next_theta(1)
        assert theta is not None
        curve.append(theta[0])
        now = list(getattr(guide, "losses", ()))
        losses.append(now if np.isfinite(now).all() else losses[-1])  # none between two games
    return guide.answer(lambda: start[0]), start[0], curve, losses, guide.figures()


def _trained(experiment: Experiment) -> Course:
    """A leader that learns from values alone; for its start stands a draw of the prior."""
    from ...loop.trainer import train  # imports torch

    with tempfile.TemporaryDirectory() as folder:
        outcome = train(RunFolder.create(folder, experiment), quiet=True)
    if outcome.theta is None:
        raise KeyboardInterrupt
    start = experiment.market.characteristics.draw(np.random.default_rng(experiment.seed), 1)[0]
    return np.asarray(outcome.theta), start, [], [], {}
