"""Closed forms of the second moment of returns, where thresholds are known.

*Nobody sets its threshold* (s = 0). In a period with news ε the active traders are binomial with
probability G(|ε|), where G is the distribution function of the thresholds:

    E r² = E G(|ε|)² / η² + E G(|ε|) (1 − G(|ε|)) / (N η²)

*Everybody does in every period* (s = 1). After the first one all thresholds are alike, so that all
trade or nobody does, and r is −1/η, 0 or 1/η. With a threshold of 0 all trade; with one of 1/η they
do with probability p = 2 Φ(−1/(η σ)). The share of periods with trade is 1 / (2 − p).

Both are for news that all traders hear.
"""

from __future__ import annotations

import numpy as np

NODES = 400  # of the integral over |ε|
FARTHEST = 9.0  # deviations of the news


def second_moment_without_updates(
    alpha: float, beta: float, sigma: float, eta: float, traders: int
) -> float:
    """E r² with thresholds from Gamma(α, β) that nobody ever changes."""
    from scipy.special import gammainc  # a slow import

    # In the logarithm of |ε|, near 0 of which G bends sharply where α is small.
    nodes, weights = np.polynomial.legendre.leggauss(NODES)
    low, high = np.log(1e-12), np.log(FARTHEST)
    logs = low + (high - low) * (nodes + 1.0) / 2.0
    size = np.exp(logs)
    density = np.sqrt(2.0 / np.pi) * np.exp(-0.5 * size**2) * size
    weights = weights * density * (high - low) / 2.0
    active = gammainc(alpha, beta * sigma * size)
    per_trader = active**2 + active * (1.0 - active) / traders
    return float(weights @ per_trader) / eta**2


def probability_of_trade(sigma: float, eta: float) -> float:
    """p, that all trade again after they have, where everybody sets its threshold."""
    from scipy.special import ndtr

    return float(2.0 * ndtr(-1.0 / (eta * sigma)))


def second_moment_all_updating(sigma: float, eta: float) -> float:
    """E r² where everybody sets its threshold in every period, once the start is forgotten."""
    return 1.0 / ((2.0 - probability_of_trade(sigma, eta)) * eta**2)
