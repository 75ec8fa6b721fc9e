"""Firms of the Aiyagari economy: at constant returns, the interest rate says all prices."""

from __future__ import annotations

from typing import Any

CAPITAL_SHARE, DEPRECIATION = 0.36, 0.08  # α and δ; Aiyagari (1994)


def intensity(rate: Any) -> Any:
    """K / L that firms employ at a net interest rate; see `market`, (3). Of any shape."""
    return (CAPITAL_SHARE / (rate + DEPRECIATION)) ** (1.0 / (1.0 - CAPITAL_SHARE))


def wage(rate: Any) -> Any:
    """w at a net interest rate; see `market`, (3). Of any shape."""
    return (1.0 - CAPITAL_SHARE) * intensity(rate) ** CAPITAL_SHARE
