"""What a calibrated world is worth: distances to the real market, and facts that nobody trained.

Every seed has a laboratory of its own: real rollouts, recordings and books of which none served in
training. A world's rollouts are compared with 400 real ones, and 200 other real ones likewise: the
floor that no world can be below but by chance. `NAME_ratio` is a world's figure over the real one.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray
from scipy.stats import wasserstein_distance

from ....envs.core.rollouts import Decisions, Laboratory, Rollouts
from ....leaders.world.distances import area_under_curve, bands
from ....leaders.world.feedback import feedback
from ....leaders.world.metric import EVALUATED, Metric, flow
from ...experiments.experiment import Experiment
from ...policies.policies import Trained
from ..charts import EXACT_COLOUR, TRAINED_COLOUR, chart
from ..study import Arrays, Findings, Row

Floats = NDArray[np.float64]
REAL, FLOOR, WORLDS = 400, 200, 200
REAL_SEED, FLOOR_SEED, WORLD_SEED = 1_000, 2_000, 999
BAGS = ("return", "log_spread", "imbalance_5")
TOLD_APART = ("return", "impact", "spread", "reward", "imbalance_5")
FEW, MANY, DRAWS = 5, 100, 100
LEVELS = (1, 5, 10)
HEADS = ("event", "depth", "size", "time")
SHARE = 0.2  # of the world's decisions that are looked at


def measure(trained: Trained) -> Findings:
    """Distances of every feedback, facts beside real ones, and how well worlds are told apart."""
    experiment = trained.experiment
    laboratory = experiment.leader.laboratory(experiment.market, experiment.seed)
    findings = Findings()
    if laboratory is None or trained.world is None:  # still learning: nothing to play
        return findings
    real = laboratory.real(REAL, REAL_SEED)
    floor = laboratory.real(FLOOR, FLOOR_SEED)
    world = laboratory.world(trained.world, WORLDS, WORLD_SEED, SHARE, "evaluation")
    compare(real, floor, world, findings)
    note_facts(real, world, findings)
    if world.decisions is not None:
        note_orders(laboratory, world.decisions, findings)
    keep(real, world, findings)
    return findings


def compare(real: Rollouts, floor: Rollouts, world: Rollouts, findings: Findings) -> None:
    """MMD² of every feedback, one number per rollout and in bags, and AUC at five rollouts."""
    results = findings.results
    shown = tuple(name for name in EVALUATED if varies(real, name))
    for label, one in (("floor/", floor), ("", world)):
        found = Metric(real, shown, bag=False)(one)
        results.update({f"{label}mmd/{name}": value for name, value in found.items()})
        found = Metric(real, BAGS)(one)
        results.update({f"{label}bag/{name}": value for name, value in found.items()})
    for name in (name for name in TOLD_APART if name in shown):
        results[f"auc/{name}"] = told_apart(world, real, name)
    results["auc/bag_return"] = told_apart(world, real, "return", bag=True)


def varies(real: Rollouts, name: str) -> bool:
    """Whether a feedback is not the same in all rollouts, as rewards are where nobody orders."""
    return bool(np.ptp(feedback(real, name).numbers) > 0)


def told_apart(world: Rollouts, real: Rollouts, name: str, bag: bool = False) -> float:
    """AUC of MMD² at five rollouts against a hundred."""
    pair = [feedback(one, name, "bag" if bag else "hajek") for one in (world, real)]
    _, same, different = bands(pair[0], pair[1], (FEW,), draws=DRAWS, against=MANY)
    return area_under_curve(same[0], different[0])


def note_facts(real: Rollouts, world: Rollouts, findings: Findings) -> None:
    """What was and was not trained on, as it is and over the real one."""
    both = {"real/": facts(real), "": facts(world)}
    for label, found in both.items():
        findings.results.update({f"{label}{name}": value for name, value in found.items()})
    for name, value in both[""].items():
        if both["real/"][name] and name not in ("drift_bp", "side_balance"):
            findings.results[f"{name}_ratio"] = value / both["real/"][name]
    findings.results["flow"] = flow(world, real)
    findings.results["guarded"] = world.guarded


def facts(rollouts: Rollouts) -> dict[str, float]:
    """Figures of a market, from what is read after every step."""
    volume = rollouts.facts["volume"]  # (R, T, 2, levels)
    mean = volume.mean(axis=(0, 1)).sum(axis=0)
    sides = np.log((volume[..., 0, -1] + 1.0) / (volume[..., 1, -1] + 1.0))
    returns = rollouts.outcomes["return"]
    return {
        "minute_deviation_bp": float(returns.std()),
        "drift_bp": float(returns.mean()),
        "spread_mean": float(rollouts.outcomes["spread"].mean()),
        **{f"volume_{n}": float(value) for n, value in zip(LEVELS, mean, strict=True)},
        "traded": float(rollouts.facts["traded"].mean()),
        "side_balance": float(np.abs(sides).mean()),
    }


def note_orders(laboratory: Laboratory, decisions: Decisions, findings: Findings) -> None:
    """Scores after LOB-Bench: L1 of the laws of orders, by event for depth and size."""
    recorded = laboratory.recording("real").actions
    for place, (name, bins) in enumerate(zip(HEADS, laboratory.heads, strict=True)):
        shares = [
            np.bincount(actions[:, place], minlength=bins) / len(actions)
            for actions in (recorded, decisions.actions)
        ]
        findings.results[f"lob/{name}_l1"] = float(np.abs(shares[0] - shares[1]).sum() / 2)
        findings.arrays[f"orders/{name}"] = np.stack(shares)


def keep(real: Rollouts, world: Rollouts, findings: Findings) -> None:
    """What pictures are drawn from, and L1 and W1 of the book's figures."""
    for label, one in (("real", real), ("world", world)):
        for name in (*EVALUATED[:-1], "log_spread"):
            findings.arrays[f"{label}/{name}"] = one.outcomes[name]
        findings.arrays[f"{label}/volume"] = one.facts["volume"]
        findings.arrays[f"{label}/traded"] = one.facts["traded"]
    series = {
        "spread": [one.outcomes["log_spread"].ravel() for one in (real, world)],
        "imbalance": [one.outcomes["imbalance_5"].ravel() for one in (real, world)],
        "traded": [np.log1p(one.facts["traded"].ravel()) for one in (real, world)],
        "volume_10": [np.log1p(one.facts["volume"][..., -1].ravel()) for one in (real, world)],
    }
    for name, pair in series.items():
        findings.results.update({f"lob/{name}_{k}": v for k, v in scores(*pair).items()})


