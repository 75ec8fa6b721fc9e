"""Households that live on capital income alone: is the learned saving share the optimal one?

With utility log c the optimum is known for every wealth and every number of years left
(`envs.household_saving`), so that a trained policy can be held to it.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch
from matplotlib.figure import Figure
from numpy.typing import NDArray

from ....envs.household_economy.market import HOUSEHOLD, HouseholdEconomy
from ....envs.household_economy.production import INTEREST_RATE
from ....envs.household_economy.saving import saving_share
from ...experiments.experiment import Experiment
from ...policies.policies import Trained
from ..charts import TRAINED_COLOUR, chart, line
from ..study import Arrays, Findings, Row, Study

LEAST_WEALTH, LARGEST_WEALTH = 0.1, 30.0  # mean initial incomes; initial wealth is 9.8 on average
POINTS = 25  # years at which a policy that sees the end is asked
Floats = NDArray[np.float64]


def measure(trained: Trained) -> Findings:
    """The policy's saving share over wealth, or over the years left, without taxes."""
    market = trained.experiment.market
    assert isinstance(market, HouseholdEconomy)
    years = _years(market)
    wealth = np.geomspace(LEAST_WEALTH, LARGEST_WEALTH, market.households)
    learned = np.array([_learned(trained, market, wealth, int(year)) for year in years])
    exact = optimal(trained.experiment, years)
    error = np.abs(learned - exact[:, None])
    results = {
        "saving_share": float(learned.mean()),
        "saving_share_error": float(error.max()),
        "mean_saving_share_error": float(error.mean()),
    }
    return Findings(results, {"years": years, "wealth": wealth, "learned": learned})


def _years(market: HouseholdEconomy) -> Floats:
    """Years played before the decision; one will do where the policy does not see time."""
    if not market.ends_at_horizon:
        return np.zeros(1)
    return np.unique(np.linspace(0, market.steps_per_episode - 1, POINTS).round())


def optimal(experiment: Experiment, years: Floats) -> Floats:
    """The optimal share after so many years, the same shape."""
    market, discount = experiment.market, experiment.followers.discount
    if not market.ends_at_horizon:
        return np.full(len(years), saving_share(discount))
    last = market.steps_per_episode - 1
    return np.array([saving_share(discount, int(last - year)) for year in years])


def _learned(trained: Trained, market: HouseholdEconomy, wealth: Floats, year: int) -> Floats:
    """Most likely saving shares of one economy's households, of given wealth, ``(N,)``."""
    state = market.reset(0, 1)
    state = replace(
        state,
        wealth=wealth[None],
        income=INTEREST_RATE * wealth[None],
        capital=np.array([wealth.sum()]),
        clock=np.full_like(state.clock, year),
    )
    actions = trained.policies.act(state, torch.Generator(), greedy=True)
    return np.asarray(actions[HOUSEHOLD][0, :, 0], dtype=np.float64)


def rows(experiment: Experiment) -> list[Row]:
    """The largest error; the exact share where it is one number."""
    discount = experiment.followers.discount
    exact = "" if experiment.market.ends_at_horizon else f"{saving_share(discount):g}"
    return [
        Row("saving share, mean", "saving_share", exact, "exact" if exact else ""),
        Row("largest error of the saving share", "saving_share_error", "0", "exact"),
    ]


def figures(experiment: Experiment, results: dict[str, float], arrays: Arrays) -> dict[str, Figure]:
    """The share over wealth, or over the years."""
    figure, (axis,) = chart(1, 1, width=5, height=3.4)
    years, learned = arrays["years"], arrays["learned"]
    exact = optimal(experiment, years)
    if len(years) > 1:
        axis.fill_between(
            years, learned.min(axis=1), learned.max(axis=1), color=TRAINED_COLOUR, alpha=0.3
        )
        axis.plot(years, learned.mean(axis=1), color=TRAINED_COLOUR, label="trained policy")
        line(axis, years, exact, "exact")
        axis.set_xlabel("year")
    else:
        axis.plot(arrays["wealth"], learned[0], color=TRAINED_COLOUR, label="trained policy")
        line(axis, arrays["wealth"], np.full(len(arrays["wealth"]), exact[0]), "exact")
        axis.set_xscale("log")
        axis.set_xlabel("wealth, mean initial incomes")
    axis.set_ylabel("saving, share of resources")
    axis.legend()
    return {"saving": figure}


SAVING_STUDY = Study(measure, rows, figures)
