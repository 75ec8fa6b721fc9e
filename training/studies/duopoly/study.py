"""The duopoly's study: does the leader end at Stackelberg, and do followers answer correctly?"""

from __future__ import annotations

import numpy as np
from matplotlib.figure import Figure

from ....envs.duopoly.market import Duopoly
from ...experiments.experiment import Experiment
from ...policies.play import play
from ...policies.policies import Trained
from ..charts import TRAINED_COLOUR, chart, line
from ..study import Arrays, Findings, Row, Study

POINTS = 49


def measure(trained: Trained) -> Findings:
    """The leader's quantity and profit, and the followers' answer to every quantity."""
    market = trained.experiment.market
    assert isinstance(market, Duopoly)
    grid = np.linspace(0.0, float(market.characteristics.high[0]), POINTS)
    played = play(
        trained.experiment, trained.policies, grid[:, None], copies=POINTS, episodes=1, greedy=True
    ).quantities
    answer, profit = played["follower_quantity"][0, 0], played["leader_profit"][0, 0]
    at_theta = play(
        trained.experiment, trained.policies, trained.theta, copies=1, episodes=1, greedy=True
    ).quantities
    exact = market.benchmark()
    # Near the largest quantity the answer is cut at zero, where a slope means nothing.
    inner = grid <= 0.8 * market.largest_quantity
    own_profit = float(at_theta["leader_profit"].mean())
    results = {
        "leader_quantity": float(trained.theta[0]),
        "leader_profit": own_profit,
        "leader_profit_over_stackelberg": own_profit / exact["stackelberg_leader_profit"],
        "follower_quantity": float(at_theta["follower_quantity"].mean()),
        "follower_answer_slope": float(np.polyfit(grid[inner], answer[inner], 1)[0]),
        "follower_answer_error": float(np.abs(answer - market.best_response(grid))[inner].max()),
    }
    arrays: Arrays = {"grid": grid, "answer": answer, "profit": profit}
    return Findings(results, arrays)


def rows(experiment: Experiment) -> list[Row]:
    """Ours beside the closed forms: Stackelberg, or Cournot if θ is hidden."""
    market = experiment.market
    assert isinstance(market, Duopoly)
    exact = market.benchmark()
    if not market.theta_visible:
        return [
            Row(
                "leader's quantity", "leader_quantity", f"{exact['cournot_quantity']:g}", "Cournot"
            ),
            Row(
                "leader's profit", "leader_profit", f"{exact['cournot_leader_profit']:g}", "Cournot"
            ),
        ]
    stackelberg = "Stackelberg"
    return [
        Row(
            "leader's quantity",
            "leader_quantity",
            f"{exact['stackelberg_leader_quantity']:g}",
            stackelberg,
        ),
        Row(
            "followers' quantity",
            "follower_quantity",
            f"{exact['stackelberg_follower_quantity']:g}",
            stackelberg,
        ),
        Row(
            "leader's profit",
            "leader_profit",
            f"{exact['stackelberg_leader_profit']:g}",
            stackelberg,
        ),
        Row(
            "slope of the followers' answer",
            "follower_answer_slope",
            f"{exact['follower_answer_slope']:.3g}",
            stackelberg,
        ),
    ]


def figures(experiment: Experiment, results: dict[str, float], arrays: Arrays) -> dict[str, Figure]:
    """The followers' answer and the leader's profit over the leader's quantity."""
    market = experiment.market
    assert isinstance(market, Duopoly)
    grid = arrays["grid"]
    best = market.best_response(grid)
    price = market.demand_intercept - market.demand_slope * (grid + market.followers * best)
    figure, axes = chart(1, 2, width=8, height=3.4)
    for axis, exact, ours, label in (
        (axes[0], best, arrays["answer"], "follower's quantity"),
        (axes[1], (price - market.unit_cost) * grid, arrays["profit"], "leader's profit"),
    ):
        line(axis, grid, exact, "best response")
        axis.plot(grid, ours, "o", markersize=3, color=TRAINED_COLOUR, label="trained policy")
        axis.axvline(
            results["leader_quantity"], color="0.4", linestyle=":", label="leader's answer"
        )
        axis.set_xlabel("leader's quantity θ")
        axis.set_ylabel(label)
    axes[0].legend()
    return {"response": figure}


DUOPOLY_STUDY = Study(measure, rows, figures)
