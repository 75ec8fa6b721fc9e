"""The closed accounting of the household economy (ADAGE, arXiv:2501.09429, sec. 4.1.1, eq. 5–7).

    K = Σ a,   L = Σ e h,   W = (1 − α)(K/L)^α,   i = W e h + r a
    M = i − T(i) + a − T(a) + transfer,   a' = p M,   c = (1 − p) M
    reward  log c − h^(1+ζ)/(1+ζ)

The paper leaves two things open. *Units*: the HSV tax is not scale-free, so wealth is scaled until
mean income at usual hours is 1 at the start of every episode. *Budget*: where the schedule pays
out, somebody must pay; revenue goes back as a lump sum, negative revenue is a lump-sum levy.
"""

from __future__ import annotations

from typing import Any

from ..core.arrays import Array, at_least, place_of, row_mean, row_sum, surely_none
from ..core.state import changed
from .inequality import gini
from .production import (
    CAPITAL_SHARE,
    INTEREST_RATE,
    PERSISTENCE,
    PRODUCTIVITY_DEVIATION,
    USUAL_HOURS,
    HouseholdState,
    described,
    next_log_productivity,
    produce,
)
from .taxes import kept_income, kept_wealth

SUBSISTENCE = 0.01  # share of mean resources that a levy leaves to every household
LEAST_CONSUMPTION = 1e-6  # mean initial incomes; eating less is no worse, or ruin were worth −∞
STATIONARY_DEVIATION = PRODUCTIVITY_DEVIATION / (1 - PERSISTENCE**2) ** 0.5  # of log e


def start(market: Any, xp: Any, wealth: Array, normal: Array) -> dict[str, Array]:
    """State fields at the start of an episode.

    Args:
        market: the economy.
        xp: the array namespace.
        wealth: in dollars, ``(B, N)``; its scale is lost.
        normal: standard normals, ``(B, N)``; productivity is drawn from its stationary law.
    """
    households = wealth.shape[1]
    log_e = STATIONARY_DEVIATION * normal
    e = xp.exp(log_e)
    labour = USUAL_HOURS * row_sum(xp, e)
    if market.labour_income:
        capital = labour * _intensity(xp, households / labour)
    else:
        capital = households / INTEREST_RATE + 0.0 * labour
    wealth = wealth * (capital / row_sum(xp, wealth))[:, None]
    production = produce(xp, capital, labour, households)
    income = INTEREST_RATE * wealth
    if market.labour_income:
        income = income + (production.wage * USUAL_HOURS)[:, None] * e
    nothing = xp.zeros_like(labour)
    return {
        "wealth": wealth,
        "income": income,
        "productivity": e,
        "log_productivity": log_e,
        "super_star": xp.zeros_like(e, dtype=xp.bool),
        "wage": production.wage,
        "output": production.output,
        "capital": capital,
        "debt": nothing,
        "hours_scale": nothing + 1.0,
        "aggregates": xp.stack([nothing] * 7, axis=1),
    }


def _intensity(xp: Any, income: Array) -> Array:
    """K/L at which a unit of labour and its capital earn `income`, ``(B,)``.

    The one root of ``r y³ + (1 − α) y = income`` with ``y = (K/L)^(1/3)``, by Viète's formula for
    a cubic with a single real root.
    """
    third = (1 - CAPITAL_SHARE) / (3 * INTEREST_RATE)
    y = 2 * third**0.5 * xp.sinh(xp.asinh(income / (2 * INTEREST_RATE * third**1.5)) / 3)
    return y**3


