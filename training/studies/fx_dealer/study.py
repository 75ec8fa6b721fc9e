"""The study of currency dealers: learned ladders, hedges and shares against computed ones."""

from __future__ import annotations

from matplotlib.figure import Figure

from ....envs.fx_dealer.market import FxDealer
from ...experiments.experiment import Experiment
from ...policies.policies import Trained
from ..study import Arrays, Findings, Row, Study
from .figures import ladder_figure
from .learned import alone
from .shares import shares

AVERSIONS = (0.001, 0.002, 0.005, 0.01)


def measure(trained: Trained) -> Findings:
    """One dealer: gain, skew, zone and spreads by γ; several: shares and internalisation."""
    market = trained.experiment.market
    assert isinstance(market, FxDealer)
    findings = Findings()
    if market.design == "single" and market.dealers == 1 and market.groups:
        for gamma in (*AVERSIONS, market.pair.risk_aversion):
            _of_one(trained, gamma, findings)
    elif _shared(market):
        findings.results.update(shares(trained))
    return findings


def _shared(market: FxDealer) -> bool:
    """Whether several dealers learn whose types θ says outright."""
    types_known = market.design in ("composition", "connectivity")
    return types_known and market.dealers > 1 and bool(market.groups)


def _of_one(trained: Trained, gamma: float, findings: Findings) -> None:
    """Figures and curves at one aversion to risk."""
    figures, learned, exact = alone(trained, gamma)
    prefix = f"{gamma:g}"
    findings.results.update({f"{prefix}/{name}": value for name, value in figures.items()})
    for name, ladder in (("learned", learned), ("computed", exact)):
        findings.arrays[f"{prefix}/{name}/inventory"] = ladder.inventory
        findings.arrays[f"{prefix}/{name}/markup"] = ladder.markup
        findings.arrays[f"{prefix}/{name}/hedge"] = ladder.hedge


def rows(experiment: Experiment) -> list[Row]:
    """Ours beside the computed figures."""
    market = experiment.market
    assert isinstance(market, FxDealer)
    if _shared(market):
        table = []
        for i in range(1, market.dealers + 1):
            table += [
                Row(f"share of volume of dealer {i}", f"volume_share_{i}"),
                Row("the same, computed", f"computed/volume_share_{i}"),
                Row(f"internalisation of dealer {i}", f"internalisation_{i}"),
                Row("the same, computed", f"computed/internalisation_{i}"),
            ]
        return table
    if market.design != "single" or market.dealers > 1 or not market.groups:
        return []
    gammas = dict.fromkeys((*AVERSIONS, market.pair.risk_aversion))
    table = []
    for gamma in gammas:
        prefix = f"{gamma:g}"
        table += [
            Row(f"gain over the best, γ = {prefix}", f"{prefix}/gain_share", "1", "step game"),
            Row(f"skew at 20 M, error, γ = {prefix}", f"{prefix}/skew_error", "0", "step game"),
            Row(f"no-hedge zone, error, γ = {prefix}", f"{prefix}/zone_error", "0", "step game"),
        ]
    return table


def figures(experiment: Experiment, results: dict[str, float], arrays: Arrays) -> dict[str, Figure]:
    """The ladder over inventories, learned and computed."""
    market = experiment.market
    assert isinstance(market, FxDealer)
    prefix = f"{market.pair.risk_aversion:g}"
    if f"{prefix}/learned/markup" not in arrays:
        return {}
    return {"ladder": ladder_figure([arrays], prefix, market)}


FX_STUDY = Study(measure, rows, figures)
