"""The picture of a certificate: what the leader gets over θ, and what deviating would bring."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from torch.utils.tensorboard import SummaryWriter

from ..studies.charts import EXACT_COLOUR, TRAINED_COLOUR, chart, pixels, save
from .followers import FollowersGap
from .leader import LeadersGap
from .points import ANSWER
from .subject import Subject

MOST_PANELS = 4  # characteristics that have a panel of their own
MOST_TICKS = 4  # of a panel: small rates have long numbers


def draw(
    followers: dict[str, FollowersGap],
    leader: LeadersGap | None,
    subject: Subject,
    tolerance: float,
) -> Figure:
    """The objective over θ before and after adaptation, and gains from deviation per group."""
    names = subject.experiment.market.characteristics.names[:MOST_PANELS] if leader else ()
    panels = max(1, len(names) + bool(followers))
    figure, axes = chart(1, panels, width=4.2 * panels, height=3.6)
    if leader is not None:
        for entry, name in enumerate(names):
            _over_theta(axes[entry], leader, entry, name)
        axes[0].set_ylabel("leader's objective")
        axes[0].legend(fontsize=8)
    if followers:
        _gains(axes[-1], followers, tolerance)
    return figure


def note_events(folder: Path, figures: dict[str, float], figure: Figure, path: Path) -> None:
    """The figures and the picture for TensorBoard, and the picture as a file."""
    save(figure, path)
    with SummaryWriter(str(folder)) as events:
        for name, value in figures.items():
            events.add_scalar(f"certificate/{name}", value)
        events.add_image("certificate", pixels(figure), dataformats="HWC")


def _over_theta(axis: Any, leader: LeadersGap, entry: int, name: str) -> None:
    points = [point for point in leader.points if point.market is None]
    x = np.array([point.theta[entry] for point in points])
    for values, label, style in (
        (leader.before, "followers as trained", {"color": "0.4", "markerfacecolor": "none"}),
        (leader.after, "followers adapted", {"color": TRAINED_COLOUR, "markersize": 4}),
    ):
        y = np.array([values[point.name] for point in points])
        axis.plot(x, y, "o", label=label, **({"markersize": 8} | style))
    (answer,) = (point for point in leader.points if point.name == ANSWER)
    for label, point, colour in (
        ("answer", answer, EXACT_COLOUR),
        ("best rival", leader.rival, "black"),
    ):
        at = (point.theta[entry], leader.after[point.name])
        marker = "*" if label == "answer" else "D"
        axis.plot(*at, marker, color=colour, markersize=9, markerfacecolor="none", label=label)
    for number, point in enumerate(p for p in leader.points if p.market is not None):
        label = point.name.replace("_", " ")
        axis.axhline(leader.after[point.name], color=f"C{4 + number}", linestyle=":", label=label)
    axis.set_xlabel(name.replace("_", " "))
    axis.xaxis.set_major_locator(MaxNLocator(MOST_TICKS))


def _gains(axis: Any, followers: dict[str, FollowersGap], tolerance: float) -> None:
    """Bars in percent of what is at stake, with their intervals."""
    labels, found, colours = [], [], []
    for name, gap in followers.items():
        rows = [("one deviates,\ntrained", gap.alone, TRAINED_COLOUR)]
        if gap.bound is not None:
            kind = "exact" if gap.exact else "upper bound"
            rows.append((f"one deviates,\n{kind}", gap.bound, EXACT_COLOUR))
        rows.append(("whole group\nlearns anew", gap.together, "0.6"))
        for label, of, colour in rows:
            text = label if len(followers) == 1 else f"{name}: {label}"
            if np.isfinite(of.percent.value):
                labels.append(text)
                found.append(of.percent)
                colours.append(colour)
    places = np.arange(len(found))
    widths = np.nan_to_num(
        [[max(0.0, one.value - one.low), max(0.0, one.high - one.value)] for one in found]
    ).T.reshape(2, -1)
    values = [one.value for one in found]
    axis.barh(places, values, 0.55, xerr=widths, color=colours, alpha=0.8, capsize=3)
    axis.axvline(tolerance, color="0.3", linestyle=":", label=f"tolerance, {tolerance:g} %")
    axis.axvline(0.0, color="0.3", linewidth=0.8)
    axis.set_yticks(places, labels, fontsize=8)
    axis.invert_yaxis()
    axis.set_xlabel("gain from deviating, % of what is at stake")
    axis.legend(fontsize=8)
