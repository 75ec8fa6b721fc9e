"""What both accountings of the household economy share: its memory, firms and measures.

A representative firm hires capital K and labour L at constant returns (Aiyagari 1994; ADAGE,
arXiv:2501.09429, sec. 4.1.1): ``Y = K^α L^(1 − α)`` and ``W = (1 − α)(K/L)^α`` with α = 1/3.
Productivity follows ``log e' = ρ log e + σ u``.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

from ..core.arrays import Array, at_least, row_mean
from ..core.state import State

CAPITAL_SHARE = 1.0 / 3.0  # α
PERSISTENCE = 0.982  # ρ
PRODUCTIVITY_DEVIATION = 0.2  # σ
INTEREST_RATE = 0.04  # r
DEPRECIATION = 0.06  # δ
USUAL_HOURS = 1.0 / 3.0  # share of the day, before anybody has decided
STEADY_INTENSITY = (CAPITAL_SHARE / (INTEREST_RATE + DEPRECIATION)) ** (1 / (1 - CAPITAL_SHARE))
"""K/L at which capital earns r after depreciation, 6.086."""
STEADY_WAGE = (1 - CAPITAL_SHARE) * STEADY_INTENSITY**CAPITAL_SHARE
"""W there, 1.217."""
LEAST_CAPITAL = 1e-6  # per head, in production: an economy that has eaten all goes on in misery


@dataclass(frozen=True)
class HouseholdState(State):
    """The economy's memory; amounts are in mean initial incomes (closed) or dollars (taxai).

    Attributes:
        wealth: a, ``(B, N)``.
        income: i, pre-tax income of the last year, ``(B, N)``.
        productivity: e, ``(B, N)``.
        log_productivity: log e as a normal household, ``(B, N)``.
        super_star: whether e is that of a super-star, ``(B, N)``; never in ``closed``.
        wage: W of the last year, ``(B,)``.
        output: Y of the last year, ``(B,)``.
        capital: K, ``(B,)``.
        debt: of the government, B in the source, ``(B,)``; 0 in ``closed``.
        hours_scale: units of labour in a full day of work, ``(B,)``; 1 in ``closed``.
        aggregates: see `household_taxai.aggregates`, ``(B, 7)``; 0 in ``closed``.
    """

    wealth: Array
    income: Array
    productivity: Array
    log_productivity: Array
    super_star: Array
    wage: Array
    output: Array
    capital: Array
    debt: Array
    hours_scale: Array
    aggregates: Array


class Production(NamedTuple):
    """A year of the firm, each ``(B,)``: wage W and output Y."""

    wage: Array
    output: Array


def produce(xp: Any, capital: Array, labour: Array, households: int) -> Production:
    """Wage ``(1 − α)(K/L)^α`` and output ``K^α L^(1 − α)``, each ``(B,)``."""
    intensity = at_least(xp, capital, LEAST_CAPITAL * households) / labour
    power = intensity**CAPITAL_SHARE
    return Production((1.0 - CAPITAL_SHARE) * power, power * labour)


def next_log_productivity(log_productivity: Array, normal: Array) -> Array:
    """``ρ log e + σ u``, ``(B, N)``."""
    return PERSISTENCE * log_productivity + PRODUCTIVITY_DEVIATION * normal


QUANTITIES = {
    "hours": "mean share of the day worked, h",
    "saving_share": "mean share of resources saved, p",
    "wage": "W, money per unit of effective labour",
    "consumption": "mean consumption, money per household",
    "gdp": "output per household, money",
    "gdp_growth": "growth of output since the year before, as a share of it",
    "wealth_gini": "Gini coefficient of next year's wealth a'",
    "income_gini": "Gini coefficient of income after tax, before anything is given back",
    "gini_product": "wealth Gini times income Gini",
    "equality_productivity": "(1 − N/(N − 1) income Gini) times mean pre-tax income, money",
    "welfare": "mean utility of a household in this year, in the source's units",
    "years_survived": "1 for every year played, so that a sum counts them",
    "tax_revenue": "per household, money; negative where the schedule pays out",
    "transfer": "lump sum to each household, money; negative: a levy",
    "government_spending": "per household, money",
    "budget_balance": "revenue − transfers − spending (− interest) per household, money",
    "end_reason": "why the episode ended before its horizon, index of END_REASONS; 0: it did not",
    "wealth": "next year's wealth a' of every household, money",
    "disposable_income": "income after tax of every household, money",
}
"""Path quantities; money is in mean initial incomes (closed) or millions of dollars (taxai)."""


def described(
    xp: Any,
    money: float,
    state: HouseholdState,
    production: Production,
    hours: Array,
    saving_share: Array,
    income_mean: Array,
    kept_income: Array,
    wealth: Array,
    income_gini: Array,
    wealth_gini: Array,
) -> dict[str, Array]:
    """The quantities that both accountings compute alike.

    Args:
        xp: the array namespace.
        money: units of account in one unit of reported money.
        state: before the step.
        production, hours, saving_share, kept_income, wealth: of the step, wealth after it.
        income_mean: of pre-tax income, ``(B,)``.
        income_gini, wealth_gini: ``(B,)``.
    """
    households = wealth.shape[1]
    equality = 1.0 - (households / (households - 1.0)) * income_gini
    return {
        "hours": row_mean(xp, hours),
        "saving_share": row_mean(xp, saving_share),
        "wage": production.wage,
        "gdp": production.output / (households * money),
        "gdp_growth": production.output / state.output - 1.0,
        "wealth_gini": wealth_gini,
        "income_gini": income_gini,
        "gini_product": wealth_gini * income_gini,
        "equality_productivity": equality * (income_mean / money),
        "years_survived": xp.ones_like(production.wage),
        "wealth": wealth if money == 1.0 else wealth / money,
        "disposable_income": kept_income if money == 1.0 else kept_income / money,
    }
