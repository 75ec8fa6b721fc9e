"""Makers and investors who learn together: what is kept of each alone, and who would deviate.

No answer is computed here. What is known is which way makers skew and when investors trade, and
whether one agent who deviates, while all others stay, gains: makers by wider or tighter offsets and
by more or less skew, investors by answering more or less to the price. It is tried on the same
shocks.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from ....envs.core.state import changed
from ....envs.dealers import quoting
from ....envs.dealers.trading import HIGHEST_OFFSET
from ....envs.dealers.view import INVESTOR, MAKER
from ...policies.policies import Trained
from ..statistics import finite
from .learned import learned_quotes, market_of, mean_where, played

Floats = NDArray[np.float64]
Actions = dict[str, NDArray[Any]]
SHIFTS = (-0.1, -0.05, 0.05, 0.1)  # of both offsets, price units
LEANS = (-0.04, -0.02, 0.02, 0.04)  # of skew per unit of inventory, price units
ANSWERS = (0.0, 0.5, 0.75, 1.33, 2.0)  # times the deviation of the price that an investor sees


def together(trained: Trained) -> dict[str, float]:
    """Skew, timing and gains of deviations under the run's θ."""
    theta = np.asarray(trained.theta)
    quotes = learned_quotes(trained, theta)
    skew = 0.5 * (quotes[:, 0] - quotes[:, 1])
    zero = quoting.MOST_INVENTORY
    found = played(trained, theta)
    x = found["x"][:, :, None] + 0.0 * found["buy"]
    bought, sold = mean_where(x, found["buy"]), mean_where(x, found["sell"])
    results = {
        "skew_at_2": float(skew[zero + 2]),
        "skew_at_-2": float(skew[zero - 2]),
        "skew_sign_kept": float(skew[zero + 2] < skew[zero] < skew[zero - 2]),
        "half_spread": float(found["half_spread"].mean()),
        "x_bought": bought,
        "x_sold": sold,
        "timing_kept": float(bought < 0.0 < sold),
        "trades_per_investor": float((found["buy"] + found["sell"]).sum(axis=0).mean()),
        **{f"reward_per_step/{g}": float(found[f"reward/{g}"].mean()) for g in (MAKER, INVESTOR)},
        **gains(trained, theta),
    }
    return finite(results)


def gains(trained: Trained, theta: Floats) -> dict[str, float]:
    """What the best of the deviations adds to the first agent's return, share of it, by group."""
    base = _returns(trained, theta, lambda state, actions: actions)
    tried: dict[str, list[Floats]] = {MAKER: [], INVESTOR: []}
    for shift, lean in [(s, 0.0) for s in SHIFTS] + [(0.0, k) for k in LEANS]:
        tried[MAKER].append(_returns(trained, theta, _requoted(shift, lean))[MAKER])
    for answer in ANSWERS:
        tried[INVESTOR].append(_returns(trained, theta, _answering(trained, answer))[INVESTOR])
    return {
        f"largest_gain/{group}": _gain(float(base[group].mean()), returns)
        for group, returns in tried.items()
    }


def _gain(base: float, returns: list[Floats]) -> float:
    """The best mean return over the present one; NaN where that is nothing."""
    best = max(float(one.mean()) for one in returns)
    return (best - base) / abs(base) if base else float("nan")


def _returns(
    trained: Trained, theta: Floats, deviate: Callable[[Any, Actions], Actions]
) -> dict[str, Floats]:
    """Rewards of the first agent of each group over an episode, ``(B,)``."""
    market, settings = market_of(trained), trained.experiment.evaluation
    state = market.reset(settings.seed, settings.copies, theta)
    sums: dict[str, Any] = dict.fromkeys((MAKER, INVESTOR), 0.0)
    for _ in range(market.periods):
        actions = trained.policies.act(state, torch.Generator(), greedy=True)
        step = market.step(state, deviate(state, dict(actions)))
        sums = {group: total + step.rewards[group][:, 0] for group, total in sums.items()}
        state = step.state
    return sums


def _requoted(shift: float, lean: float) -> Callable[[Any, Actions], Actions]:
    def deviate(state: Any, actions: Actions) -> Actions:
        offsets = np.array(actions[MAKER])
        q = state.maker_inventory[:, 0]
        moved = offsets[:, 0] + shift + np.stack([lean * q, -lean * q], axis=1)
        offsets[:, 0] = np.clip(moved, 0.0, HIGHEST_OFFSET)
        return {**actions, MAKER: offsets}

    return deviate


def _answering(trained: Trained, times: float) -> Callable[[Any, Actions], Actions]:
    def deviate(state: Any, actions: Actions) -> Actions:
        seen = changed(state, deviation=times * state.deviation)
        orders = np.array(actions[INVESTOR])
        other = trained.policies.act(seen, torch.Generator(), greedy=True)[INVESTOR]
        orders[:, 0] = np.asarray(other)[:, 0]
        return {**actions, INVESTOR: orders}

    return deviate
