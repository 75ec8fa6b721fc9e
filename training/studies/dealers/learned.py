"""What makers and investors have learned, read off their policies.

Quotes are those of the most likely action at every inventory, and what they are worth is computed,
not sampled. Investors are played, by the most likely action, in as many days as the evaluation has
copies.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from ....envs.core.state import changed
from ....envs.dealers import investing, quoting, shares
from ....envs.dealers.competition import HIGHEST
from ....envs.dealers.market import Dealers
from ....envs.dealers.price import LEVEL
from ....envs.dealers.view import INVESTOR, MAKER
from ...policies.policies import Trained
from ..statistics import finite

Floats = NDArray[np.float64]
REACHED = (2, 5, 10)
RISKS = (0.01, 0.05, 0.2)
HELD_OUT = ((3, 0.03), (3, 0.12), (4, 0.15), (7, 0.02), (7, 0.08), (9, 0.18))
WEIGHTS = (0.0, 0.25, 0.5, 0.75, 1.0)
CONNECTED = (0.25, 0.5, 0.75)
TIES = 1e-6  # a weight that breaks the ties of none
SHOWN = 8  # units of inventory that figures go to
SAMPLE_STEPS = 20  # of a play whose offsets are collected


def market_of(trained: Trained) -> Dealers:
    """The market that the followers learned in."""
    market = trained.experiment.market
    assert isinstance(market, Dealers)
    return market


def all_alike(market: Dealers, **traits: float) -> Floats:
    """θ under which everybody has these traits, the others being those of the default, ``(d,)``."""
    found = market.characteristics.named(market.characteristics.default)
    for key in found:
        if key.endswith("_spread"):
            found[key] = 0.0
        for trait, value in traits.items():
            if key.startswith(trait) and not key.endswith("_spread"):
                found[key] = value
    return np.array(list(found.values()))


def learned_quotes(trained: Trained, theta: Floats, deviation: float = 0.0) -> Floats:
    """The most likely offsets of the first maker at every inventory, ``(Q, 2)``.

    Args:
        trained: followers.
        theta: ``(d,)``.
        deviation: x, of the price.
    """
    market = market_of(trained)
    copies = len(quoting.INVENTORIES)
    state = market.reset(0, copies, theta)
    inventory = np.array(state.maker_inventory)
    inventory[:, 0] = quoting.INVENTORIES
    state = changed(state, maker_inventory=inventory, deviation=np.full(copies, float(deviation)))
    actions = trained.policies.act(state, torch.Generator(), greedy=True)
    return np.asarray(actions[MAKER], dtype=np.float64)[:, 0]


def quoting_errors(trained: Trained) -> tuple[dict[str, float], dict[str, Floats]]:
    """Learned against exact quotes of one maker, by takers reached and risk aversion."""
    market = market_of(trained)
    grid = [(number, risk) for number in REACHED for risk in RISKS]
    results: dict[str, float] = {}
    arrays: dict[str, Floats] = {}
    slopes: dict[tuple[int, float], float] = {}
    worst: dict[str, dict[str, list[float]]] = {}
    for number, risk in (*grid, *HELD_OUT):
        theta = all_alike(market, risk_aversion=risk, connectivity=number / market.takers)
        quotes = learned_quotes(trained, theta)
        exact = quoting.quotes_of(number, risk)
        ours = quoting.worth(quotes, number, risk, market.periods)
        theirs = quoting.worth(exact, number, risk, market.periods)
        name, kind = f"{number}/{risk:g}", "held_out" if (number, risk) in HELD_OUT else "grid"
        figures = {
            "reward_share": ours.episode / theirs.episode,
            "slope_error": abs(ours.slope / theirs.slope - 1.0),
            "half_spread_error": abs(ours.half_spread / theirs.half_spread - 1.0),
        }
        results |= {f"{name}/{what}": value for what, value in figures.items()}
        slopes[number, risk] = ours.slope
        for what, value in figures.items():
            worst.setdefault(kind, {}).setdefault(what, []).append(value)
        arrays[f"{name}/learned"], arrays[f"{name}/computed"] = quotes, exact
    for kind, found in worst.items():
        results[f"{kind}/reward_share"] = min(found["reward_share"])
        for what in ("slope_error", "half_spread_error"):
            results[f"{kind}/{what}"] = max(found[what])
    table = np.abs([[slopes[number, risk] for risk in RISKS] for number in REACHED])
    results["slope_rises_with_risk"] = float((np.diff(table, axis=1) > 0).mean())
    results["slope_falls_with_connectivity"] = float((np.diff(table, axis=0) < 0).mean())
    return results, arrays


def share_target(trained: Trained) -> dict[str, float]:
    """Units dealt per taker reached in the second half of a play, beside the exact ones."""
    market = market_of(trained)
    theta = np.asarray(trained.theta)
    _, number, _ = market.quotes(theta)
    exact = shares.best(number, market.share_targets[0], market.share_weights[0])
    found = played(trained, theta)
    late = slice(market.periods // 2, None)
    per_taker = float(found["volume"][late].mean()) / number
    return {
        "per_taker": per_taker,
        "computed/per_taker": exact.per_taker,
        "per_taker_error": abs(per_taker - exact.per_taker),
        "half_spread": float(found["half_spread"][late].mean()),
        "computed/half_spread": exact.half_spread,
    }


def played(trained: Trained, theta: Floats, greedy: bool = True) -> dict[str, Floats]:
    """Path quantities and the deviation of the price before each step, name -> ``(T, B, …)``."""
    market, settings = market_of(trained), trained.experiment.evaluation
    state = market.reset(settings.seed, settings.copies, theta)
    generator = torch.Generator().manual_seed(settings.seed)
    found: dict[str, list[Any]] = {"x": []}
    for _ in range(market.periods):
        found["x"].append(state.deviation)
        step = market.step(state, trained.policies.act(state, generator, greedy))
        for name, value in step.quantities.items():
            found.setdefault(name, []).append(value)
        for name, value in step.rewards.items():
            found.setdefault(f"reward/{name}", []).append(value)
        state = step.state
    return {name: np.asarray(values) for name, values in found.items()}


def offsets_in_competition(trained: Trained) -> tuple[dict[str, float], dict[str, Floats]]:
    """Offsets as played, drawn from the policies, beside the mixed equilibrium."""
    market = market_of(trained)
    results: dict[str, float] = {}
    arrays: dict[str, Floats] = {}
    means: list[float] = []
    for connectivity in CONNECTED:
        theta = all_alike(market, connectivity=connectivity)
        game = market.mixture(theta)
        offsets = np.sort(np.abs(_shown(trained, theta)).ravel())
        name = f"{connectivity:g}"
        means.append(float(offsets.mean()))
        results |= {
            f"{name}/mean_offset": means[-1],
            f"{name}/computed_mean_offset": game.mean,
            f"{name}/mean_error": abs(means[-1] / game.mean - 1.0),
            f"{name}/lowest_tenth": float(np.quantile(offsets, 0.1)),
            f"{name}/offset_deviation": float(offsets.std()),
        }
        tried = np.linspace(game.lowest, HIGHEST, 60)
        best = float(game.earned(tried, offsets).max())
        results[f"{name}/best_answer_gain"] = best / float(game.earned(offsets, offsets).mean()) - 1
        arrays[f"{name}/offsets"] = offsets[:: max(1, len(offsets) // 400)]
    results["tighter_with_connectivity"] = float((np.diff(means) < 0).mean())
    return results, arrays


def _shown(trained: Trained, theta: Floats) -> Floats:
    """Asks and bids of all makers over some steps, ``(n, 2)``."""
    market, settings = market_of(trained), trained.experiment.evaluation
    state = market.reset(settings.seed, settings.copies, theta)
    generator = torch.Generator().manual_seed(settings.seed)
    found = []
    for _ in range(SAMPLE_STEPS):
        actions = trained.policies.act(state, generator, greedy=False)
        found.append(np.asarray(actions[MAKER], dtype=np.float64).reshape(-1, 2))
        state = market.step(state, actions).state
    return np.concatenate(found)


def timing(trained: Trained) -> tuple[dict[str, float], dict[str, Floats]]:
    """Totals, P&L and timing of investors of five weights, beside dynamic programming."""
    market = market_of(trained)
    results: dict[str, float] = {}
    arrays: dict[str, Floats] = {}
    for weight in WEIGHTS:
        day = played(trained, all_alike(market, profit_weight=weight))
        exact = investing.best(weight or TIES, market.investor_risk, market.periods)
        own = {name: values[:, :, 0] for name, values in day.items() if values.ndim == 3}
        buys, sells = own["buy"].sum(axis=0), own["sell"].sum(axis=0)
        value = investing.TARGETS * own[f"reward/{INVESTOR}"].sum(axis=0)
        profit = own["gain"].sum(axis=0)
        trades = max(float(buys.sum() + sells.sum()), 1.0)
        wanted = exact.buys / (exact.buys + exact.sells)
        share = float(buys.sum()) / trades
        name = f"{weight:g}"
        results |= {
            f"{name}/value": float(value.mean()),
            f"{name}/computed_value": exact.value,
            f"{name}/value_share": float(value.mean()) / exact.value,
            f"{name}/profit": float(profit.mean()),
            f"{name}/computed_profit": exact.profit,
            f"{name}/exact_hits": float((own["target_miss"][-1] == 0.0).mean()),
            f"{name}/buy_share": share,
            f"{name}/buy_share_error": abs(share - wanted),
            f"{name}/x_bought": mean_where(day["x"], own["buy"]),
            f"{name}/x_sold": mean_where(day["x"], own["sell"]),
        }
        for what in ("buy", "sell"):
            arrays[f"{name}/{what}"] = own[what][:, 0]
        arrays["price"] = np.concatenate([[LEVEL + day["x"][0, 0]], day["price"][:-1, 0]])
    return finite(results), arrays


def mean_where(values: Floats, chosen: Floats) -> float:
    """Mean of values where something was done; NaN if it never was."""
    return float(values[chosen > 0].mean()) if (chosen > 0).any() else float("nan")
