"""What a leader may set in the execution game: how the book is designed, and who trades in it.

| characteristic | what it is | default |
|---|---|---|
| `noise_multiplier` | times as many noise agents as the preset has | 1 |
| `observation_variance` | error of value agents, cents² | the preset's |
| `maker_volume_share` | order size of market makers, share of the volume traded | the preset's |
| `maker_least_spread` | least spread that market makers quote, cents | the preset's |
| `taker_fee_bp` | fee on trades that take liquidity, bp | 0 |

Version history: v1.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from functools import partial

import numpy as np
from numpy.typing import NDArray

from ..core.characteristics import Characteristic, Characteristics
from ..order_book.background import layout as background
from ..order_book.background.market import BackgroundMarket

BACKGROUND_COLUMNS = {
    "noise_multiplier": background.NOISE_MULTIPLIER,
    "observation_variance": background.OBSERVATION_VARIANCE,
    "maker_volume_share": background.MAKER_SHARE,
    "maker_least_spread": background.MAKER_LEAST_SPREAD,
}
"""Characteristics that are parameters of the background, and their columns there."""
FEE = "taker_fee_bp"
HIGHEST_FEE = 2.0  # several spreads of both presets
DESIGN = (*BACKGROUND_COLUMNS, FEE)
"""Names of the characteristics, in the order of θ."""
RATIOS = ("noise_multiplier", "observation_variance")
Reals = NDArray[np.float64]


def design_of(preset: BackgroundMarket, leader_sets: Collection[str]) -> Characteristics:
    """The θ space; whatever the leader does not set is fixed at its default."""
    variance = preset.observation_variance
    ranges = (
        (0.25, 4.0, preset.noise_multiplier, "", "noise agents, times"),
        (variance / 10, variance * 10, variance, "cents²", "error of value agents"),
        (0.0, 0.1, preset.maker_volume_share, "", "market makers' share of volume"),
        (0.0, 20.0, preset.maker_least_spread, "cents", "least spread of market makers"),
        (0.0, HIGHEST_FEE, 0.0, "bp", "fee for taking liquidity"),
    )
    entries = [
        Characteristic(name, low, high, default, unit, text)
        if name in leader_sets
        else Characteristic(name, default, default, default, unit, text)
        for name, (low, high, default, unit, text) in zip(DESIGN, ranges, strict=True)
    ]
    return Characteristics(entries, prior=partial(_drawn, entries))


def _drawn(entries: Sequence[Characteristic], uniforms: Reals) -> Reals:
    """Designs of uniforms ``(n, 5)``: even in ratios where defaults are, and small fees mostly.

    Executors cross the spread or wait for it according to tenths of a basis point.
    """
    low, high = (np.array([getattr(entry, end) for entry in entries]) for end in ("low", "high"))
    theta: Reals = low + uniforms * (high - low)
    for column, name in enumerate(DESIGN):
        if name in RATIOS:
            theta[:, column] = low[column] * (high[column] / low[column]) ** uniforms[:, column]
        elif name == FEE:
            theta[:, column] = low[column] + uniforms[:, column] ** 2 * (high[column] - low[column])
    return np.clip(theta, low, high)


def background_parameters(preset: Reals, theta: Reals) -> Reals:
    """What the backgrounds run under: the preset's parameters ``(P,)`` with θ in, ``(B, P)``."""
    parameters = np.tile(preset, (len(theta), 1))
    parameters[:, list(BACKGROUND_COLUMNS.values())] = theta[:, : len(BACKGROUND_COLUMNS)]
    return parameters
