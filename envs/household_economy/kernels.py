"""The closed economy's years as compiled loops, for so few households that NumPy's calls take most.

Equal to `closed.advance` and `observation.observe` up to rounding: sums are taken in another order,
and powers, logarithms and exponentials are the C library's. Letters as there; N households.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from ..core.kernels.compiled import kernel
from .closed import LEAST_CONSUMPTION, SUBSISTENCE
from .observation import MONEY_SCALES, MONEY_UNITS
from .production import (
    CAPITAL_SHARE,
    INTEREST_RATE,
    LEAST_CAPITAL,
    PERSISTENCE,
    PRODUCTIVITY_DEVIATION,
    HouseholdState,
)
from .taxes import LEAST_BASE

f = np.float32
OF_HOUSEHOLDS = ("wealth", "income", "log_productivity", "productivity")  # of a copy's memory
OF_COPIES = ("wage", "output", "capital")  # of a copy's memory, after those
WAGE, OUTPUT, CAPITAL = range(3)
RULE, BUDGET, LABOUR_INCOME, SEEN, SCALE = range(5)  # of the constants; SCALE: of θ, the last four
RULES = ("none", "flat", "hsv")
BUDGETS = ("discard", "rebate", "spend")
FLAT, HSV, SPEND = RULES.index("flat"), RULES.index("hsv"), BUDGETS.index("spend")
DISCARD = BUDGETS.index("discard")
WEALTH_UNIT, INCOME_UNIT = MONEY_UNITS["closed"]
FACTOR, SHIFT = MONEY_SCALES["closed"]


def packed(state: HouseholdState) -> NDArray[np.float64]:
    """What of a state changes, ``(B, 4 N + 3)``."""
    own = [getattr(state, name) for name in OF_HOUSEHOLDS]
    return np.concatenate([*own, *(getattr(state, name)[:, None] for name in OF_COPIES)], axis=1)


def unpacked(memory: NDArray[np.float64], households: int) -> dict[str, NDArray[np.float64]]:
    """From such an array to the fields of a state."""
    *own, common = np.split(memory, [households * k for k in range(1, 5)], axis=1)
    found = dict(zip(OF_HOUSEHOLDS, (part.copy() for part in own), strict=True))
    return found | dict(zip(OF_COPIES, common.T.copy(), strict=True))


@kernel
def observe(memory, theta, constants, seen):
    """What households see; see `CompiledSteps.observe`."""
    households, width = seen.shape[1:]
    for b in range(len(memory)):
        wealth, income, log_e, _, rest = _divided(memory[b], households)
        common = np.empty(width - 3, np.float32)
        common[0] = f(rest[WAGE])
        if constants[SEEN] > 0.0:
            common[1] = f(_amount_seen(_sum(wealth) / households, WEALTH_UNIT))
        for k in range(4):
            common[width - 7 + k] = f(theta[b, k] * constants[SCALE + k] - 1.0)
        for i in range(households):
            seen[b, i, 0] = f(_amount_seen(wealth[i], WEALTH_UNIT))
            seen[b, i, 1] = f(_amount_seen(income[i], INCOME_UNIT))
            seen[b, i, 2] = f(0.5 * log_e[i])
            seen[b, i, 3:] = common


@kernel
def _divided(memory, households):
    """Wealth, income, log e and e of a copy's households, and what is the same for all."""
    own = memory[: 4 * households].reshape(4, households)
    return own[0], own[1], own[2], own[3], memory[4 * households :]


@kernel
def _amount_seen(amount, unit):
    return FACTOR * math.log1p(amount / unit) + SHIFT


