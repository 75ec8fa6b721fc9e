"""What households and the government of the household economy see.

| what | entries |
|---|---|
| household, closed | wealth, last income, productivity, last wage, mean wealth; θ |
| … taxai | productivity, wealth, 7 aggregates (see `household_taxai.aggregates`); θ |
| leader, closed | mean wealth, income and productivity; θ so far |
| … taxai | the 7 aggregates; θ so far |

Amounts and aggregates are observed as ``log(1 + x / unit)``, scaled to be of order one,
productivity as ``log(e) / 2``, θ as shares of its bounds from −1 to 1. ADAGE's households do not
see mean wealth (``mean_wealth_seen: false``). But where taxes spread wealth evenly, a household
that sees its own alone takes the economy's capital for its own, credits its saving with the wages
that everybody's saving brings, and saves too much. With ``horizon: end`` one over the number of
years left stands before θ, in which optimal saving is almost linear.
"""

from __future__ import annotations

from typing import Any

import array_api_compat
import numpy as np

from ..core.arrays import Array, at_least, constant, namespace, row_mean
from .production import HouseholdState

MONEY_UNITS = {"closed": (0.01, 0.01), "taxai": (1e5, 1e4)}  # of wealth and of income
MONEY_SCALES = {"closed": (0.25, -1.0), "taxai": (1.0, 0.0)}  # factor and shift of their logarithm
AGGREGATE_UNITS = np.array([1e5, 1e4, 1.0, 1e5, 1e4, 1.0, 1.0])


def entries(market: Any) -> tuple[int, int]:
    """Lengths of a household's and of the leader's observation."""
    seen = len(market.characteristics) + (market.horizon == "end")
    if market.accounting == "closed":
        return 4 + sees_mean_wealth(market) + seen, 3 + len(market.characteristics)
    return 9 + seen, 7 + len(market.characteristics)


def observe(market: Any, state: HouseholdState) -> Array:
    """What every household sees, ``(B, N, k)``, single precision."""
    xp = namespace(state.theta)
    wealth_unit, income_unit = MONEY_UNITS[market.accounting]
    scale = MONEY_SCALES[market.accounting]
    wealth = _seen(xp, state.wealth, wealth_unit, scale)
    log_e = 0.5 * xp.log(state.productivity)
    if market.accounting == "closed":
        income = _seen(xp, state.income, income_unit, scale)
        own, shared = [wealth, income, log_e], [state.wage[:, None]]
        if sees_mean_wealth(market):
            mean_wealth = row_mean(xp, state.wealth)[:, None]
            shared.append(_seen(xp, mean_wealth, wealth_unit, scale))
    else:
        own = [log_e, wealth]
        shared = [_aggregates_seen(xp, state)]
    if market.horizon == "end":
        left = market.steps_per_episode - xp.astype(state.clock, state.theta.dtype)
        # At the final observation of an episode nothing is left.
        shared.append(1.0 / at_least(xp, left, 1.0)[:, None])
    shared.append(_theta_seen(market, state))
    common = xp.concat(shared, axis=1)
    width = len(own) + common.shape[1]
    if not array_api_compat.is_writeable_array(log_e):
        everywhere = xp.broadcast_to(common[:, None, :], (*log_e.shape, common.shape[1]))
        seen = xp.concat([xp.stack(own, axis=-1), everywhere], axis=-1)
        return xp.astype(seen, xp.float32)
    # Filled in place: stacking would make every column twice, in double precision.
    seen = xp.empty((*log_e.shape, width), dtype=xp.float32, device=log_e.device)
    for k, column in enumerate(own):
        seen[:, :, k] = column
    seen[:, :, len(own) :] = common[:, None, :]
    return seen


def leader_observe(market: Any, state: HouseholdState) -> Array:
    """What the leader sees, ``(B, k)``, single precision."""
    xp = namespace(state.theta)
    if market.accounting == "closed":
        means = [
            xp.log1p(row_mean(xp, state.wealth)),
            xp.log1p(row_mean(xp, state.income)),
            0.5 * xp.log(row_mean(xp, state.productivity)),
        ]
        seen = xp.stack(means, axis=1)
    else:
        seen = _aggregates_seen(xp, state)
    return xp.astype(xp.concat([seen, _theta_seen(market, state)], axis=1), xp.float32)


def sees_mean_wealth(market: Any) -> bool:
    """Without wages nobody's saving concerns anybody else."""
    return bool(market.mean_wealth_seen and market.labour_income)


def _theta_seen(market: Any, state: HouseholdState) -> Array:
    """θ as shares of its bounds, from −1 to 1, ``(B, d)``."""
    return state.theta * constant(market.theta_scale, state.theta) - 1.0


def _seen(xp: Any, amount: Array, unit: float, scale: tuple[float, float]) -> Array:
    """``log(1 + x / unit)``, scaled: amounts are spread over orders of magnitude."""
    factor, shift = scale
    logarithm = xp.log1p(amount / unit)
    return logarithm if factor == 1.0 else factor * logarithm + shift


def _aggregates_seen(xp: Any, state: HouseholdState) -> Array:
    """The seven aggregates of taxai as ``log(1 + x / unit)``, ``(B, 7)``."""
    return xp.log1p(state.aggregates / constant(AGGREGATE_UNITS, state.theta))
