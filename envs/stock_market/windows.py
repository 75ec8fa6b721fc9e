"""The moving averages of technical traders, as weights on the latest prices."""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import NDArray

from ..core.errors import PacesetterError

SHORTEST, LONGEST = 2, 10  # windows that are drawn
Windows = tuple[tuple[int, int], ...]
"""Short and long window of every technical trader, in prices."""


def drawn_windows(traders: int, seed: int) -> Windows:
    """Two distinct windows of 2 to 10 prices for each trader."""
    generator = np.random.default_rng(seed)
    lengths = np.arange(SHORTEST, LONGEST + 1)
    pairs = (np.sort(generator.choice(lengths, 2, replace=False)) for _ in range(traders))
    return tuple((int(short), int(long)) for short, long in pairs)


def check_windows(windows: Windows, traders: int) -> None:
    """Refuse windows that are too few, too many, or not a short and a long one.

    Raises:
        PacesetterError: what is wrong, and with which trader.
    """
    if len(windows) != traders:
        raise PacesetterError(
            f"market 'stock_market': windows has {len(windows)} pairs for technical_traders = "
            f"{traders}; give one pair per trader, or leave windows out to have them drawn."
        )
    for place, (short, long) in enumerate(windows):
        if not 1 <= short < long:
            raise PacesetterError(
                f"market 'stock_market': windows[{place}] must be a short window of at least 1 and "
                f"a longer one, got {short} and {long}."
            )


def window_weights(
    windows: Windows, averages: Literal["plain", "literal"], length: int
) -> NDArray[np.float64]:
    """Weights of M, short average less long average, on the last `length` prices, ``(N, length)``.

    The newest price is the last column. A plain average has l terms; the literal one of the paper
    has l + 1 terms divided by l, so that its weights do not sum to zero.
    """
    weights = np.zeros((len(windows), length))
    extra = 1 if averages == "literal" else 0
    for row, (short, long) in enumerate(windows):
        weights[row, length - short - extra :] += 1.0 / short
        weights[row, length - long - extra :] -= 1.0 / long
    return weights