@kernel
def step(memory, theta, actions, draws, at, constants, rewards, quantities):
    """A year; see `CompiledSteps.step` for the arguments and `closed.advance` for the equations."""
    households = actions.shape[1]
    number = float(households)
    kept, left = np.empty((2, households))
    for b in range(len(memory)):
        wealth, income, log_e, e, rest = _divided(memory[b], households)
        labour = hours = saved = 0.0
        for i in range(households):
            labour += e[i] * np.float64(actions[b, i, 1])
            hours += np.float64(actions[b, i, 1])
            saved += np.float64(actions[b, i, 0])
        capital = rest[CAPITAL]
        power = (max(capital, LEAST_CAPITAL * number) / labour) ** CAPITAL_SHARE
        wage, output = (1.0 - CAPITAL_SHARE) * power, power * labour
        for i in range(households):
            income[i] = INTEREST_RATE * wealth[i]
            if constants[LABOUR_INCOME] > 0.0:
                income[i] += wage * (e[i] * np.float64(actions[b, i, 1]))
        _kept(income, constants[RULE], theta[b, 0], theta[b, 1], kept)
        _kept(wealth, constants[RULE], theta[b, 2], theta[b, 3], left)
        for i in range(households):
            left[i] += kept[i]
        earned = _sum(income)
        before_tax = earned + capital
        revenue = before_tax - _sum(left)
        transfer, spending = _settle(left, constants[BUDGET], revenue, before_tax)

        resources, eaten, welfare = _sum(left), 0.0, 0.0
        for i in range(households):
            p, h = np.float64(actions[b, i, 0]), np.float64(actions[b, i, 1])
            wealth[i] = p * left[i]
            c = left[i] - wealth[i]
            rewards[b, i] = math.log(max(c, LEAST_CONSUMPTION)) - h * h * h / 3.0
            eaten += c
            welfare += rewards[b, i]
            log_e[i] = PERSISTENCE * log_e[i] + PRODUCTIVITY_DEVIATION * draws[b, at, i]
            e[i] = math.exp(log_e[i])
        found = quantities[b]
        found[0], found[1], found[2] = hours / number, saved / number, wage
        found[3], found[4] = output / number, output / rest[OUTPUT] - 1.0
        found[5], found[6] = _gini(wealth), _gini(kept)
        found[7] = found[5] * found[6]
        found[8] = (1.0 - number / (number - 1.0) * found[6]) * (earned / number)
        found[9], found[10], found[11] = 1.0, eaten / number, welfare / number
        found[12], found[13], found[14] = revenue / number, transfer / number, spending / number
        found[15] = (before_tax - resources - spending) / number
        found[16] = 0.0
        found[17 : 17 + households] = wealth
        found[17 + households :] = kept
        rest[WAGE], rest[OUTPUT], rest[CAPITAL] = wage, output, _sum(wealth)


QUANTITIES = (
    *("hours", "saving_share", "wage", "gdp", "gdp_growth", "wealth_gini", "income_gini"),
    *("gini_product", "equality_productivity", "years_survived", "consumption", "welfare"),
    *("tax_revenue", "transfer", "government_spending", "budget_balance", "end_reason"),
)
"""Those of a copy, in the order in which `step` writes them."""
OF_EACH = ("wealth", "disposable_income")
"""Those of every household, which follow."""


@kernel
def _kept(amounts, rule, level, progressivity, kept):
    """What is left of amounts after a tax; see `taxes.kept_wealth`."""
    if rule == HSV:
        scale = (1.0 - level) / (1.0 - progressivity)
        for i in range(len(amounts)):
            logarithm = math.log(max(amounts[i], LEAST_BASE))
            kept[i] = scale * amounts[i] * math.exp(-progressivity * logarithm)
        return
    share = 1.0 - level if rule == FLAT else 1.0
    for i in range(len(amounts)):
        kept[i] = share * amounts[i]


@kernel
def _settle(left, budget, revenue, before_tax):
    """From what is left after taxes to resources, in place; transfers and spending, in all."""
    if budget == DISCARD:
        return 0.0, 0.0
    households = len(left)
    spending = max(revenue, 0.0) if budget == SPEND else 0.0
    transfer = revenue - spending
    each, floor = transfer / households, SUBSISTENCE * before_tax / households
    if transfer < 0.0 and left.min() + each < floor:
        _levy(left, transfer, floor)
        return transfer, spending
    for i in range(households):
        left[i] += each
    return transfer, spending


@kernel
def _levy(left, transfer, floor):
    """What an equal levy leaves where it stops at a floor; see `closed._levied`.

    The sum that each pays follows from who pays it all, and who does that from the sum: beginning
    with everybody, the payers become fewer until they are the right ones (Michelot 1986).
    """
    above = np.maximum(left - floor, 0.0)
    remains = _sum(above) + transfer
    each, payers = -math.inf, len(left) + 1
    while True:
        total, count = 0.0, 0
        for amount in above:
            if amount > each:
                total += amount
                count += 1
        if count == 0:  # nothing remains
            each = above.max() - remains
            break
        if count == payers:
            break
        each, payers = (total - remains) / count, count
    for i in range(len(left)):
        left[i] = min(left[i], floor) + max(above[i] - each, 0.0)


@kernel(fused=True)
def _sum(values):
    total = 0.0
    for value in values:
        total += value
    return total


@kernel(fused=True)
def _gini(amounts):
    """Mean absolute difference over twice the mean; of so few, faster than by sorting."""
    total = _sum(amounts)
    apart = 0.0
    for i in range(len(amounts)):
        one, own = amounts[i], 0.0
        for j in range(i):
            own += abs(one - amounts[j])
        apart += own
    return apart / (len(amounts) * total) if total > 0.0 else 0.0
