"""Evaluation of a run whose answer is a distribution: its moments, its trust, its pictures.

Beside the posterior of the run stands an amortised one, where that is asked for: both infer the
same θ from the same sample, by a distance and by statistics.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from matplotlib.figure import Figure

from ...leaders.gradient.amortised import Amortised
from ...leaders.gradient.recipes import log_density_of_prior
from ...leaders.gradient.trust import Trials
from ...leaders.leader import Distribution
from ...leaders.objectives.references import Planted
from ..experiments.experiment import Experiment
from ..loop.amortised import amortise, given
from ..loop.inference import prior_of, trials
from ..runs.posterior_file import has_posterior, load_posterior, save_amortised
from ..runs.run_folder import RunFolder
from ..studies.posterior_figures import PRIOR, corner, coverage_curve, losses, rank_histograms
from ..studies.study import Arrays, Findings

OWN, AMORTISED = "posterior", "amortised"
PREFIXES = (f"{OWN}/", f"{AMORTISED}/")
DRAWS, SEED = 20_000, 1
AMORTISED_TRIALS = 500  # milliseconds each


def posterior_findings(run: RunFolder) -> Findings:
    """Moments and densities of a run's posterior, and its calibration if that was asked for."""
    findings = Findings()
    experiment, leader = run.experiment, run.experiment.leader.posterior_options
    if not has_posterior(run.path) or leader is None:
        return findings
    posterior = load_posterior(run.path)
    record = posterior.description
    _describe(OWN, posterior, experiment, findings)
    findings.results[f"{OWN}/w"] = float(record["w"])
    total = np.array(record["losses"]) + np.array(record["divergences"]) / record["w"]
    findings.arrays[f"{OWN}/prior"] = posterior.sample_prior(DRAWS, SEED + 1)
    findings.arrays[f"{OWN}/losses"] = total
    findings.arrays[f"{OWN}/simulations"] = record["draws"] * (1.0 + np.arange(len(total)))
    if leader.calibrate_posterior:
        weighted = replace(experiment, leader=replace(leader, w=record["w"]))
        _keep_trials(OWN, trials(weighted, leader.calibrate_posterior), findings)
    if leader.amortised_simulations:
        amortised = amortise(experiment, leader.amortised_simulations)
        save_amortised(run.path, amortised)
        _beside(amortised, experiment, findings, bool(leader.calibrate_posterior))
    return findings


def _beside(
    amortised: Amortised, experiment: Experiment, findings: Findings, calibrated: bool
) -> None:
    """The amortised posterior of what was observed, and its calibration."""

    def posterior_of(observed: Experiment) -> Distribution:
        return given(amortised, observed.bound().samples or {})

    _describe(AMORTISED, posterior_of(experiment), experiment, findings)
    if calibrated:
        found = trials(experiment, AMORTISED_TRIALS, posterior_of)
        _keep_trials(AMORTISED, found, findings)


def _describe(
    label: str, posterior: Distribution, experiment: Experiment, findings: Findings
) -> None:
    results, draws = findings.results, posterior.sample(DRAWS, SEED)
    mean, deviation = prior_of(experiment)
    for column, name in enumerate(experiment.market.characteristics.names):
        results[f"{label}/mean/{name}"] = float(draws[:, column].mean())
        results[f"{label}/deviation/{name}"] = float(draws[:, column].std())
        results[f"{label}/prior_deviation/{name}"] = float(deviation[column])
    findings.arrays[f"{label}/draws"] = draws
    if (truth := planted_truth(experiment)) is not None:
        findings.arrays[f"{label}/truth"] = truth
        prior = log_density_of_prior(truth[None], mean, deviation)[0]
        results[f"{label}/log_density_of_truth"] = float(posterior.log_prob(truth[None])[0])
        results[f"{label}/log_density_of_truth_under_prior"] = float(prior)


def _keep_trials(label: str, found: Trials, findings: Findings) -> None:
    findings.results.update({f"{label}/trust/{k}": v for k, v in found.figures().items()})
    findings.arrays[f"{label}/trust/truths"] = found.truths
    findings.arrays[f"{label}/trust/draws"] = found.draws.astype(np.float32)
    findings.arrays[f"{label}/trust/credibility"] = found.credibility(seed=0)


def posterior_figures(experiment: Experiment, arrays: Arrays) -> dict[str, Figure]:
    """The pictures of what `posterior_findings` found; name -> figure."""
    if f"{OWN}/draws" not in arrays:
        return {}
    space = experiment.market.characteristics
    free = np.flatnonzero(space.high > space.low)
    names = [space.names[column] for column in free]
    shown = {PRIOR: arrays[f"{OWN}/prior"][:, free]}
    for label in (OWN, AMORTISED):
        if f"{label}/draws" in arrays:
            shown[label] = arrays[f"{label}/draws"][:, free]
    truth = arrays.get(f"{OWN}/truth")
    curve = arrays[f"{OWN}/simulations"], arrays[f"{OWN}/losses"]
    drawn = {
        OWN: corner(shown, names, None if truth is None else truth[free]),
        f"{OWN}_losses": losses({"loss": curve}),
    }
    for label in (OWN, AMORTISED):
        if f"{label}/trust/truths" in arrays:
            truths, draws = (arrays[f"{label}/trust/{name}"] for name in ("truths", "draws"))
            drawn[f"{label}_ranks"] = rank_histograms(truths[:, free], draws[:, :, free], names)
            drawn[f"{label}_coverage"] = coverage_curve(arrays[f"{label}/trust/credibility"])
    return drawn


def posterior_lines(
    experiment: Experiment, results: dict[str, float]
) -> list[tuple[str, str, str]]:
    """Lines of the result table: label, ours, what it may be compared with."""
    lines = []
    for label in (OWN, AMORTISED):
        for name in experiment.market.characteristics.names:
            if (key := f"{label}/deviation/{name}") in results:
                prior = f"{results[f'{label}/prior_deviation/{name}']:.4g} (prior)"
                lines.append((f"{label}: deviation of {name}", f"{results[key]:.4g}", prior))
            if (key := f"{label}/trust/coverage_80/{name}") in results:
                half = 1.96 * results[f"{key}_standard_error"]
                shown = f"{results[key]:.2f} ± {half:.2f}"
                lines.append((f"{label}: coverage of 80 %, {name}", shown, "0.80"))
        if (key := f"{label}/log_density_of_truth") in results:
            prior = f"{results[f'{key}_under_prior']:.3g} (prior)"
            lines.append((f"{label}: log density of the truth", f"{results[key]:.3g}", prior))
    return lines


def planted_truth(experiment: Experiment) -> np.ndarray | None:
    """θ that the reference was planted under, ``(d,)``; None: it was not."""
    reference = getattr(experiment.objective, "reference", None)
    if not isinstance(reference, Planted):
        return None
    return experiment.market.characteristics.validate(reference.theta)[0]