def advance(
    market: Any, xp: Any, state: HouseholdState, p: Array, h: Array, shocks: Any
) -> tuple[HouseholdState, Array, dict[str, Array]]:
    """One year: the next state, rewards ``(B, N)`` and path quantities.

    Args:
        market: the economy.
        xp: the array namespace.
        state: before the year.
        p, h: saving shares and hours, ``(B, N)``.
        shocks: ``productivity``, ``(B, N)``.
    """
    households = p.shape[1]
    tau_i, xi_i, tau_a, xi_a = (state.theta[:, k] for k in range(4))
    e_h = state.productivity * h
    production = produce(xp, state.capital, row_sum(xp, e_h), households)
    income = INTEREST_RATE * state.wealth
    if market.labour_income:
        income = income + production.wage[:, None] * e_h
    kept = kept_income(
        xp, market.tax_rule, income, tau_i, xi_i, state.income, market.taxable_income_elasticity
    )
    after_tax = kept + kept_wealth(xp, market.tax_rule, state.wealth, tau_a, xi_a)
    income_sum = row_sum(xp, income)
    before_tax = income_sum + state.capital
    revenue = before_tax - row_sum(xp, after_tax)
    resources, transfer, spending = _settled(xp, market.budget, after_tax, revenue, before_tax)

    wealth = p * resources
    c = resources - wealth
    utility = xp.log(at_least(xp, c, LEAST_CONSUMPTION)) - h * h * h / 3.0  # ζ = 2
    log_e = next_log_productivity(state.log_productivity, shocks["productivity"])
    after = changed(
        state,
        wealth=wealth,
        income=income,
        productivity=xp.exp(log_e),
        log_productivity=log_e,
        wage=production.wage,
        output=production.output,
        capital=row_sum(xp, wealth),
    )
    quantities = described(
        xp,
        1.0,
        state,
        production,
        h,
        p,
        income_sum / households,
        kept,
        wealth,
        gini(kept),
        gini(wealth),
    )
    left = before_tax - row_sum(xp, resources) - spending
    quantities |= {
        "consumption": row_mean(xp, c),
        "welfare": row_mean(xp, utility),
        "tax_revenue": revenue / households,
        "transfer": transfer / households,
        "government_spending": spending / households,
        "budget_balance": left / households,
        "end_reason": 0.0 * revenue,
    }
    return after, utility, quantities


def _settled(
    xp: Any, budget: str, after_tax: Array, revenue: Array, before_tax: Array
) -> tuple[Array, Array, Array]:
    """Resources ``(B, N)``, sum of transfers and government spending ``(B,)`` under a budget rule.

    Negative revenue is levied unless the budget is not kept (``discard``).
    """
    nothing = 0.0 * revenue
    if budget == "discard":
        return after_tax, nothing, nothing
    spending = at_least(xp, revenue, 0.0) if budget == "spend" else nothing
    transfer = revenue - spending
    households = after_tax.shape[1]
    each = transfer / households
    resources = after_tax + each[:, None]
    levy = transfer < 0.0
    if surely_none(xp, levy):
        return resources, transfer, spending
    floor = SUBSISTENCE * before_tax / households
    poor = levy & (xp.min(resources, axis=1) < floor)
    if surely_none(xp, poor):
        return resources, transfer, spending
    levied = _levied(xp, after_tax, transfer, floor)
    return xp.where(poor[:, None], levied, resources), transfer, spending


def _levied(xp: Any, after_tax: Array, transfer: Array, floor: Array) -> Array:
    """What a levy of ``−transfer`` in all leaves, ``(B, N)``, where an equal one asks too much.

    Everybody pays the same sum, but nobody more than leaves the floor; who has less pays nothing.
    The sum follows from sorting what is above the floor, as in the projection on a simplex. It
    exists because the floor is a share of all resources before taxes, which are what is left.
    """
    exempt = xp.minimum(after_tax, floor[:, None] + xp.zeros_like(after_tax))
    above = after_tax - exempt
    left = row_sum(xp, above) + transfer  # of what is above the floor, after the levy
    descending = xp.flip(xp.sort(above, axis=1), axis=1)
    number = xp.arange(1, above.shape[1] + 1, **place_of(above))
    sums = (xp.cumulative_sum(descending, axis=1) - left[:, None]) / number
    payers = row_sum(xp, xp.astype(descending > sums, xp.int64))
    payers = payers + xp.astype(payers == 0, xp.int64)
    each = xp.take_along_axis(sums, payers[:, None] - 1, axis=1)
    return exempt + at_least(xp, above - each, 0.0)
