"""Days of two indices beside the market: what posteriors predict, and what any θ could do.

For the S&P 500 and the NASDAQ composite (reference `index`, an extra) the market is calibrated by
three recipes, and facts of paths as long as the data, each under a θ of its own from the posterior,
stand beside those of the data. After that θ are sought that do better, over a box far wider than
any prior (see `daily_scan`).
"""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from .....envs.volatility_clustering.market import VolatilityClustering
from .....leaders.objectives.real_data import Index
from ....experiments.load import load_experiment
from ....loop.inference import infer
from ....runs.machine import machine
from ....runs.whole_files import write_json, write_whole
from ...charts import save
from ..facts import autocorrelation
from . import figures as pictures
from .facts import daily_facts
from .lines import lines
from .records import BAND, NAME, SERIES, Fit, Judged
from .scan import Facts, looked_at, nearest, spread

Floats = NDArray[np.float64]
EXPERIMENT = "volatility_clustering_daily_variational"
FITS = {
    "sizes": ("objective.lagged=false",),
    "sizes and the past": (),
    "the same, s in θ": (
        "market.leader_sets=[log_alpha, log_beta, log_sigma, log_eta, logit_s]",
        "leader.estimator=score",
    ),
}
"""What is compared -> changes to the experiment."""
PREDICTIVE_SEED = 900_000
SCAN_SEED = 10
LONGEST_LAG = 250


@dataclass(frozen=True)
class Size:
    """How much is computed.

    Attributes:
        paths: of every predictive distribution.
        points: of the scan.
        candidates: of it that are looked at again.
        overrides: further changes to the experiment.
    """

    paths: int = 100
    points: int = 2048
    candidates: int = 12
    overrides: tuple[str, ...] = ()


def reproduced(runs: Path, out: Path, jobs: int, seeds: int | None) -> dict[str, float]:
    """`volatility_clustering_daily` as a table of docs/results; it keeps no runs."""
    return daily_table(out)


def daily_table(out: Path, size: Size | None = None) -> dict[str, float]:
    """Fit, scan, and write table and pictures into the folder `out`.

    Raises:
        PacesetterError: the package with the data is not installed.
    """
    size = size or Size()
    series = {index: _series(index) for index in SERIES}  # before anything that takes long
    progress = _Progress(len(SERIES) * len(FITS) + 1 + len(SERIES))
    fitted = {
        index: {label: _fit(index, label, observed, size, progress) for label in FITS}
        for index, observed in series.items()
    }
    judged, scans = {}, {}
    theta = spread(size.points, SCAN_SEED)
    for periods in {len(observed) for observed in series.values()}:
        scans[periods] = looked_at(theta, periods, SCAN_SEED)
    progress.say(f"{size.points:,} θ scanned")
    for index, observed in series.items():
        data = {name: float(values[0]) for name, values in daily_facts(observed[None]).items()}
        scan = scans[len(observed)]
        found = nearest(theta, scan, data, len(observed), size.candidates, size.paths // 4)
        known = _clustering(observed[None])[0]
        judged[index] = Judged(observed, data, known, fitted[index], scan, found)
        progress.say(f"{SERIES[index]}: nearest θ found")
    figures = _figures(judged)
    out.mkdir(parents=True, exist_ok=True)
    made = {"command": f"pacesetter reproduce {NAME}", "machine": machine(), "figures": figures}
    write_json(out / f"{NAME}.json", made)
    save(pictures.facts_figure(figures, list(FITS)), out / f"{NAME}.png")
    save(pictures.clustering_figure(judged), out / f"{NAME}_clustering.png")
    save(pictures.scan_figure(judged), out / f"{NAME}_scan.png")
    write_whole(out / f"{NAME}.md", "\n".join(lines(judged, size.points)))
    return figures


class _Progress:
    """A line per part of the work, with the time that is left."""

    def __init__(self, parts: int):
        self._parts, self._done, self._began = parts, 0, time.monotonic()

    def say(self, what: str) -> None:
        """One more is done."""
        self._done += 1
        passed = time.monotonic() - self._began
        left = passed / self._done * (self._parts - self._done) / 60.0
        print(f"  {self._done}/{self._parts}  {what}  ({left:.0f} min left)", flush=True)


def _series(index: str) -> Floats:
    experiment = load_experiment(EXPERIMENT)
    reference = Index("nasdaq" if index == "nasdaq" else "sp500")
    return reference.sample(experiment.market, "return")


def _fit(index: str, label: str, observed: Floats, size: Size, progress: _Progress) -> Fit:
    """A posterior given one series, and paths under its draws."""
    reference = f"objective.reference={{name: index, index: {index}}}"
    experiment = load_experiment(EXPERIMENT, (*FITS[label], reference, "seed=0", *size.overrides))
    posterior = infer(experiment)
    market = experiment.market
    assert isinstance(market, VolatilityClustering)
    longer = replace(market, periods=len(observed))
    draws = posterior.sample(size.paths, seed=PREDICTIVE_SEED)
    returns = longer.simulate(draws, PREDICTIVE_SEED, tangents=False).returns
    progress.say(f"{SERIES[index]}, posterior by {label}")
    theta = posterior.sample(20 * size.paths, seed=PREDICTIVE_SEED + 1)
    names = market.characteristics.names
    return Fit(names, theta, daily_facts(returns), _clustering(returns))


def _clustering(returns: Floats) -> Floats:
    longest = min(LONGEST_LAG, returns.shape[1] // 4)
    return autocorrelation(np.abs(returns), np.arange(1, longest + 1))


def _figures(judged: dict[str, Judged]) -> dict[str, float]:
    """Every number of the table, by name."""
    figures = {}
    for index, one in judged.items():
        for name, value in one.data.items():
            figures[f"{index}/data/{name}"] = value
        for label, fit in one.fits.items():
            for column, name in enumerate(fit.names):
                figures[f"{index}/{label}/{name}/mean"] = float(fit.theta[:, column].mean())
                figures[f"{index}/{label}/{name}/deviation"] = float(fit.theta[:, column].std())
            figures |= _of_facts(f"{index}/{label}", fit.facts)
        for (sought, view), found in one.found.items():
            figures |= _of_facts(f"{index}/{sought}/{view}", found.facts)
    return figures


def _of_facts(label: str, facts: Facts) -> dict[str, float]:
    found = {}
    for name, values in facts.items():
        low, high = np.quantile(values, BAND)
        found[f"{label}/{name}"] = float(values.mean())
        found[f"{label}/{name}/low"], found[f"{label}/{name}/high"] = float(low), float(high)
    return found
