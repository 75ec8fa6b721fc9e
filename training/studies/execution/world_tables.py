"""Tables of worlds: calibrated ones beside likelihood fits, the GAN and the paper's algorithm."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from ..charts import EXACT_COLOUR, TRAINED_COLOUR, chart
from ..claims import Across, Claim, Comparison, Reproduction, Results, RunArrays, Trial

Floats = NDArray[np.float64]
Range = tuple[str, float, float]
WITNESS, WARM, FIT = "witness", "warm start, another market", "likelihood, real market"
PAPER, GAN = "algorithm 1", "conditional WGAN-GP"
TRAINED_ON = ("bag/return", "bag/log_spread", "bag/imbalance_5")
SEEDS = (1, 2, 3, 4, 5)
"""Seed 0 was looked at before the recipe was whole."""
SHOWN = (
    *("mmd/return", "mmd/episode_reward", "mmd/spread", "mmd/impact", "mmd/imbalance_5"),
    *("mmd/imbalance_all", "mmd/direction", "floor/mmd/return", "floor/mmd/spread"),
    *("minute_deviation_bp", "drift_bp", "spread_mean", "volume_1_ratio", "volume_5_ratio"),
    *("volume_10_ratio", "traded_ratio", "flow", "side_balance"),
    *("lob/spread_l1", "lob/imbalance_l1", "lob/volume_10_l1", "lob/traded_l1"),
    *("lob/event_l1", "lob/depth_l1", "lob/size_l1", "lob/time_l1"),
    *("auc/return", "auc/spread", "auc/impact", "auc/reward", "auc/bag_return"),
)
RMSC04: tuple[Range, ...] = (
    ("mmd/return", -1.0, 0.01),
    ("mmd/spread", -1.0, 0.02),
    ("volume_5_ratio", 0.75, 1.25),
    ("volume_10_ratio", 0.75, 1.25),
    ("traded_ratio", 0.75, 1.25),
    ("spread_mean_ratio", 0.8, 1.2),
    ("minute_deviation_bp_ratio", 0.5, 2.0),
)
RMSC03: tuple[Range, ...] = (
    ("mmd/return", -1.0, 0.05),
    ("mmd/episode_reward", -1.0, 0.03),
    ("mmd/spread", -1.0, 0.03),
    ("minute_deviation_bp_ratio", 0.85, 1.15),
    ("volume_5_ratio", 1 / 1.5, 1.5),
    ("volume_10_ratio", 1 / 1.5, 1.5),
)
NOTES = (
    "Every seed has a laboratory of its own: 200 rollouts of five minutes from books that served "
    "in no training, against 400 real ones; the floor is 200 other real ones. A buyer "
    "sends a market order of ten shares each minute. MMD² is unbiased, with the median distance of "
    "the real sample as width; ratios are to the real market.",
    "The warm start is the maximum-likelihood fit to another market; the witness gradient and "
    "Algorithm 1 of INTAGS begin with it. Both fits to the real market, by likelihood and by the "
    "GAN, know its orders, which a calibrated world never sees.",
    "Volumes and shares traded are in no feedback. `lob/…_l1` is half the L1 distance of "
    "histograms, after LOB-Bench; `auc/…` is the chance that MMD² of five rollouts against a "
    "hundred is larger for the world than for the real market: one half where nobody can tell.",
    "The recipe was chosen on seeds 10 to 13, among some thirty. That of an earlier table of these "
    "seeds took a quarter of the orders, at a lower rate, from a third of the books, and missed "
    "more of what is claimed; its misses prompted the search. Seed 0 was looked at before that.",
)

OF_RMSC03 = (
    "The recipe was chosen on seed 10, among seven. With volumes among the feedbacks the rest is "
    "missed; at twice the rate worlds burst after ten iterations. What is left there: returns of "
    "a minute are as wide as the real ones, but each follows the last (correlation .27 to .44, "
    "really .07 to .21), so that their mean over five minutes, which MMD² compares, has a "
    "deviation of 15 bp and not 11. An hour of rmsc03 has eight times the orders of one of "
    "rmsc04: what a single one has to do with a rollout is hidden the deeper, and the rate must "
    "be lower.",
)
MISSED = (
    "What is missed. *Volume*: return, spread and imbalance stay what they are if all sizes are "
    "multiplied by one number, and ten shares of the buyer are too few beside the 200 of a level "
    "to fix it. So the size of orders is free: the warm start has half the real volume, and "
    "training takes it up by .11 to .46 of the real one, as chance has it. The two seeds whose "
    "five levels hold too little (.63, .74) send a third of their orders with one to three shares "
    "(really 2 %). Volume as a feedback, or larger children, would tell it; neither was tried on "
    "these seeds. *Start*: a warm start is the best of five points of its fit, by rollouts in its "
    "own market, which leaves out the wildest ones; one of five seeds begins as far away as .3.",
)


def rmsc04() -> Reproduction:
    """The reproduction ``world_rmsc04``."""
    return _table(
        "world_rmsc04",
        "A world agent calibrated to rmsc04 (INTAGS)",
        (WITNESS, FIT, WARM),
        RMSC04,
        (Claim("mmd/return", low=0.3),),
        ("return", "spread", "impact", "reward"),
        "world_rmsc04",
        notes=(*NOTES, *MISSED),
    )


def baselines() -> Reproduction:
    """The reproduction ``world_baselines``: what is published, beside the witness gradient."""
    return _table(
        "world_rmsc04",
        "Algorithm 1 of INTAGS and a conditional WGAN-GP, rmsc04",
        (WITNESS, PAPER, GAN, WARM),
        (),
        (),
        (),
        "world_baselines",
    )


def rmsc03() -> Reproduction:
    """The reproduction ``world_rmsc03``."""
    return _table(
        "world_rmsc03",
        "A world agent calibrated to rmsc03 without backstop orders (INTAGS)",
        (WITNESS, FIT, WARM),
        RMSC03,
        (Claim("mmd/return", low=0.25),),
        (),
        "world_rmsc03",
        ", rmsc03",
        (*NOTES[:-1], *OF_RMSC03),
    )


OVERRIDES = {
    WITNESS: (),
    FIT: ("leader.method=likelihood", "training.iterations=10"),
    WARM: ("leader.method=warm_start", "training.iterations=1"),
    PAPER: ("leader.method=algorithm1", "training.iterations=100", "leader.choose_every=50"),
    GAN: ("leader.method=gan", "training.iterations=10"),
}


def _table(
    experiment: str,
    title: str,
    methods: tuple[str, ...],
    ranges: tuple[Range, ...],
    of_warm: tuple[Claim, ...],
    told_apart: tuple[str, ...],
    name: str,
    suffix: str = "",
    notes: tuple[str, ...] = NOTES,
) -> Reproduction:
    """Methods on one market; the `suffix` tells their trials from those on another."""
    trials = []
    for method in methods:
        comparisons: tuple[Comparison, ...] = ()
        if method == WITNESS:
            comparisons = tuple(
                Comparison(key, key, other + suffix)
                for other in (FIT, GAN)
                if other in methods
                for key in TRAINED_ON
            )
        claims = of_warm if method == WARM else ()
        if method == WITNESS:
            claims = tuple(Claim(f"auc/{what}", high=0.6, per_seed=False) for what in told_apart)
        trials.append(
            Trial(experiment, method + suffix, OVERRIDES[method], claims, comparisons, report=SHOWN)
        )
    across = [
        Across(
            f"witness: share of seeds with {key} in [{low:.2g}, {high:.2g}]",
            partial(share_within, key=key, low=low, high=high, trial=WITNESS + suffix),
            low=0.8,
        )
        for key, low, high in ranges
    ]
    if PAPER in methods:
        across.append(
            Across(
                "algorithm 1 − warm start, MMD² of returns",
                lambda results: _column(results, PAPER) - _column(results, WARM),
            )
        )
    return Reproduction(
        title, tuple(trials), SEEDS, notes, tuple(across), figures=partial(pictures, name=name)
    )


def share_within(results: Results, key: str, low: float, high: float, trial: str) -> Floats:
    """Share of the seeds whose calibrated world lies in a range, ``(1,)``."""
    values = np.array([run[key] for run in results[trial]])
    return np.array([np.mean((values >= low) & (values <= high))])


def _column(results: Results, trial: str) -> Floats:
    return np.array([run["mmd/return"] for run in results[trial]])


# Pictures -----------------------------------------------------------------------------------------


def pictures(arrays: RunArrays, name: str) -> dict[str, Figure]:
    """As figures 6 to 8 and 17 of the paper: volumes and spread of every world over time."""
    return {f"{name}_volume": volume_figure(arrays), f"{name}_returns": returns_figure(arrays)}


def volume_figure(arrays: RunArrays) -> Figure:
    """Shares in 1, 5 and 10 levels of either side, minute by minute, of the first seed."""
    names = ["real market", *arrays]
    figure, axes = chart(3, len(names), width=2.3 * len(names), height=6)
    for column, name in enumerate(names):
        runs = next(iter(arrays.values())) if name == "real market" else arrays[name]
        volume = runs[0]["real/volume" if name == "real market" else "world/volume"]
        for row, levels in enumerate((1, 5, 10)):
            axis = axes[row, column]
            minutes = 1 + np.arange(volume.shape[1])
            sides = ((0, TRAINED_COLOUR, "bids"), (1, EXACT_COLOUR, "asks"))
            for side, colour, label in sides:
                of_side = volume[:, :, side, row]
                low, middle, high = np.quantile(of_side, (0.1, 0.5, 0.9), axis=0)
                axis.plot(minutes, middle, color=colour, label=label)
                axis.fill_between(minutes, low, high, color=colour, alpha=0.2, lw=0)
            axis.set_ylim(0, None)
            if row == 0:
                axis.set_title(name.replace(", ", ",\n"), fontsize=8)
            if column == 0:
                axis.set_ylabel(f"shares, {levels} level{'s' * (levels > 1)}", fontsize=8)
            if row == 2:
                axis.set_xlabel("minute", fontsize=8)
            axis.tick_params(labelsize=7)
    for row in range(3):
        top = max(np.max(axis.get_ylim()) for axis in axes[row, :2])
        for axis in axes[row]:
            axis.set_ylim(0, top)
    axes[0, 0].legend(fontsize=7)
    return figure


def returns_figure(arrays: RunArrays) -> Figure:
    """Laws of a minute's return and of the spread, all seeds together, beside the real ones."""
    figure, axes = chart(2, len(arrays), width=2.4 * len(arrays), height=4.4)
    shown: tuple[tuple[str, str, Callable[[Any], Floats]], ...] = (
        ("return", "return, bp (asinh)", np.arcsinh),
        ("log_spread", "log spread", np.asarray),
    )
    for column, (name, runs) in enumerate(arrays.items()):
        for row, (what, label, scaled) in enumerate(shown):
            axis = axes[row, column]
            real, world = (
                scaled(np.concatenate([run[f"{who}/{what}"].ravel() for run in runs]))
                for who in ("real", "world")
            )
            edges = np.linspace(-6, 6, 61) if row == 0 else np.linspace(0, 6, 41)
            axis.hist(real, edges, density=True, color=EXACT_COLOUR, alpha=0.5, label="real")
            axis.hist(world, edges, density=True, color=TRAINED_COLOUR, alpha=0.5, label="world")
            axis.set_xlabel(label, fontsize=8)
            axis.set_yticks([])
            if row == 0:
                axis.set_title(name.replace(", ", ",\n"), fontsize=8)
    axes[0, 0].legend(fontsize=7)
    return figure
