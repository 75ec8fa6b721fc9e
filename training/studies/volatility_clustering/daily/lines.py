"""The table of an index beside the market, as lines of Markdown."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from .facts import LABELS
from .records import BAND, NAME, SERIES, Fit, Judged, within
from .scan import SETTLED, SETTLING, START, TOLERANCE, Found, reached

Floats = NDArray[np.float64]
SHORT = {
    "excess_kurtosis": "kurtosis",
    "tail": "tail ξ",
    "still": "no trade",
    "clustering/1": "sizes, lag 1",
    "clustering/5": "sizes, lag 5",
    "clustering/20": "sizes, lag 20",
    "clustering/100": "sizes, lag 100",
    "memory": "memory d",
    "leverage": "leverage",
}
"""Columns of the second table."""


def lines(judged: dict[str, Judged], points: int) -> list[str]:
    """The whole table."""
    found = _head()
    for index, one in judged.items():
        found += ["", f"## {SERIES[index]}, {len(one.observed):,} days", ""]
        found += [*_predicted(one), "", _missed(one), "", *_posteriors(one), ""]
        found += [*_nearest(one, points), "", *_shares(one)]
    pictures = {"": "facts", "_clustering": "autocorrelation of sizes", "_scan": "scan"}
    return [*found, "", *(f"![{what}]({NAME}{end}.png)" for end, what in pictures.items()), ""]


def _head() -> list[str]:
    return [
        "# Days of two indices beside the volatility-clustering market",
        "",
        f"Made with `pacesetter reproduce {NAME}` (`pip install 'pacesetter[data]'`); seed 0. Log "
        "returns from one day to the next, 1999 to 2018. A posterior is generalised variational "
        "inference with w = 1000, given the squared discrepancy of *sizes* (the kernel of the "
        "paper, which takes a series for a bag of numbers), of *sizes and the past* (each return "
        "beside the mean size, the absolute return, of the 5 and of the 20 days before it), both "
        "differentiated along the path with s = .02, or of the same with s among the "
        "characteristics, by the score. Each figure is the mean over paths as long as the data, "
        "every one under a draw of its own, with the range of nine in ten; *no* where the data lie "
        "outside it.",
        "",
        "Two facts it cannot have by its rules: the sign of a return is that of news which is "
        "independent of all that went before, so that returns have no autocorrelation, and no "
        "leverage.",
    ]


def _predicted(one: Judged) -> list[str]:
    rows = _header(["fact", "data", *one.fits])
    for name, label in LABELS.items():
        cells = [label, _number(one.data[name])]
        for fit in one.fits.values():
            inside = within(fit.facts[name], one.data[name])
            cells.append(_range(fit.facts[name]) + ("" if inside else " no"))
        rows.append(_row(cells))
    return rows


def _missed(one: Judged) -> str:
    never = [
        label
        for name, label in LABELS.items()
        if not any(within(fit.facts[name], one.data[name]) for fit in one.fits.values())
    ]
    if not never:
        return "Every fact of the data lies within what one of the posteriors predicts."
    return f"Within none of the three: {', '.join(never)}."


def _posteriors(one: Judged) -> list[str]:
    names = list(dict.fromkeys(name for fit in one.fits.values() for name in fit.names))
    rows = _header(["posterior, mean ± deviation", *names])
    return [*rows, *(_row([label, *_moments(fit, names)]) for label, fit in one.fits.items())]


def _moments(fit: Fit, names: Sequence[str]) -> list[str]:
    cells = []
    for name in names:
        if name in fit.names:
            column = fit.theta[:, fit.names.index(name)]
            cells.append(f"{column.mean():.2f} ± {column.std():.2g}")
        else:
            cells.append("")
    return cells


def _nearest(one: Judged, points: int) -> list[str]:
    columns = ["sought", "looked at", "α", "α / β", "σ", "1 / η", "s", *SHORT.values()]
    rows = [
        f"Of {points:,} θ all over a wide box, each in units in which the deviation is the data's, "
        "the nearest to what is sought; figures are of other shocks than those it was chosen by. "
        f"*{START.capitalize()}*, thresholds still are what they were given; *{SETTLED}* is after "
        f"{SETTLING:,} days more, when all but one in a thousand have been set by returns, so that "
        "what is left is the market's own. Distances are in tolerances: a quarter of the kurtosis, "
        f"{_tolerances()}. *No* where the data lie outside nine in ten paths.",
        "",
        *_header(columns),
        _row(["data", *[""] * 6, *(_number(one.data[name]) for name in SHORT)]),
    ]
    for (sought, view), found in one.found.items():
        judged = [_cell(name, found, one) for name in SHORT]
        rows.append(_row([sought, view, *_parameters(found.theta), *judged]))
    return rows


def _shares(one: Judged) -> list[str]:
    """How many θ of the scan meet one thing, and more than one."""
    met = {view: reached(facts, one.data) for view, facts in one.scanned.items()}
    kinds = list(next(iter(met.values())))
    sets = [(kind,) for kind in kinds] + [(a, b) for n, a in enumerate(kinds) for b in kinds[:n]]
    rows = [
        "Shares of these θ that meet the data within the tolerances, on the path of the scan:",
        "",
        *_header(["met", *met]),
    ]
    for kinds_met in [*sets, tuple(kinds)]:
        shares = [np.all([by[kind] for kind in kinds_met], axis=0).mean() for by in met.values()]
        rows.append(_row([" and ".join(kinds_met), *(f"{share:.2%}" for share in shares)]))
    return rows


def _tolerances() -> str:
    by_size: dict[float, list[str]] = {}
    for name, tolerance in TOLERANCE.items():
        by_size.setdefault(tolerance, []).append(LABELS[name])
    return "; ".join(f"{size:g} of {', '.join(names)}" for size, names in by_size.items())


def _cell(name: str, found: Found, one: Judged) -> str:
    mean = _number(float(found.facts[name].mean()))
    wanted = mean if within(found.facts[name], one.data[name]) else f"{mean} no"
    return wanted


def _parameters(theta: Floats) -> list[str]:
    log_alpha, log_beta, log_sigma, log_eta, logit_s = theta.tolist()
    s = 1.0 / (1.0 + np.exp(-logit_s))
    numbers = np.exp([log_alpha, log_alpha - log_beta, log_sigma, -log_eta])
    return [f"{number:.2g}" for number in (*numbers, s)]


def _range(values: Floats) -> str:
    low, high = np.quantile(values, BAND)
    return f"{_number(float(values.mean()))} [{_number(low)}, {_number(high)}]"


def _number(value: float) -> str:
    return f"{value:.3f}" if abs(value) < 1.0 else f"{value:.3g}"


def _header(cells: Sequence[str]) -> list[str]:
    return [_row(cells), "|---" * len(cells) + "|"]


def _row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"
