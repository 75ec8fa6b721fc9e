"""The household economy against slow loops over households, written straight from the equations."""

from __future__ import annotations

import math

import numpy as np
import pytest

from pacesetter.envs.registry import make

ALPHA, RHO, SIGMA, R, DELTA = 1 / 3, 0.982, 0.2, 0.04, 0.06
US_2022 = [
    (0.10, 0, 10275),
    (0.12, 10275, 41775),
    (0.22, 41775, 89075),
    (0.24, 89075, 170050),
    (0.32, 170050, 215950),
    (0.35, 215950, 539900),
    (0.37, 539900, math.inf),
]


def hsv_tax(x, tau, xi):
    return x - (1 - tau) / (1 - xi) * x ** (1 - xi) if x > 0 else 0.0


def gini(values):
    """By the definition: mean absolute difference over twice the mean."""
    n, total = len(values), math.fsum(values)
    return math.fsum(abs(x - y) for x in values for y in values) / (2 * n * total)


def saez_schedule(earlier, elasticity):
    """The seven marginal rates, from the incomes of the year before."""
    mean = math.fsum(earlier) / len(earlier)
    weights = [1 / x for x in earlier]
    average = math.fsum(weights) / len(weights)
    rates = []
    for _, low, _ in US_2022:
        threshold = low / 141431 * mean
        above = [(x, w / average) for x, w in zip(earlier, weights, strict=True) if x >= threshold]
        if above:
            z_m = math.fsum(x for x, _ in above) / len(above)
            g = math.fsum(w for _, w in above) / len(above)
            a = z_m / max(z_m - threshold, 1e-12)
        else:
            g, a = 0.0, 1.5
        rates.append(max(0.0, 1 - g) / (max(0.0, 1 - g) + a * elasticity))
    return rates


def income_tax(rule, x, tau, xi, earlier):
    if rule == "hsv":
        return hsv_tax(x, tau, xi)
    if rule == "flat":
        return tau * x
    if rule == "none":
        return 0.0
    mean = math.fsum(earlier) / len(earlier)
    rates = [rate for rate, _, _ in US_2022]
    if rule == "saez":
        rates = saez_schedule(earlier, 0.25)
    tax = 0.0
    for rate, (_, low, high) in zip(rates, US_2022, strict=True):
        low, high = low / 141431 * mean, high / 141431 * mean
        tax += rate * max(0.0, min(x, high) - low)
    return tax


def wealth_tax(rule, x, tau, xi):
    return {"hsv": hsv_tax(x, tau, xi), "flat": tau * x}.get(rule, 0.0)


def levied(after_tax, owed, floor):
    """What everybody keeps when each pays the same, but never into the floor; by bisection."""

    def kept(each):
        return [x if x <= floor else max(x - each, floor) for x in after_tax]

    goal = math.fsum(after_tax) - owed
    low, high = 0.0, max(after_tax)
    for _ in range(200):
        middle = (low + high) / 2
        low, high = (middle, high) if math.fsum(kept(middle)) > goal else (low, middle)
    return kept((low + high) / 2)


def closed_year(memory, rule, budget, theta, p, h, u):
    """One year of one copy; `memory` holds a, i and log e of every household."""
    tau_i, xi_i, tau_a, xi_a = theta
    a, n = memory["a"], len(p)
    e = [math.exp(x) for x in memory["log_e"]]
    K, L = math.fsum(a), math.fsum(x * y for x, y in zip(e, h, strict=True))
    W = (1 - ALPHA) * (K / L) ** ALPHA
    income = [W * e[j] * h[j] + R * a[j] for j in range(n)]
    tax_i = [income_tax(rule, x, tau_i, xi_i, memory["i"]) for x in income]
    tax_a = [wealth_tax(rule, x, tau_a, xi_a) for x in a]
    after_tax = [income[j] - tax_i[j] + a[j] - tax_a[j] for j in range(n)]
    revenue = math.fsum(tax_i) + math.fsum(tax_a)
    spending = max(revenue, 0.0) if budget == "spend" else 0.0
    transfer = 0.0 if budget == "discard" else revenue - spending
    M = [x + transfer / n for x in after_tax]
    floor = 0.01 * (math.fsum(income) + K) / n
    if transfer < 0 and min(M) < floor:
        M = levied(after_tax, -transfer, floor)
    wealth = [p[j] * M[j] for j in range(n)]
    c = [(1 - p[j]) * M[j] for j in range(n)]
    rewards = [math.log(max(c[j], 1e-6)) - h[j] ** 3 / 3 for j in range(n)]
    kept = [income[j] - tax_i[j] for j in range(n)]
    quantities = {
        "wage": W,
        "gdp": K**ALPHA * L ** (1 - ALPHA) / n,
        "consumption": math.fsum(c) / n,
        "tax_revenue": revenue / n,
        "transfer": transfer / n,
        "government_spending": spending / n,
        "wealth_gini": gini(wealth),
        "income_gini": gini(kept),
        "equality_productivity": (1 - n / (n - 1) * gini(kept)) * math.fsum(income) / n,
        "hours": math.fsum(h) / n,
        "saving_share": math.fsum(p) / n,
    }
    log_e = [RHO * x + SIGMA * y for x, y in zip(memory["log_e"], u, strict=True)]
    return {"a": wealth, "i": income, "log_e": log_e}, rewards, quantities


