"""The study of requests for quote: learned quotes against the equilibrium of the auction.

Quotes are those of the most likely mark-up. What a quote earns, and what the best one would, is
computed against others in equilibrium, not sampled.
"""

from __future__ import annotations

import numpy as np
import torch
from matplotlib.figure import Figure
from numpy.typing import NDArray

from ....envs.core.state import changed
from ....envs.otc_rfq.auction import Auction, cost_law
from ....envs.otc_rfq.market import CLIENT_SHAPE, DEALER, RequestForQuote
from ...experiments.experiment import Experiment
from ...policies.policies import Trained
from ..charts import EXACT_COLOUR, TRAINED_COLOUR, chart
from ..study import Arrays, Findings, Row, Study
from .circle import circle

Floats = NDArray[np.float64]
ASKED = (1, 2, 3, 5, 9)
CLIENTS = {"default": (1.0, 0.5), "poorer": (0.6, 0.8), "richer": (1.5, 1.1)}
QUANTILES = (np.arange(200) + 0.5) / 200
ROUNDING = 1e-9
ASKING_COSTS = (0.02, 0.05, 0.1)
CIRCLE = 5  # dealers asked where random quotes are fitted to learned ones


def measure(trained: Trained) -> Findings:
    """Distance of learned quotes from β(c), and what is lost by it, by number asked and client."""
    market = trained.experiment.market
    assert isinstance(market, RequestForQuote)
    findings = Findings()
    if not market.groups:
        return findings
    clients = CLIENTS if market.design == "asked_and_client" else {"default": market.client}
    for name, client in clients.items():
        for asked in ASKED:
            if asked <= market.dealers:
                _of_one(trained, name, asked, client, findings)
    regrets = [v for k, v in findings.results.items() if k.endswith("/best_response_gain")]
    findings.results["largest_gain"] = max(regrets)
    findings.results.update(how_many(trained))
    if market.dealers >= CIRCLE:
        theta = _theta(market, CIRCLE, CLIENTS["default"])
        known = (*CLIENTS["default"], CLIENT_SHAPE)
        findings.results.update(circle(learned_quotes(trained, theta), known, CIRCLE))
    return findings


def how_many(trained: Trained) -> dict[str, float]:
    """The default client's surplus by number asked, learned, and how many she should ask."""
    market = trained.experiment.market
    assert isinstance(market, RequestForQuote)
    numbers = range(1, market.dealers + 1)
    surplus = np.array([_surplus(trained, asked) for asked in numbers])
    found = {f"surplus/{asked}": float(s) for asked, s in zip(numbers, surplus, strict=True)}
    for cost in ASKING_COSTS:
        found[f"ask/{cost:g}"] = float(np.argmax(surplus - cost * np.array(numbers)) + 1)
    return found


def _surplus(trained: Trained, asked: int) -> float:
    """E (V − lowest quote)⁺ for learned quotes of so many dealers."""
    market = trained.experiment.market
    assert isinstance(market, RequestForQuote)
    theta = _theta(market, asked, CLIENTS["default"])
    quotes = np.sort(learned_quotes(trained, theta))
    places = np.arange(len(quotes) + 1) / len(quotes)
    lowest = -np.diff((1.0 - places) ** asked)  # chance that each of them is the lowest
    return float(lowest @ market.auction(theta).surplus(quotes))


def _theta(market: RequestForQuote, asked: int, client: tuple[float, float]) -> Floats:
    """θ for a number asked and a client, of a market that has either in it."""
    return np.array([float(asked), *client])[: len(market.characteristics)]


