"""Pictures of currency dealers: ladders and hedges, and what calibrated dealers deal."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.figure import Figure

from ....envs.fx_dealer.market import FxDealer
from ....envs.fx_dealer.quantities import OFFSETS
from ..charts import EXACT_COLOUR, TRAINED_COLOUR, chart
from ..contest import COLOURS
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


def fit_figure(
    runs: Mapping[str, Sequence[Mapping[str, Sequence[float]]]],
    targets: Mapping[str, Sequence[float]],
) -> Figure:
    """Market shares and the flow curve of dealers at the answers of leaders, on their targets.

    Args:
        runs: label of a leader -> of each seed, `share` of every dealer and `flow` at `OFFSETS`.
        targets: the same of what was calibrated to.
    """
    figure, (left, right) = chart(1, 2, width=9.6, height=3.8)
    dealers = np.arange(1, len(targets["share"]) + 1)
    width = 0.8 / len(runs)
    for number, ((label, ones), colour) in enumerate(zip(runs.items(), COLOURS, strict=False)):
        places = dealers + width * (number - (len(runs) - 1) / 2.0)
        share, flow = (np.array([one[name] for one in ones]) for name in ("share", "flow"))
        left.bar(places, share.mean(axis=0), 0.9 * width, color=colour, alpha=0.55, label=label)
        left.plot(places, share.T, ".", color=colour, markersize=4)
        right.plot(OFFSETS, flow.mean(axis=0), color=colour, linewidth=1.4, label=label)
        right.plot(OFFSETS, flow.T, ".", color=colour, markersize=4, alpha=0.6)
    left.hlines(
        targets["share"], dealers - 0.45, dealers + 0.45, color="black", linewidth=1.4,
        label="target",
    )  # fmt: skip
    right.plot(OFFSETS, targets["flow"], "k--", linewidth=1.4, label="target")
    left.set_xticks(dealers, [f"dealer {i}" for i in dealers])
    left.set_ylabel("share of the volume")
    right.set_xlabel("mark-up, bp")
    right.set_ylabel("share dealt of requests that see it")
    right.legend(frameon=False, fontsize=8)
    return figure
