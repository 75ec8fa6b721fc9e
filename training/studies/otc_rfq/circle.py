"""Closing the circle: can dealers who quote at random pass for dealers who have learned to quote?

10,000 requests of learned dealers are observed. Random quotes are fitted to acceptance, mean and
deviation of the gap, three numbers for three parameters; what else they then bring about is held to
what was observed, in standard errors.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import least_squares

from ....envs.otc_rfq.power import density, distribution, quantile
from ....envs.otc_rfq.quotes import Quotes

Floats = NDArray[np.float64]
Client = tuple[float, float, float]
REQUESTS = 10_000
FITTED = ("acceptance", "mean_gap", "gap_deviation")
CELL = 0.004  # of the lattice, in half-spreads
LOW, HIGH = (-2.5, 0.05, 0.6), (4.0, 3.0, 6.0)
SEED = 0


def circle(quotes: Floats, client: Client, asked: int) -> dict[str, float]:
    """What random quotes make of the facts of learned ones.

    Args:
        quotes: of a dealer at evenly likely costs, ``(C,)``.
        client: mean, scale and shape of her value.
        asked: dealers, at least 2.

    Returns:
        Facts observed and of the fitted market, their distance in standard errors of the former,
        and the fitted parameters.
    """
    observed, errors = _facts(_drawn(quotes, client, asked), client)
    law = _fitted(observed, errors, client, asked)
    exact = Quotes(law[0], law[1], law[2], client, asked).figures()
    found = {f"circle/fit/{name}": value for name, value in zip(_PARAMETERS, law, strict=True)}
    for name, value in observed.items():
        found[f"circle/{name}/observed"] = value
        found[f"circle/{name}/random_quotes"] = exact[name]
        found[f"circle/{name}/errors_away"] = (exact[name] - value) / errors[name]
    return found


_PARAMETERS = ("offer_mean", "offer_scale", "offer_shape")


def _drawn(quotes: Floats, client: Client, asked: int) -> tuple[Floats, Floats]:
    """Offers in order and the client's value of 10,000 requests, ``(R, n)`` and ``(R,)``."""
    generator = np.random.default_rng(SEED)
    places = np.arange(len(quotes)) + 0.5
    at = generator.random((REQUESTS, asked)) * len(quotes)
    offers = np.sort(np.interp(at, places, quotes), axis=1)
    return offers, quantile(generator.random(REQUESTS), *(np.array(entry) for entry in client))


def _facts(
    drawn: tuple[Floats, Floats], client: Client
) -> tuple[dict[str, float], dict[str, float]]:
    """Facts of requests, and their standard errors."""
    offers, value = drawn
    best, gap = offers[:, 0], offers[:, 1] - offers[:, 0]
    trade = best < value
    samples = {
        "acceptance": trade.astype(np.float64),
        "mean_gap": gap,
        "mean_gap_traded": gap[trade],
        "mean_best_offer": best,
        "mean_traded_price": best[trade],
        "client_surplus": np.where(trade, value - best, 0.0),
    }
    facts = {name: float(sample.mean()) for name, sample in samples.items()}
    errors = {name: float(s.std(ddof=1) / np.sqrt(len(s))) for name, s in samples.items()}
    deviation, fourth = gap.std(), ((gap - gap.mean()) ** 4).mean()
    facts["gap_deviation"] = float(deviation)
    spread = np.sqrt(max(fourth - deviation**4, 0.0) / len(gap))
    errors["gap_deviation"] = float(spread / (2.0 * deviation))
    return facts, errors


def _fitted(
    facts: dict[str, float], errors: dict[str, float], client: Client, asked: int
) -> tuple[float, float, float]:
    """Mean, scale and shape of the random quotes that come closest in the three fitted facts."""
    target = np.array([facts[name] for name in FITTED])
    scale = np.array([errors[name] for name in FITTED])

    def away(law: Floats) -> Floats:
        return (moments(law, client, asked) - target) / scale

    start = np.clip(
        [facts["mean_best_offer"] + facts["mean_gap"], facts["mean_gap"], 1.5], LOW, HIGH
    )
    found = least_squares(away, start, bounds=(LOW, HIGH), x_scale=(0.1, 0.1, 0.3), diff_step=1e-3)
    mean, width, shape = found.x.tolist()
    return mean, width, shape


def moments(law: Floats, client: Client, asked: int) -> Floats:
    """Acceptance, mean gap and its deviation for random quotes, ``(3,)``, on a lattice.

    With G the law of a quote, ``P(gap > d) = N Σ g(x) (1 − G(x + d))^{N−1}``, and d runs over the
    lattice of x: a correlation.
    """
    mean, scale, shape = law
    reach = scale * (shape * 30.0) ** (1.0 / shape)  # beyond, the density is e^{−30} of its top
    x = np.arange(mean - reach, mean + reach, max(CELL, reach / 1500.0))
    step = x[1] - x[0]
    g = density(x, mean, scale, shape)
    g = g / (g.sum() * step)
    above = 1.0 - distribution(x, mean, scale, shape)
    best = asked * g * above ** (asked - 1)
    accepted = float((best * (1.0 - distribution(x, *client))).sum() * step)
    rest = np.concatenate([above ** (asked - 1), np.zeros(len(x))])
    chance = asked * step * np.correlate(rest, g, "valid")[: len(x)]
    d = step * np.arange(len(chance))
    first = float(np.trapezoid(chance, d))
    square = float(np.trapezoid(2.0 * d * chance, d))
    return np.array([accepted, first, np.sqrt(max(square - first**2, 0.0))])
