"""Requests by cells of gap and acceptance: statistics that carry a likelihood.

How many of independent requests fall into each cell is multinomial. Shares of cells matched with
the inverse of their covariance, by least chi-square, have the errors of the largest likelihood of
these counts (Neyman, Proceedings of the Berkeley Symposium 1949); with many cells those of all that
acceptances and gaps tell.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..core.arrays import Array, converted, namespace
from ..core.errors import PacesetterError

LEAST = 2


class Cells:
    """Shares of a path's requests by gap, accepted or not, all but the last of which are given.

    Args:
        bounds: between cells of gaps, half-spreads, ascending, ``(c − 1,)``.
    """

    def __init__(self, bounds: NDArray[np.float64]):
        self.bounds = bounds
        cells = range(1, len(bounds) + 2)
        named = [f"{what}, gap {k}" for what in ("accepted", "refused") for k in cells]
        self.names = named[:-1]

    def __call__(self, path: Mapping[str, Array]) -> Array:
        """Shares of the cells, ``(B, 2 c − 1)``."""
        accepted, gap = path["accepted"], path["gap"]
        xp = namespace(gap)
        above = gap[:, :, None] >= converted(self.bounds, gap)
        place = xp.sum(xp.astype(above, gap.dtype), axis=-1)
        cells = converted(np.arange(len(self.bounds) + 1.0), gap)
        inside = xp.astype(place[:, :, None] == cells, gap.dtype)
        both = [inside * share[:, :, None] for share in (accepted, 1.0 - accepted)]
        return xp.mean(xp.concat(both, axis=-1), axis=1)[:, :-1]


def by_cells(market: Any, samples: Mapping[str, Any], cells: float = 8.0) -> Cells:
    """Cells for the objective ``statistics``: levels 1 − (1 − k/c)² of the reference's gaps.

    Large gaps, which tell most of the shape, are cut finely.

    Args:
        market: of requests; any.
        samples: `gap` of the reference, ``(n, T)``.
        cells: how many by gap.

    Raises:
        PacesetterError: fewer than two cells, or no whole number.
    """
    if cells < LEAST or cells != int(cells):
        raise PacesetterError(
            f"objective.options: cells = {cells:g} must be a whole number, at least {LEAST}."
        )
    levels = 1.0 - (1.0 - np.arange(1, int(cells)) / int(cells)) ** 2
    return Cells(np.quantile(np.asarray(samples["gap"], dtype=np.float64), levels))
