"""Tax schedules: what a household keeps of an amount, before anything is given back.

| rule | tax on income x | tax on wealth |
|---|---|---|
| hsv | x − (1 − τ)/(1 − ξ) x^(1 − ξ) | the same with parameters of its own |
| flat | τ x, which is hsv with ξ = 0 | the same |
| none | 0 | 0 |
| us_federal | brackets of 2022, single filers | 0 |
| saez | the same thresholds, rates from the distribution of income | 0 |

Sources: Heathcote, Storesletten & Violante (2017) and ADAGE, arXiv:2501.09429, eq. 5, for hsv; IRS
Rev. Proc. 2021-45, sec. 3.01, for the brackets; Saez (2001), optimal rate at the top.

Amounts are ``(B, N)``. Thresholds are shares of mean income, so the brackets mean the same in every
unit of account. The exact HSV tax is not scale-free; where its unit matters, the market fixes it.
"""

from __future__ import annotations

from typing import Any, Literal

import numpy as np

from ..core.arrays import Array, at_least, constant, row_mean, row_sum

TaxRule = Literal["hsv", "flat", "none", "us_federal", "saez"]
LEAST_BASE = 1e-12  # below it a power is continued by a straight line through zero

FEDERAL_THRESHOLDS = (0.0, 10_275.0, 41_775.0, 89_075.0, 170_050.0, 215_950.0, 539_900.0)  # dollars
FEDERAL_RATES = (0.10, 0.12, 0.22, 0.24, 0.32, 0.35, 0.37)
MEAN_INCOME = 141_431.0  # dollars per family, weighted; Survey of Consumer Finances 2022
PARETO_TAIL = 1.5  # of high incomes in the United States; Diamond & Saez (2011)


def kept_income(
    xp: Any,
    rule: str,
    income: Array,
    level: Array,
    progressivity: Array,
    earlier_income: Array,
    elasticity: float,
) -> Array:
    """Income after tax, ``(B, N)``.

    Args:
        xp: the array namespace.
        rule: see above.
        income: pre-tax income, ``(B, N)``.
        level, progressivity: τ and ξ, ``(B,)``; only where the rule reads them.
        earlier_income: incomes of the year before, ``(B, N)``, by which brackets are indexed and
            from which the Saez rates are computed: a schedule is law before incomes are earned.
        elasticity: of taxable income; read by ``saez``.
    """
    if rule in ("hsv", "flat", "none"):
        return kept_wealth(xp, rule, income, level, progressivity)
    thresholds, rates = _federal(xp, earlier_income)
    if rule == "saez":
        rates = saez_rates(xp, earlier_income, thresholds, elasticity)
    return income - bracket_tax(xp, income, thresholds, rates)


def kept_wealth(xp: Any, rule: str, wealth: Array, level: Array, progressivity: Array) -> Array:
    """Wealth after tax, ``(B, N)``; bracket schedules concern income alone."""
    if rule == "hsv":
        return hsv_kept(xp, wealth, level, progressivity)
    if rule == "flat":
        return (1.0 - level)[:, None] * wealth
    return wealth


def hsv_kept(xp: Any, amount: Array, level: Array, progressivity: Array) -> Array:
    """``(1 − τ)/(1 − ξ) x^(1 − ξ)``, ``(B, N)``, for τ and ξ of shape ``(B,)``, ξ < 1.

    Below 1e-12, at zero and for negative amounts, the power goes on as the straight line through
    zero that meets it there: no negative base, and finite derivatives.
    """
    scale = ((1.0 - level) / (1.0 - progressivity))[:, None]
    base = at_least(xp, amount, LEAST_BASE)
    return scale * amount * base ** (-progressivity)[:, None]


def bracket_tax(xp: Any, amount: Array, thresholds: Array, rates: Array) -> Array:
    """Tax by marginal rates, ``(B, N)``.

    Args:
        xp: the array namespace.
        amount: ``(B, N)``.
        thresholds: where each rate begins, ascending from 0, ``(B, k)``.
        rates: ``(B, k)``.
    """
    rise = xp.concat([rates[:, :1], rates[:, 1:] - rates[:, :-1]], axis=1)
    above = at_least(xp, amount[:, :, None] - thresholds[:, None, :], 0.0)
    return row_sum(xp, above * rise[:, None, :])


def saez_rates(xp: Any, income: Array, thresholds: Array, elasticity: float) -> Array:
    """Revenue-and-equity optimal marginal rate above each threshold, ``(B, k)``.

    ``(1 − g) / (1 − g + a e)`` (Saez 2001, without income effects): g is the mean social weight of
    those above the threshold z, with weights ∝ 1 / income and mean 1; ``a = z_m / (z_m − z)`` is
    the Pareto parameter of the incomes above, whose mean is z_m; e is the elasticity. Nobody above:
    g = 0 and a = 1.5.
    """
    safe = at_least(xp, income, LEAST_BASE)
    weights = 1.0 / safe
    weights = weights / row_mean(xp, weights)[:, None]
    above = xp.astype(income[:, None, :] >= thresholds[:, :, None], income.dtype)  # (B, k, N)
    number = row_sum(xp, above)
    counted = at_least(xp, number, 1.0)
    g = row_sum(xp, above * weights[:, None, :]) / counted
    mean = row_sum(xp, above * safe[:, None, :]) / counted
    excess = at_least(xp, mean - thresholds, LEAST_BASE)
    tail = xp.where(number > 0, mean / excess, PARETO_TAIL + 0.0 * mean)
    gain = at_least(xp, 1.0 - g, 0.0)
    return gain / (gain + tail * elasticity)


def _federal(xp: Any, income: Array) -> tuple[Array, Array]:
    """Thresholds ``(B, 7)`` in the unit of `income` and rates ``(B, 7)``."""
    shares = constant(np.array(FEDERAL_THRESHOLDS) / MEAN_INCOME, income)
    thresholds = row_mean(xp, income)[:, None] * shares[None, :]
    return thresholds, constant(np.array(FEDERAL_RATES), income) + 0.0 * thresholds
