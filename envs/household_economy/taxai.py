"""The full accounting of the household economy: TaxAI (Mi et al. 2024, arXiv:2309.16307).

Beside households and the firm there are a bank, through which all wealth is held, and a government
with a consumption tax, spending and debt. In a year, with e already drawn forward:

    L = Σ e h H,   W = (1 − α)(K/L)^α,   Y = K^α L^(1 − α),   G = ratio · Y
    i = W e h H + r a,   M = i − T(i) + a − T(a),   c = (1 − p) M / (1 + τs),   a' = p M
    B' = (1 + r) B + G − Σ (T(i) + T(a) + τs c)
    K' = Σ a' − B' + (R + 1 − δ) K + (1 + r)(B − Σ a),   R = α (K/L)^(α − 1)

The last line is the resource constraint K' = Y − C − G + (1 − δ) K written from the bank's side.
Amounts are dollars of 2022, in which the HSV tax is taken; reported money is in millions of them.

At the start K = B = Σ a / 2, and labour earns what makes wealth 6.6 times income. H, the units of
labour in a day, follows from these earnings at usual hours and the wage `START_WAGE`; like the
source's program (github.com/jidiai/TaxAI, `env/env_core.py`, `reset`), in which that wage and the
first output take earnings, in dollars, for labour.
"""

from __future__ import annotations

from typing import Any

import array_api_compat

from ..core.arrays import Array, at_least, namespace, row_mean, row_sum, surely_none
from ..core.state import changed
from .inequality import gini_of_sorted, holders
from .production import (
    CAPITAL_SHARE,
    DEPRECIATION,
    INTEREST_RATE,
    USUAL_HOURS,
    HouseholdState,
    described,
    next_log_productivity,
    produce,
)
from .taxes import kept_income, kept_wealth

CONSUMPTION_TAX = 0.065  # τs
WEALTH_OVER_INCOME = 6.6
START_LABOUR = (1 - WEALTH_OVER_INCOME * INTEREST_RATE) / WEALTH_OVER_INCOME
"""Labour's earnings over wealth at the start; income is these and interest."""
START_CAPITAL = 0.5  # over wealth; the government's debt is the other half
START_WAGE = (1 - CAPITAL_SHARE) * (START_CAPITAL / START_LABOUR) ** CAPITAL_SHARE
"""W in the source's `reset`, with earnings for L: 1.0993, not the steady state's 1.2172."""
SUPER_STAR_ENTRY = 2.2e-6  # probability per year
SUPER_STAR_STAY = 0.990
SUPER_STAR_PRODUCTIVITY = 504.3  # over the mean of normal households
LARGEST_GINI = 0.9
LEAST_CONSUMPTION = 1e-6  # dollars, in utility: a debtor's utility is low, not undefined
MILLION = 1e6  # dollars
LOG_REWARD_UNIT = 10.0  # utility in one unit of reward, where utility is the logarithmic one
TOP, BOTTOM = 0.1, 0.5  # parts of the population that the government watches

INCOME_GINI = "income Gini above 0.9"
END_REASONS = (
    "",
    "consumption and spending exceed output",
    "wealth Gini above 0.9",
    INCOME_GINI,
    "negative wealth of a household",
    "negative capital",
)
"""Why an episode ends before its horizon; the first that holds counts."""


def start(market: Any, xp: Any, wealth: Array, shocks: Any) -> dict[str, Array]:
    """State fields at the start of an episode.

    Args:
        market: the economy.
        xp: the array namespace.
        wealth: dollars, ``(B, N)``.
        shocks: ``productivity`` and ``super_star``, ``(B, N)``.
    """
    zeros = xp.zeros_like(wealth)
    star = xp.zeros_like(wealth, dtype=xp.bool)
    e, log_e, star = _productivity(xp, zeros, star, shocks)
    total = row_sum(xp, wealth)
    earnings = START_LABOUR * total
    e_h = USUAL_HOURS * e
    scale = earnings / (START_WAGE * row_sum(xp, e_h))
    labour = scale[:, None] * e_h
    income = START_WAGE * labour + INTEREST_RATE * wealth
    wage = START_WAGE + 0.0 * total
    capital = START_CAPITAL * total
    production = produce(xp, capital, earnings, wealth.shape[1])
    # The source's first observation shows labour for income. Brackets need incomes.
    ranked = _ranked(xp, labour)
    return {
        "wealth": wealth,
        "income": income,
        "productivity": e,
        "log_productivity": log_e,
        "super_star": star,
        "wage": wage,
        "output": production.output,
        "capital": capital,
        "debt": total - capital,
        "hours_scale": scale,
        "aggregates": aggregates(xp.sort(wealth, axis=1), labour[ranked], e[ranked], wage),
    }


def _productivity(xp: Any, log_e: Array, star: Array, shocks: Any) -> tuple[Array, Array, Array]:
    """e, log e of a normal household, and who is a super-star, drawn forward, each ``(B, N)``.

    The normal process goes on underneath, so that a super-star comes back to where it would be.
    """
    log_e = next_log_productivity(log_e, shocks["productivity"])
    e = xp.exp(log_e)
    entered = shocks["super_star"] < SUPER_STAR_ENTRY
    if surely_none(xp, star | entered):
        return e, log_e, star
    star = xp.where(star, shocks["super_star"] < SUPER_STAR_STAY, entered)
    shining = SUPER_STAR_PRODUCTIVITY * row_mean(xp, e)[:, None]
    return xp.where(star, shining, e), log_e, star