def scores(real: Floats, world: Floats) -> dict[str, float]:
    """L1 of histograms over 20 equal shares of the real sample, and W1 in its deviations."""
    edges = np.unique(np.quantile(real, np.linspace(0, 1, 21)))
    edges[0], edges[-1] = -np.inf, np.inf
    shares = [np.histogram(one, edges)[0] / len(one) for one in (real, world)]
    apart = wasserstein_distance(real, world) / (real.std() or 1.0)
    return {"l1": float(np.abs(shares[0] - shares[1]).sum() / 2), "w1": float(apart)}


# Table and figures --------------------------------------------------------------------------------


def rows(experiment: Experiment) -> list[Row]:
    """Distances beside their floor, and facts over real ones."""
    named = {"return": "return of the next minute", "spread": "spread", "episode_reward": "reward"}
    table = [Row(f"MMD², {text}", f"mmd/{name}") for name, text in named.items()]
    table += [Row(f"floor, {text}", f"floor/mmd/{name}") for name, text in named.items()]
    table += [
        Row("deviation of a minute's return, over the real one", "minute_deviation_bp_ratio", "1"),
        Row("mean spread, over the real one", "spread_mean_ratio", "1", "real"),
        *(Row(f"volume, {n} levels, over the real one", f"volume_{n}_ratio", "1") for n in LEVELS),
        Row("shares traded, over the real one", "traded_ratio", "1", "real"),
        Row("orders, over the real ones", "flow", "1", "real"),
    ]
    return table


def figures(experiment: Experiment, results: Mapping[str, float], arrays: Arrays) -> dict[str, Any]:
    """Laws of what was trained on and of what was not."""
    return {"feedbacks": laws_figure(arrays), "orders": orders_figure(arrays)}


SHOWN = {
    "return": "return of a minute, bp (asinh)",
    "log_spread": "log spread, cents",
    "imbalance_5": "imbalance, 5 levels",
    "impact": "price impact, bp (asinh)",
    "direction": "mid − last trade, cents (asinh)",
}


def laws_figure(arrays: Arrays) -> Figure:
    """Histograms of outcomes of the real market and of the world, and of ten-level volume."""
    figure, axes = chart(2, 3, width=10, height=5)
    for axis, (name, label) in zip(axes.ravel(), SHOWN.items(), strict=False):
        plain = name in ("log_spread", "imbalance_5")
        pair = [arrays[f"{who}/{name}"].ravel() for who in ("real", "world")]
        _both(axis, pair if plain else [np.arcsinh(one) for one in pair], label)
    pair = [arrays[f"{who}/volume"][..., -1].sum(axis=2).ravel() for who in ("real", "world")]
    _both(axes[1, 2], pair, "shares in ten levels")
    axes[0, 0].legend(fontsize=8)
    return figure


def _both(axis: Any, pair: list[Floats], label: str) -> None:
    real, world = pair
    low, high = np.quantile(np.concatenate(pair), (0.002, 0.998)).tolist()
    edges = np.linspace(low, high, 41)
    axis.hist(real, edges, density=True, color=EXACT_COLOUR, alpha=0.5, label="real")
    axis.hist(world, edges, density=True, color=TRAINED_COLOUR, alpha=0.5, label="world")
    axis.set_xlabel(label, fontsize=8)
    axis.set_yticks([])


def orders_figure(arrays: Arrays) -> Figure:
    """Shares of the bins of every part of an order."""
    figure, axes = chart(2, 2, width=9, height=5)
    for axis, name in zip(axes.ravel(), HEADS, strict=True):
        real, world = arrays[f"orders/{name}"]
        places = np.arange(len(real))
        axis.bar(places - 0.2, real, 0.4, color=EXACT_COLOUR, label="recorded")
        axis.bar(places + 0.2, world, 0.4, color=TRAINED_COLOUR, label="world")
        axis.set_xlabel(f"bin of {name}", fontsize=8)
        axis.set_ylabel("share", fontsize=8)
    axes[0, 0].legend(fontsize=8)
    return figure