def _of_one(
    trained: Trained, name: str, asked: int, client: tuple[float, float], findings: Findings
) -> None:
    """Figures and curves of one game."""
    market = trained.experiment.market
    assert isinstance(market, RequestForQuote)
    theta = _theta(market, asked, client)
    game = market.auction(theta)
    c, H = cost_law(market.costs)
    cost = np.interp(QUANTILES, H, c)
    learned, exact = learned_quotes(trained, theta), game.quote(cost)
    earned, best = game.profit(cost, learned), _best(game, cost)
    prefix = f"{name}/{asked}"
    findings.results.update(
        {
            f"{prefix}/error": float(np.abs(learned - exact).mean()),
            f"{prefix}/profit_share": float(earned.mean() / game.profit(cost, exact).mean()),
            f"{prefix}/best_response_gain": float(best.mean() / earned.mean() - 1.0),
        }
    )
    findings.arrays.update(
        {
            f"{prefix}/cost": cost,
            f"{prefix}/learned": learned,
            f"{prefix}/computed": exact,
        }
    )


def learned_quotes(trained: Trained, theta: Floats) -> Floats:
    """The trained dealers' most likely quotes at evenly likely costs under θ, ``(200,)``."""
    market = trained.experiment.market
    assert isinstance(market, RequestForQuote)
    copies = len(QUANTILES)
    state = market.reset(0, copies, theta)
    # The first dealer stands for all: its cost goes through the law, and it is asked.
    quantiles, order = state.cost_quantile.copy(), state.order + 1.0
    quantiles[:, 0], order[:, 0] = QUANTILES, 0.0
    state = changed(state, cost_quantile=quantiles, order=order)
    actions = trained.policies.act(state, torch.Generator(), greedy=True)
    c, H = cost_law(market.costs)
    return np.interp(QUANTILES, H, c) + np.asarray(actions[DEALER])[:, 0, 0]


def _best(game: Auction, cost: Floats) -> Floats:
    """The most that any quote earns at each cost, against others in equilibrium."""
    top = game.equilibrium[1].max()
    tried = np.linspace(cost, np.maximum(top, cost + ROUNDING), 801, axis=1)
    return game.profit(cost[:, None], tried).max(axis=1)


def rows(experiment: Experiment) -> list[Row]:
    """Errors and profits at the default client."""
    market = experiment.market
    assert isinstance(market, RequestForQuote)
    if not market.groups:
        return []
    table = []
    for asked in (number for number in ASKED if number <= market.dealers):
        name = f"default/{asked}"
        table += [
            Row(f"mean distance from β, {asked} asked", f"{name}/error", "0", "equilibrium"),
            Row(f"profit over β's, {asked} asked", f"{name}/profit_share", "1", "equilibrium"),
        ]
    return [*table, Row("gain of the best answer, largest", "largest_gain", "0", "equilibrium")]


def figures(experiment: Experiment, results: dict[str, float], arrays: Arrays) -> dict[str, Figure]:
    """Quotes over costs, one panel per client."""
    return {"quotes": quotes_figure([arrays])} if arrays else {}


def quotes_figure(runs: list[Arrays]) -> Figure:
    """Learned quotes as dots on the computed curves, by number of dealers asked."""
    figure, axes = chart(1, len(CLIENTS), width=11, height=3.4)
    for axis, (name, (mean, scale)) in zip(axes, CLIENTS.items(), strict=True):
        for asked in ASKED:
            prefix = f"{name}/{asked}"
            if f"{prefix}/cost" not in runs[0]:
                continue
            for run in runs:
                cost, learned = run[f"{prefix}/cost"], run[f"{prefix}/learned"]
                axis.plot(cost[::10], learned[::10], ".", color=TRAINED_COLOUR, alpha=0.6)
            exact = runs[0][f"{prefix}/computed"]
            axis.plot(cost, exact, color=EXACT_COLOUR, linewidth=1.1)
            axis.annotate(
                f"n = {asked}", (cost[0], exact[0]), (-6, 0), textcoords="offset points",
                ha="right", va="center", fontsize=7, color="0.3",
            )  # fmt: skip
        axis.set_xlim(left=-0.18)
        axis.set_title(f"client μ0 = {mean:g}, σ0 = {scale:g}", fontsize=10)
        axis.set_xlabel("cost")
        axis.set_ylabel("quote")
    return figure


REQUEST_STUDY = Study(measure, rows, figures)