def taxai_aggregates(wealth, income, e, W):
    n = len(e)
    top, bottom = max(1, n // 10), max(1, n // 2)
    by_income = sorted(range(n), key=lambda j: income[j])
    by_wealth = sorted(wealth)
    return [
        math.fsum(by_wealth[-top:]) / top,
        math.fsum(income[j] for j in by_income[-top:]) / top,
        math.fsum(e[j] for j in by_income[-top:]) / top,
        math.fsum(by_wealth[:bottom]) / bottom,
        math.fsum(income[j] for j in by_income[:bottom]) / bottom,
        math.fsum(e[j] for j in by_income[:bottom]) / bottom,
        W,
    ]


def taxai_start(wealth, e):
    """The start of one copy, as the source's program computes it (`env_core.py`, `reset`)."""
    K = B = 0.5 * math.fsum(wealth)
    L = math.fsum(wealth) * (1 - 6.6 * 0.04) / 6.6
    W = (1 - ALPHA) * (K / L) ** ALPHA
    hours_max = L / math.fsum(x * W / 3 for x in e)
    shown = [x * hours_max / 3 for x in e]
    return {
        "capital": K,
        "debt": B,
        "wage": W,
        "hours_scale": hours_max,
        "output": K**ALPHA * L ** (1 - ALPHA),
        "income": [W * shown[j] + R * wealth[j] for j in range(len(e))],
        "aggregates": taxai_aggregates(wealth, shown, e, W),
    }


def taxai_year(memory, rule, variant, theta, p, h, u, luck):
    """One year of one copy; `memory` holds a, i, log e, stars, K, B and hours_max."""
    tau_i, xi_i, tau_a, xi_a, ratio = theta
    a, n, K, B = memory["a"], len(p), memory["K"], memory["B"]
    log_e = [RHO * x + SIGMA * y for x, y in zip(memory["log_e"], u, strict=True)]
    mean_e = math.fsum(math.exp(x) for x in log_e) / n
    star = [luck[j] < (0.990 if memory["star"][j] else 2.2e-6) for j in range(n)]
    e = [504.3 * mean_e if star[j] else math.exp(log_e[j]) for j in range(n)]
    work = [e[j] * h[j] * memory["hours_max"] for j in range(n)]
    L = math.fsum(work)
    W, Y = (1 - ALPHA) * (K / L) ** ALPHA, K**ALPHA * L ** (1 - ALPHA)
    income = [W * work[j] + R * a[j] for j in range(n)]
    tax_i = [income_tax(rule, x, tau_i, xi_i, memory["i"]) for x in income]
    tax_a = [wealth_tax(rule, x, tau_a, xi_a) for x in a]
    M = [income[j] - tax_i[j] + a[j] - tax_a[j] for j in range(n)]
    c = [(1 - p[j]) * M[j] / 1.065 for j in range(n)]
    wealth = [M[j] - 1.065 * c[j] for j in range(n)]
    C, G = math.fsum(c), ratio * Y
    taxes = math.fsum(tax_i) + math.fsum(tax_a) + 0.065 * C
    after_B = (1 + R) * B + G - taxes
    rental = ALPHA * (K / L) ** (ALPHA - 1)
    after_K = math.fsum(wealth) - after_B + (rental + 1 - DELTA) * K + (1 + R) * (B - math.fsum(a))
    kept = [income[j] - tax_i[j] for j in range(n)]
    if variant == "log":
        rewards = [(math.log(c[j]) - (5 * h[j]) ** 3 / 3) / 10 for j in range(n)]
    else:
        rewards = [
            1 / (1 + math.exp(-(math.log(c[j] / 1000) - 10 * h[j] ** 3 / 3))) for j in range(n)
        ]
    reasons = [
        C + G > Y,
        gini(wealth) > 0.9,
        gini(kept) > 0.9,
        min(wealth) < 0,
        after_K < 0,
    ]
    aggregates = taxai_aggregates(wealth, income, e, W)
    quantities = {
        "wage": W,
        "gdp": Y / n / 1e6,
        "consumption": C / n / 1e6,
        "tax_revenue": taxes / n / 1e6,
        "government_spending": G / n / 1e6,
        "budget_balance": (B - after_B) / n / 1e6,
        "wealth_gini": gini(wealth),
        "income_gini": gini(kept),
        "end_reason": reasons.index(True) + 1 if any(reasons) else 0,
    }
    after = {
        "a": wealth,
        "i": income,
        "log_e": log_e,
        "star": star,
        "K": after_K,
        "B": after_B,
        "hours_max": memory["hours_max"],
        "aggregates": aggregates,
        "e": e,
    }
    return after, rewards, quantities


def one_copy(state, b):
    return {
        "a": state.wealth[b].tolist(),
        "i": state.income[b].tolist(),
        "log_e": state.log_productivity[b].tolist(),
        "star": state.super_star[b].tolist(),
        "K": float(state.capital[b]),
        "B": float(state.debt[b]),
        "hours_max": float(state.hours_scale[b]),
    }


def close(found, expected, what, scale=0.0):
    np.testing.assert_allclose(found, expected, rtol=1e-9, atol=1e-9 * scale + 1e-12, err_msg=what)


def random_theta(market, generator, copies):
    return market.characteristics.draw(generator, copies)


BUDGET_OF_RULE = [
    ("hsv", "rebate"),
    ("hsv", "spend"),
    ("hsv", "discard"),
    ("flat", "rebate"),
    ("none", "rebate"),
    ("us_federal", "spend"),
    ("saez", "rebate"),
]


@pytest.mark.parametrize(("rule", "budget"), BUDGET_OF_RULE)
def test_closed(rule, budget):
    n, copies, years = 7, 3, 300
    market = make("household_economy", households=n, periods=years, tax_rule=rule, budget=budget)
    generator = np.random.default_rng(5)
    theta = random_theta(market, generator, copies)
    state = market.reset(3, copies, theta)
    slow = [one_copy(state, b) for b in range(copies)]
    for t in range(years):
        if t % 20 == 0:
            theta = random_theta(market, generator, copies)
            state = market.set_characteristics(state, theta)
        p, h = generator.uniform(0, 0.99, (copies, n)), generator.uniform(0.01, 1, (copies, n))
        u = generator.normal(size=(copies, n))
        actions = {"household": np.stack([p, h], axis=2)}
        step = market.transition(state, actions, {"productivity": u})
        state = step.state
        for b in range(copies):
            rows = (x[b].tolist() for x in (theta, p, h, u))
            slow[b], rewards, quantities = closed_year(slow[b], rule, budget, *rows)
            close(state.wealth[b], slow[b]["a"], f"wealth, year {t}")
            close(step.rewards["household"][b], rewards, f"reward, year {t}", 1.0)
            close(step.quantities["welfare"][b], np.mean(rewards), f"welfare, year {t}", 1.0)
            for name, value in quantities.items():
                close(step.quantities[name][b], value, f"{name}, year {t}", 1.0)
    assert step.truncated.all()


@pytest.mark.parametrize("households", [2, 9, 23])
@pytest.mark.parametrize("weighted", [True, False])
def test_taxai_start(households, weighted):
    market = make(
        "household_economy", accounting="taxai", households=households, weighted_wealth=weighted
    )
    state = market.reset(8, 20)
    for b in range(20):
        slow = taxai_start(state.wealth[b].tolist(), state.productivity[b].tolist())
        for name, value in slow.items():
            close(getattr(state, name)[b], value, f"{name}, copy {b}")


@pytest.mark.parametrize("rule", ["hsv", "flat", "none", "us_federal", "saez"])
@pytest.mark.parametrize("variant", ["log", "bounded"])
def test_taxai(rule, variant):
    n, copies, years = 23, 2, 300
    market = make(
        "household_economy",
        accounting="taxai",
        households=n,
        tax_rule=rule,
        household_reward=variant,
    )
    generator = np.random.default_rng(6)
    theta = random_theta(market, generator, copies)
    state = market.reset(4, copies, theta)
    slow = [one_copy(state, b) for b in range(copies)]
    ends = np.zeros(copies, dtype=int)
    for t in range(years):
        p, h = generator.uniform(0.93, 0.97, (copies, n)), generator.uniform(0.3, 0.4, (copies, n))
        u, luck = generator.normal(size=(copies, n)), generator.random((copies, n))
        luck[0, 0] *= 1e-6 if t == 20 else 1.0  # a star is born
        p[:, :3] = 0.6 if t == 280 else p[:, :3]  # a year of waste
        actions = {"household": np.stack([p, h], axis=2)}
        shocks = {"productivity": u, "super_star": luck}
        step = market.transition(state, actions, shocks)
        state = step.state
        for b in range(copies):
            rows = (x[b].tolist() for x in (theta, p, h, u, luck))
            slow[b], rewards, quantities = taxai_year(slow[b], rule, variant, *rows)
            close(state.wealth[b], slow[b]["a"], f"wealth, year {t}")
            close(state.productivity[b], slow[b]["e"], f"productivity, year {t}")
            close(state.capital[b], slow[b]["K"], f"capital, year {t}", abs(slow[b]["B"]))
            close(state.debt[b], slow[b]["B"], f"debt, year {t}", slow[b]["K"])
            close(state.aggregates[b], slow[b]["aggregates"], f"aggregates, year {t}")
            close(step.rewards["household"][b], rewards, f"reward, year {t}", 1.0)
            for name, value in quantities.items():
                close(step.quantities[name][b], value, f"{name}, year {t}", 1.0)
            assert step.terminated[b] == (quantities["end_reason"] > 0)
        # An economy that has ended is followed by another, until 300 years are over.
        ends += step.terminated
        state = market.restart(state, step.terminated)
        for b in np.flatnonzero(step.terminated):
            slow[b] = one_copy(state, b)
    assert ends[0] > 0
    assert (ends < 20).all()
    if rule in ("hsv", "flat"):
        assert ends[1] <= 1  # most of the 300 years are those of one economy