def _ranked(xp: Any, income: Array) -> tuple[Array, Array]:
    """Index of the households by ascending income: ``x[ranked]`` is x in that order."""
    copies = xp.arange(income.shape[0], device=array_api_compat.device(income))
    return copies[:, None], xp.argsort(income, axis=1)


def aggregates(wealth: Array, income: Array, e: Array, wage: Array) -> Array:
    """What the government and every household see of the economy, ``(B, 7)``.

    Mean wealth, pre-tax income and productivity of the richest tenth, the same of the poorer half,
    and the wage.

    Args:
        wealth: in ascending order, ``(B, N)``.
        income, e: in ascending order of income, ``(B, N)``.
        wage: ``(B,)``.
    """
    xp = namespace(wealth)
    households = e.shape[1]
    top, bottom = households - holders(TOP, households), holders(BOTTOM, households)
    held = xp.stack([wealth, income, e])  # (3, B, N)
    means = [row_mean(xp, held[:, :, top:]), row_mean(xp, held[:, :, :bottom]), wage[None, :]]
    return xp.concat(means).T


def advance(
    market: Any, xp: Any, state: HouseholdState, p: Array, h: Array, shocks: Any
) -> tuple[HouseholdState, Array, dict[str, Array]]:
    """One year: the next state, rewards ``(B, N)`` and path quantities.

    Args:
        market: the economy.
        xp: the array namespace.
        state: before the year.
        p, h: saving shares and hours, ``(B, N)``.
        shocks: ``productivity`` and ``super_star``, ``(B, N)``.
    """
    households = p.shape[1]
    r = INTEREST_RATE
    tau_i, xi_i, tau_a, xi_a, ratio = (state.theta[:, k] for k in range(5))
    e, log_e, star = _productivity(xp, state.log_productivity, state.super_star, shocks)
    labour = e * h * state.hours_scale[:, None]
    production = produce(xp, state.capital, row_sum(xp, labour), households)
    income = production.wage[:, None] * labour + r * state.wealth
    kept = kept_income(
        xp, market.tax_rule, income, tau_i, xi_i, state.income, market.taxable_income_elasticity
    )
    resources = kept + kept_wealth(xp, market.tax_rule, state.wealth, tau_a, xi_a)
    wealth = p * resources
    c = (resources - wealth) / (1.0 + CONSUMPTION_TAX)

    G = ratio * production.output
    held, C = row_sum(xp, state.wealth), row_sum(xp, c)
    income_sum, saved = row_sum(xp, income), row_sum(xp, wealth)
    revenue = income_sum + held - row_sum(xp, resources) + CONSUMPTION_TAX * C
    B = (1.0 + r) * state.debt + G - revenue
    rent = CAPITAL_SHARE * production.output  # R K, and defined for an economy without capital
    K = saved - B + rent + (1.0 - DEPRECIATION) * state.capital + (1.0 + r) * (state.debt - held)

    sorted_wealth, ranked = xp.sort(wealth, axis=1), _ranked(xp, income)
    wealth_gini = gini_of_sorted(xp, sorted_wealth)
    income_gini = gini_of_sorted(xp, kept[ranked])  # taxes do not change who is richer
    after = changed(
        state,
        wealth=wealth,
        income=income,
        productivity=e,
        log_productivity=log_e,
        super_star=star,
        wage=production.wage,
        output=production.output,
        capital=K,
        debt=B,
        aggregates=aggregates(sorted_wealth, income[ranked], e[ranked], production.wage),
    )
    utility, rewards = _rewards(xp, market.household_reward, c, h)
    quantities = described(
        xp,
        MILLION,
        state,
        production,
        h,
        p,
        income_sum / households,
        kept,
        wealth,
        income_gini,
        wealth_gini,
    )
    per_household = 1.0 / (households * MILLION)
    quantities |= {
        "consumption": C * per_household,
        "welfare": row_mean(xp, utility),
        "tax_revenue": revenue * per_household,
        "transfer": 0.0 * C,
        "government_spending": G * per_household,
        "budget_balance": (state.debt - B) * per_household,
        "end_reason": _end_reason(
            xp, production.output < C + G, wealth_gini, income_gini, sorted_wealth[:, 0], K
        ),
    }
    return after, rewards, quantities


def _rewards(xp: Any, variant: str, c: Array, h: Array) -> tuple[Array, Array]:
    """Utility in the source's units and the reward, ``(B, N)`` each."""
    c = at_least(xp, c, LEAST_CONSUMPTION)
    if variant == "log":
        utility = xp.log(c) - (125.0 / 3.0) * h * h * h
        return utility, utility / LOG_REWARD_UNIT
    # The sigmoid of log(c / 1000) − 10 h³ / 3.
    worth = (c / 1000.0) * xp.exp(-(10.0 / 3.0) * h * h * h)
    bounded = worth / (1.0 + worth)
    return bounded, bounded


def _end_reason(
    xp: Any, overspent: Array, wealth_gini: Array, income_gini: Array, poorest: Array, K: Array
) -> Array:
    """Index of the first of `END_REASONS` that holds, 0 if none does, ``(B,)``."""
    reason = 0.0 * wealth_gini
    holding = (
        overspent,
        wealth_gini > LARGEST_GINI,
        income_gini > LARGEST_GINI,
        poorest < 0.0,
        K < 0.0,
    )
    for index in range(len(holding), 0, -1):
        reason = xp.where(holding[index - 1], float(index), reason)
    return reason
