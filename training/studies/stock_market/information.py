"""What price paths can tell about the traders: standard errors before anything is calibrated.

For statistics H of a path with derivative J of their mean by θ and covariance V, the best match to
n reference paths has the covariance (J′ V⁻¹ J)⁻¹ / n. J and V are from different simulations: from
the same ones the errors look smaller than they are. Directions in which statistics hardly vary are
left out, as whoever matches them has to do.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from ....envs.stock_market.market import StockMarket
from ....envs.stock_market.shocks import PathShocks
from ....envs.stock_market.statistics import LAGS, autocovariances
from ...runs.machine import machine
from ...runs.whole_files import write_json, write_whole
from ..charts import EXACT_COLOUR, TRAINED_COLOUR, chart, save
from . import likelihood

TRUTH = np.array([1.0, 1.0, 0.5])
STEPS = np.array([0.05, 0.1, 0.02])  # of central differences by b, c and d
REFERENCE = 1000  # paths that the errors are for
SIMULATED = 10_000  # paths per block, for J and for V each
BLOCKS = 4
LEAST_EIGENVALUE = 1e-3  # of the correlation of statistics
LIKELIHOOD_PATHS = 2000
CUTS = {"root": "cut under the root", "variance": "cut itself"}
NAMES = ("b", "c", "d")
TICKS = (0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2)
Floats = NDArray[np.float64]
Statistics = Callable[[Floats], Floats]
"""Prices ``(n, T + 1)`` to statistics of every path, ``(n, m)``."""


@dataclass(frozen=True)
class Precision:
    """How well something tells b, c and d.

    Attributes:
        label: what does.
        kept: directions of the statistics that are used; 0 where there are no statistics.
        errors: standard errors for `REFERENCE` paths, ``(3,)``.
        correlation: of the errors of b and c.
    """

    label: str
    kept: int
    errors: Floats
    correlation: float


def of_information(label: str, information: Floats, kept: int = 0) -> Precision:
    """From the information of one path, ``(3, 3)``."""
    covariance = np.linalg.inv(information) / REFERENCE
    errors = np.sqrt(np.diag(covariance))
    return Precision(label, kept, errors, float(covariance[0, 1] / (errors[0] * errors[1])))


def of_statistics(
    market: StockMarket, label: str, statistics: Statistics, blocks: int
) -> Precision:
    """How well the means of statistics tell θ, from `blocks` times `SIMULATED` paths twice over."""
    means, samples = [], []
    for block in range(blocks):
        shocks = market.path_shocks(SIMULATED, 2 * block)
        means.append(_differences(market, shocks, lambda paths: statistics(paths).mean(axis=0)))
        other = market.path_shocks(SIMULATED, 2 * block + 1)
        samples.append(statistics(_prices(market, TRUTH, other)))
    jacobian, covariance = np.mean(means, axis=0), np.cov(np.concatenate(samples).T)
    deviation = np.sqrt(np.diag(covariance))
    values, vectors = np.linalg.eigh(covariance / np.outer(deviation, deviation))
    kept = values > LEAST_EIGENVALUE
    white = vectors[:, kept].T @ (jacobian / deviation[:, None])
    white /= np.sqrt(values[kept])[:, None]
    return of_information(label, white.T @ white, int(kept.sum()))


def second_moments(market: StockMarket) -> Statistics:
    """Second moments of y and q, and ten autocovariances of y."""

    def statistics(paths: Floats) -> Floats:
        y, q = market.path_statistics.demand(paths), market.path_statistics.distance(paths)
        moments = np.stack([np.mean(x, axis=1) for x in (y * y, y * q, q * q)], axis=1)
        return np.concatenate([moments, autocovariances(y, LAGS)], axis=1)

    return statistics


def moments_of_demand(market: StockMarket) -> Statistics:
    """Mean, three even moments and ten autocovariances of y."""

    def statistics(paths: Floats) -> Floats:
        y = market.path_statistics.demand(paths)
        moments = np.stack([np.mean(y**power, axis=1) for power in (1, 2, 4, 6)], axis=1)
        return np.concatenate([moments, autocovariances(y, LAGS)], axis=1)

    return statistics


def precisions(market: StockMarket, blocks: int) -> list[Precision]:
    """What each way of looking at paths can tell, from the least to the most."""
    of = market.path_statistics
    predictor = of.predictor(market.planted_paths(TRUTH, REFERENCE, 0), TRUTH[2])
    information = np.mean(
        [likelihood.information(market, TRUTH, LIKELIHOOD_PATHS, seed) for seed in range(blocks)],
        axis=0,
    )
    ways: dict[str, Statistics] = {
        "second moments": second_moments(market),
        "moments and ten autocovariances of y": moments_of_demand(market),
        "18 statistics": of.of,
        "74 statistics": lambda paths: of.of_both(paths, predictor),
    }
    return [
        *(of_statistics(market, name, way, blocks) for name, way in ways.items()),
        of_information("likelihood", information),
    ]


def _prices(market: StockMarket, theta: Floats, shocks: PathShocks) -> Floats:
    return market.simulation.paths(theta, shocks, slopes=False).prices


def _differences(
    market: StockMarket, shocks: PathShocks, function: Callable[[Floats], Floats]
) -> Floats:
    """Derivatives by b, c and d of a function of paths, under common shocks, ``(…, 3)``."""
    columns = []
    for step, unit in zip(STEPS, np.eye(3), strict=True):
        ends = [function(_prices(market, TRUTH + s * step * unit, shocks)) for s in (1, -1)]
        columns.append((ends[0] - ends[1]) / (2 * step))
    return np.stack(columns, axis=-1)


# The table ----------------------------------------------------------------------------------------


def reproduced(runs: Path, out: Path, jobs: int, seeds: int | None) -> dict[str, float]:
    """`stock_market_information` as a table of docs/results; it needs neither runs nor jobs."""
    blocks = seeds or BLOCKS
    out.mkdir(parents=True, exist_ok=True)
    command = f"pacesetter reproduce stock_market_information --seeds {blocks}"
    lines = [
        "# What price paths can tell about the traders of the stock market",
        "",
        f"Made with `{command}`: standard errors of b, c and d for {REFERENCE:,} paths at "
        f"(1, 1, 0.5), from {2 * blocks * SIMULATED:,} simulated ones; multiply by √(1000 / n) for "
        f"n paths. The likelihood, the most that there is to know, is a particle filter's on "
        f"{blocks * LIKELIHOOD_PATHS:,} paths. `corr` is the correlation of the errors of b and c, "
        f"`kept` the directions whose eigenvalue exceeds {LEAST_EIGENVALUE:g}.",
        "",
        "Second moments hardly tell b from c: their errors for these two still grow with the "
        "number of simulated paths, whose noise alone sets b and c apart.",
    ]
    found, figures = {}, {}
    for cut, words in CUTS.items():
        market = StockMarket(variance_cut=cut)  # type: ignore[arg-type]  # one of its choices
        found[cut] = precisions(market, blocks)
        lines += _table(f"Variance of the fundamental value {words} (`variance_cut: {cut}`)", found)
        print("\n".join(lines[-len(found[cut]) :]), flush=True)
        for precision in found[cut]:
            for name, error in zip(NAMES, precision.errors, strict=True):
                figures[f"{cut}/{precision.label}/{name}"] = float(error)
            figures[f"{cut}/{precision.label}/correlation"] = precision.correlation
    lines += ["", "![standard errors](stock_market_information.png)", ""]
    save(picture(found), out / "stock_market_information.png")
    made = {"command": command, "machine": machine(), "figures": figures}
    write_json(out / "stock_market_information.json", made)
    write_whole(out / "stock_market_information.md", "\n".join(lines))
    return figures


def _table(title: str, found: dict[str, list[Precision]]) -> list[str]:
    """Lines of the newest of the tables."""
    rows = [
        f"| {p.label} | {' | '.join(f'{error:.3g}' for error in p.errors)} | {p.correlation:.3f} | "
        f"{p.kept or ''} |"
        for p in list(found.values())[-1]
    ]
    head = ["| from | b | c | d | corr | kept |", "|---|---|---|---|---|---|"]
    return ["", f"## {title}", "", *head, *rows]


def picture(found: dict[str, list[Precision]]) -> Figure:
    """Standard errors by what is looked at, a panel for each of b, c and d."""
    figure, axes = chart(1, 3, width=10.5, height=3.2)
    colours = dict(zip(found, (TRAINED_COLOUR, EXACT_COLOUR), strict=True))
    for entry, (axis, name) in enumerate(zip(axes, NAMES, strict=True)):
        for cut, rows in found.items():
            errors = [row.errors[entry] for row in rows]
            axis.plot(errors, range(len(rows)), "o-", color=colours[cut], label=f"V {CUTS[cut]}")
        axis.set_xscale("log", subs=[])
        axis.set_xticks(TICKS, [f"{tick:g}" for tick in TICKS])
        every = [row.errors[entry] for rows in found.values() for row in rows]
        axis.set_xlim(0.8 * min(every), 1.25 * max(*every, 0.1 * TRUTH[entry]))
        axis.axvline(0.1 * TRUTH[entry], color="0.4", linestyle=":", linewidth=1)
        axis.set_xlabel(f"standard error of {name}; dotted: 10 %")
        labels = [row.label for row in next(iter(found.values()))] if entry == 0 else []
        axis.set_yticks(range(len(rows)), labels or [""] * len(rows))
        axis.invert_yaxis()
    axes[-1].legend(fontsize=8)
    return figure
