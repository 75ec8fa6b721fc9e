"""The study of makers and investors: learned quotes and timing against computed ones."""

from __future__ import annotations

from matplotlib.figure import Figure

from ....envs.dealers.market import Dealers
from ...experiments.experiment import Experiment
from ...policies.policies import Trained
from ..study import Arrays, Findings, Row, Study
from .both import together
from .figures import offsets_figure, skew_figure, timing_figure
from .learned import (
    CONNECTED,
    WEIGHTS,
    offsets_in_competition,
    quoting_errors,
    share_target,
    timing,
)

KINDS = {"grid": "nine types", "held_out": "six other types"}


def measure(trained: Trained) -> Findings:
    """Everything that the scenario gives a computed answer to."""
    market = trained.experiment.market
    assert isinstance(market, Dealers)
    findings = Findings()
    if not market.groups:
        return findings
    if market.scenario == "both":
        findings.results.update(together(trained))
        return findings
    kind = kind_of(market)
    if kind == "share":
        findings.results.update(share_target(trained))
    elif kind:
        measured = {
            "quotes": quoting_errors,
            "offsets": offsets_in_competition,
            "timing": timing,
        }[kind]
        results, arrays = measured(trained)
        findings.results.update(results)
        findings.arrays.update(arrays)
    return findings


def kind_of(market: Dealers) -> str:
    """What there is to compare with; empty: nothing."""
    if market.scenario == "investors":
        return "timing"
    if market.answered() is not None and "connectivity" not in market.terms.given:
        return "quotes" if "risk_aversion" not in market.terms.given else ""
    if market.scenario == "makers" and market.makers == 1 and max(market.share_weights) > 0.0:
        return "share"
    return "offsets" if "mean_offset" in market.benchmark() else ""


def rows(experiment: Experiment) -> list[Row]:
    """Ours beside the computed figures."""
    market = experiment.market
    assert isinstance(market, Dealers)
    if not market.groups:
        return []
    if market.scenario == "both":
        return [
            Row("skew at two units long", "skew_at_2", "below 0", "spec of a maker"),
            Row("price deviation where investors bought", "x_bought", "below 0", "timing"),
            Row("price deviation where they sold", "x_sold", "above 0", "timing"),
        ]
    kind = kind_of(market)
    table: list[Row] = []
    if kind == "quotes":
        for name, text in KINDS.items():
            table += [
                Row(f"reward over the best, {text}", f"{name}/reward_share", "1", "exact"),
                Row(f"error of the slope, {text}", f"{name}/slope_error", "0", "exact"),
                Row(f"error of the half-spread, {text}", f"{name}/half_spread_error", "0", "exact"),
            ]
    if kind == "share":
        table = [
            Row("units per taker", "per_taker"),
            Row("units per taker, computed", "computed/per_taker"),
        ]
    if kind == "offsets":
        for c in CONNECTED:
            table += [
                Row(f"mean offset, connectivity {c:g}", f"{c:g}/mean_offset"),
                Row(f"the same, computed, {c:g}", f"{c:g}/computed_mean_offset"),
            ]
    if kind == "timing":
        for w in WEIGHTS:
            table += [
                Row(f"value over the best, w = {w:g}", f"{w:g}/value_share", "1", "exact"),
                Row(f"exact hits, w = {w:g}", f"{w:g}/exact_hits"),
                Row(f"P&L, w = {w:g}", f"{w:g}/profit"),
            ]
    return table


def figures(experiment: Experiment, results: dict[str, float], arrays: Arrays) -> dict[str, Figure]:
    """Skew over inventory, trades over the price, or distributions of offsets."""
    market = experiment.market
    assert isinstance(market, Dealers)
    if not arrays:
        return {}
    kind = kind_of(market)
    if kind == "quotes":
        return {"skew": skew_figure([arrays])}
    if kind == "timing":
        return {"timing": timing_figure(arrays)}
    return {"offsets": offsets_figure([arrays], market.makers)}


DEALERS_STUDY = Study(measure, rows, figures)
