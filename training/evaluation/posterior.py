"""Evaluation of a run whose answer is a distribution: its moments, its trust, its pictures."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from matplotlib.figure import Figure

from ...leaders.gradient.variational import VariationalLeader
from ...leaders.objectives.references import Planted
from ..experiments.experiment import Experiment
from ..loop.inference import trials
from ..runs.posterior_file import has_posterior, load_posterior
from ..runs.run_folder import RunFolder
from ..studies.posterior_figures import PRIOR, corner, coverage_curve, losses, rank_histograms
from ..studies.study import Arrays, Findings

PREFIX = "posterior/"
DRAWS, SEED = 20_000, 1


def posterior_findings(run: RunFolder) -> Findings:
    """Moments and densities of a run's posterior, and its calibration if that was asked for."""
    findings = Findings()
    if not has_posterior(run.path):
        return findings
    posterior = load_posterior(run.path)
    results, arrays, record = findings.results, findings.arrays, posterior.description
    draws = posterior.sample(DRAWS, SEED)
    for column, name in enumerate(posterior.names):
        results[f"{PREFIX}mean/{name}"] = float(draws[:, column].mean())
        results[f"{PREFIX}deviation/{name}"] = float(draws[:, column].std())
        results[f"{PREFIX}prior_deviation/{name}"] = float(posterior.prior_deviation[column])
    results[f"{PREFIX}w"] = float(record["w"])
    total = np.array(record["losses"]) + np.array(record["divergences"]) / record["w"]
    arrays[f"{PREFIX}draws"] = draws
    arrays[f"{PREFIX}prior"] = posterior.sample_prior(DRAWS, SEED + 1)
    arrays[f"{PREFIX}losses"] = total
    arrays[f"{PREFIX}simulations"] = record["draws"] * (1.0 + np.arange(len(total)))
    if (truth := planted_truth(run.experiment)) is not None:
        arrays[f"{PREFIX}truth"] = truth
        results[f"{PREFIX}log_density_of_truth"] = float(posterior.log_prob(truth[None])[0])
        results[f"{PREFIX}log_density_of_truth_under_prior"] = float(
            posterior.prior_log_prob(truth[None])[0]
        )
    leader = run.experiment.leader
    if isinstance(leader, VariationalLeader) and leader.calibrate_posterior:
        weighted = replace(run.experiment, leader=replace(leader, w=record["w"]))
        found = trials(weighted, leader.calibrate_posterior)
        results.update({f"{PREFIX}trust/{k}": v for k, v in found.figures().items()})
        arrays[f"{PREFIX}trust/truths"], arrays[f"{PREFIX}trust/draws"] = found.truths, found.draws
        arrays[f"{PREFIX}trust/credibility"] = found.credibility(seed=0)
    return findings


def posterior_figures(experiment: Experiment, arrays: Arrays) -> dict[str, Figure]:
    """The pictures of what `posterior_findings` found; name -> figure."""
    if f"{PREFIX}draws" not in arrays:
        return {}
    space = experiment.market.characteristics
    free = np.flatnonzero(space.high > space.low)
    names = [space.names[column] for column in free]
    shown = {
        PRIOR: arrays[f"{PREFIX}prior"][:, free],
        "posterior": arrays[f"{PREFIX}draws"][:, free],
    }
    truth = arrays.get(f"{PREFIX}truth")
    curve = arrays[f"{PREFIX}simulations"], arrays[f"{PREFIX}losses"]
    drawn = {
        "posterior": corner(shown, names, None if truth is None else truth[free]),
        "posterior_losses": losses({"loss": curve}),
    }
    if f"{PREFIX}trust/truths" in arrays:
        truths, draws = (arrays[f"{PREFIX}trust/{name}"] for name in ("truths", "draws"))
        drawn["posterior_ranks"] = rank_histograms(truths[:, free], draws[:, :, free], names)
        drawn["posterior_coverage"] = coverage_curve(arrays[f"{PREFIX}trust/credibility"])
    return drawn


def posterior_lines(
    experiment: Experiment, results: dict[str, float]
) -> list[tuple[str, str, str]]:
    """Lines of the result table: label, ours, what it may be compared with."""
    lines = []
    for name in experiment.market.characteristics.names:
        if (key := f"{PREFIX}deviation/{name}") in results:
            prior = results[f"{PREFIX}prior_deviation/{name}"]
            lines.append((f"deviation of {name}", f"{results[key]:.4g}", f"{prior:.4g} (prior)"))
        if (key := f"{PREFIX}trust/coverage_80/{name}") in results:
            shown = f"{results[key]:.2f} ± {1.96 * results[f'{key}_standard_error']:.2f}"
            lines.append((f"coverage of 80 %, {name}", shown, "0.80"))
    if (key := f"{PREFIX}log_density_of_truth") in results:
        prior = results[f"{key}_under_prior"]
        lines.append(("log density of the truth", f"{results[key]:.3g}", f"{prior:.3g} (prior)"))
    return lines


def planted_truth(experiment: Experiment) -> np.ndarray | None:
    """θ that the reference was planted under, ``(d,)``; None: it was not."""
    reference = getattr(experiment.objective, "reference", None)
    if not isinstance(reference, Planted):
        return None
    return experiment.market.characteristics.validate(reference.theta)[0]
