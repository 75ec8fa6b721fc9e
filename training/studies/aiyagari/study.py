"""The Aiyagari economy's study: where learned households clear the market, and how they save.

Households who learned to save at every interest rate are the supply curve of capital. The rate at
which it meets demand is found as for those who do their best, by the same long run of their saving
rule; so is the rule itself held to the best one, household by household, where these live.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

import numpy as np
import torch
from matplotlib.figure import Figure
from numpy.typing import NDArray

from ....envs.aiyagari.earnings import STATES
from ....envs.aiyagari.equilibrium import (
    POINTS,
    WEALTH,
    Equilibrium,
    best_saving,
    equilibrium,
    long_run,
    resources,
)
from ....envs.aiyagari.firms import intensity
from ....envs.aiyagari.market import HOUSEHOLD, Aiyagari
from ....envs.core.errors import PacesetterError
from ...experiments.experiment import Experiment
from ...policies.policies import Trained
from ..charts import EXACT_COLOUR, TRAINED_COLOUR, chart
from ..study import Arrays, Findings, Row, Study

Floats = NDArray[np.float64]
RATES, BEND = 15, 3.0  # at which supply is drawn: closer to each other where it is flat
MOST, EVERYWHERE = 0.95, 0.99  # of households: fewer live farther out


def measure(trained: Trained) -> Findings:
    """The clearing rate in basis points from the computed one, and errors of the saving share."""
    market = trained.experiment.market
    assert isinstance(market, Aiyagari)
    exact = equilibrium(market)
    shares = _weights(exact)
    learned = learned_saving(trained, market, exact.rate)
    error = np.abs(learned - exact.saved) / resources(market, exact.rate)
    results = {
        "exact_rate_percent": 100.0 * exact.rate,
        "exact_capital": exact.capital,
        "saving_error_percent": 100.0 * float((shares * error).sum()),
        "saving_error_of_most_percent": 100.0 * _quantile(error, shares, MOST),
        "saving_error_everywhere_percent": 100.0 * _quantile(error, shares, EVERYWHERE),
        "capital_error_percent": 100.0
        * (float((long_run(market, learned) * WEALTH[:, None]).sum()) / exact.capital - 1.0),
    }
    found = _clearing(trained, market)
    off = max(exact.rate - market.lowest_rate, market.highest_rate - exact.rate)  # at least
    if found is not None:
        results["rate_percent"] = 100.0 * found.rate
        off = abs(found.rate - exact.rate)
    results["rate_error_basis_points"] = 1e4 * off
    highest = min(exact.rate + 1e-4, market.highest_rate)
    rates = highest - (highest - market.lowest_rate) * np.linspace(1.0, 0.0, RATES) ** BEND
    supply = [
        [
            (long_run(market, saved) * WEALTH[:, None]).sum()
            for saved in (best_saving(market, rate), learned_saving(trained, market, rate))
        ]
        for rate in rates
    ]
    arrays = {
        "rates": rates,
        "supply": np.array(supply),
        "demand": intensity(rates),
        "saved": exact.saved,
        "learned": learned,
        "shares": shares,
    }
    return Findings(results, arrays)


def learned_saving(trained: Trained, market: Aiyagari, rate: float) -> Floats:
    """Next year's wealth of learned households on the grid, ``(A, 7)``, without exploration."""
    state = replace(
        market.reset(0, STATES, [rate]),
        wealth=np.tile(WEALTH, (STATES, 1)),
        earnings=np.repeat(np.arange(STATES, dtype=float)[:, None], POINTS, axis=1),
    )
    chosen = trained.policies.act(state, torch.Generator(), greedy=True)[HOUSEHOLD]
    share = np.maximum(np.asarray(chosen, dtype=np.float64)[..., 0].T, 0.0)
    return share * resources(market, rate)


def _clearing(trained: Trained, market: Aiyagari) -> Equilibrium | None:
    """Where learned households hold what firms employ; None: at no rate that is allowed."""
    try:
        return equilibrium(market, lambda rate: learned_saving(trained, market, rate))
    except PacesetterError:
        return None


def _weights(found: Equilibrium) -> Floats:
    """Shares without the rounding of an eigenvector: none is below zero."""
    kept = np.maximum(found.shares, 0.0)
    return np.asarray(kept / kept.sum())


def _quantile(values: Floats, weights: Floats, level: float) -> float:
    """The value that a share `level` of all weight does not exceed."""
    order = np.argsort(values, axis=None)
    reached = np.cumsum(weights.ravel()[order])
    return float(values.ravel()[order][np.searchsorted(reached, level)])


def rows(experiment: Experiment) -> list[Row]:
    """The rate and the capital at it, beside the computed ones."""
    source = "endogenous grid method"
    return [
        Row("interest rate at which capital clears, %", "rate_percent", "", source),
        Row("… of households that do their best, %", "exact_rate_percent"),
        Row("difference, basis points", "rate_error_basis_points", "0", source),
        Row("mean error of saving, % of resources", "saving_error_percent", "0", source),
        Row("… not exceeded by 95 % of households", "saving_error_of_most_percent", "0", source),
        Row("… not exceeded by 99 % of households", "saving_error_everywhere_percent", "0", source),
    ]


def figures(experiment: Experiment, results: dict[str, float], arrays: Arrays) -> dict[str, Figure]:
    """Supply and demand of capital over the rate; what is saved over wealth."""
    figure, (market, rule) = chart(1, 2, width=9, height=3.6)
    percent = 100.0 * arrays["rates"]
    market.plot(arrays["demand"], percent, color="0.4", label="demand of firms")
    market.plot(arrays["supply"][:, 0], percent, color=EXACT_COLOUR, label="supply, best decisions")
    market.plot(
        arrays["supply"][:, 1], percent, "o", color=TRAINED_COLOUR, markersize=4, label="… learned"
    )
    market.set_xlim(0.0, 1.6 * float(arrays["demand"].max()))
    market.set_xlabel("capital of a unit of labour")
    market.set_ylabel("interest rate, %")
    market.legend(fontsize=8)
    lived = np.cumsum(arrays["shares"].sum(axis=1)) < EVERYWHERE
    for number, state in enumerate((0, STATES // 2, STATES - 1)):
        for name, style in (("saved", {"color": EXACT_COLOUR}), ("learned", _DASHED)):
            label = ("best decisions" if name == "saved" else "learned") if number == 0 else None
            change = arrays[name][lived, state] - WEALTH[lived]
            rule.plot(WEALTH[lived], change, label=label, **style)
    rule.axhline(0.0, color="0.7", linewidth=0.8)
    rule.set_xlabel("wealth; lowest, middle and highest earnings")
    rule.set_ylabel("wealth next year, less wealth")
    rule.legend(fontsize=8)
    return {"saving": figure}


def _unfit(experiment: Experiment) -> Iterable[str]:
    market = experiment.market
    assert isinstance(market, Aiyagari)
    discount = experiment.followers_of(HOUSEHOLD).discount
    if discount != market.discount_factor:
        yield (
            f"followers.discount {discount:g} is not market.discount_factor "
            f"{market.discount_factor:g}, with which the equilibrium is computed; set both alike."
        )


_DASHED = {"color": TRAINED_COLOUR, "linestyle": "--"}
AIYAGARI_STUDY = Study(measure, rows, figures, _unfit)
