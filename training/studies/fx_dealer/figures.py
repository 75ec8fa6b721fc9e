"""The picture of currency dealers: a ladder and a hedge over inventories, learned on computed."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.figure import Figure

from ....envs.fx_dealer.market import FxDealer
from ..charts import EXACT_COLOUR, TRAINED_COLOUR, chart
from ..study import Arrays
from .learned import LIKELY

SIDES = ("bid", "ask")
STYLES = {0: "-", 1: "--"}


def ladder_figure(runs: Sequence[Arrays], prefix: str, market: FxDealer) -> Figure:
    """Mark-ups of small and large requests by tier, and the hedge, for γ = `prefix`."""
    pair = market.pair
    columns = len(pair.tiers) + 1
    figure, axes = chart(1, columns, width=3.7 * columns, height=3.6)
    shown = (0, len(pair.sizes) - 1)
    for axis, (t, tier) in zip(axes, enumerate(pair.tiers), strict=False):
        for run in runs:
            for kind, colour, width in (
                ("computed", EXACT_COLOUR, 1.6),
                ("learned", TRAINED_COLOUR, 0.9),
            ):
                q, met = _met(run, prefix, kind)
                for z in shown:
                    for side in range(len(SIDES)):
                        axis.plot(
                            q, run[f"{prefix}/{kind}/markup"][met, t, z, side],
                            STYLES[int(z > 0)], color=colour, linewidth=width,
                        )  # fmt: skip
        axis.set_title(
            f"{tier}: {pair.sizes[0]:g} M (solid), {pair.sizes[-1]:g} M (dashed)", fontsize=9
        )
        axis.set_xlabel("inventory, M")
        axis.set_ylabel("mark-up of bid (rising) and ask, bp")
    for run in runs:
        for kind, colour in (("computed", EXACT_COLOUR), ("learned", TRAINED_COLOUR)):
            q, met = _met(run, prefix, kind)
            label = kind if run is runs[0] else None
            axes[-1].plot(q, run[f"{prefix}/{kind}/hedge"][met], color=colour, label=label)
    axes[-1].set_title("hedge", fontsize=9)
    axes[-1].set_xlabel("inventory, M")
    axes[-1].set_ylabel("M per step")
    axes[-1].legend(frameon=False, fontsize=8)
    figure.suptitle(f"γ = {prefix} per bp·M", fontsize=10)
    return figure


def _met(run: Arrays, prefix: str, kind: str) -> tuple[np.ndarray, np.ndarray]:
    """Inventories that are met, and where they are on the grid."""
    q = run[f"{prefix}/{kind}/inventory"]
    met = np.abs(q) <= LIKELY
    return q[met], met
