"""The table of posteriors: what they say of the truth, what they cost, and what w does to them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ....leaders.gradient.trust import LEVELS
from ...runs.machine import machine
from ...runs.whole_files import write_json, write_whole
from ..charts import save
from ..resampling import Estimate, bootstrap_interval
from .posterior_claims import NAMES, verdicts
from .posterior_figures import pictures
from .posterior_fits import AMORTISED, FIRST_SEED, TRUST_SEED, Budget, Fitted, Found, measured
from .verdicts import Verdict, verdict_lines

NAME = "volatility_clustering_posterior"
Floats = NDArray[np.float64]


def reproduced(runs: Path, out: Path, jobs: int, seeds: int | None) -> dict[str, float]:
    """The table, in this process alone, as seconds are compared; `seeds` are observations."""
    budget = Budget() if seeds is None else replace(Budget(), observations=max(2, seeds))
    return posterior_table(out, budget)


def posterior_table(out: Path, budget: Budget) -> dict[str, float]:
    """Measure, and write table, figures and pictures into the folder `out`."""
    out.mkdir(parents=True, exist_ok=True)
    found = measured(budget)
    judged = verdicts(found)
    figures = _figures(found) | {f"claims/{one.what}": float(one.kept) for one in judged}
    command = f"pacesetter reproduce {NAME}"
    if budget.observations < Budget().observations:
        command += f" --seeds {budget.observations}"
    made = {"command": command, "machine": machine(), "figures": figures}
    write_json(out / f"{NAME}.json", made)
    drawn = pictures(found)
    for name, figure in drawn.items():
        save(figure, out / f"{NAME}_{name}.png")
    lines = _lines(found, judged, budget, command)
    for name, said in zip(drawn, CAPTIONS, strict=True):
        lines += [f"{said}", "", f"![{name.replace('_', ' ')}]({NAME}_{name}.png)", ""]
    write_whole(out / f"{NAME}.md", "\n".join(lines))
    return figures


CAPTIONS = (
    "Posteriors of the first observation: half and nine tenths of the draws, truth dashed.",
    "Loss + KL / w of the first observation against simulations.",
    "The same of the default recipe, begun at the prior and at posteriors of two other series.",
    "Log prices under draws of the prior and of posteriors, with the observed ones in black.",
    "The first series again under the same shocks: posterior means, and the error that is left.",
    "Ranks of truths among draws of their posteriors by the default recipe, w = 1000; grey: where "
    "95 % of the bars of uniform ranks would end.",
    "The same of the amortised posterior.",
    "What central intervals cover under several w, with intervals of 95 %.",
)


def _figures(found: Found) -> dict[str, float]:
    figures: dict[str, float] = {
        "paper_in_full/seconds": found.seconds_in_full,
        f"{AMORTISED}/learning_seconds": found.learning_seconds,
    }
    for label, fits in found.fits.items():
        for number, fit in enumerate(fits):
            figures[f"{label}/log_density/{number}"] = fit.density
        figures |= _median([fit.density for fit in fits]).named(f"{label}/log_density")
        figures[f"{label}/seconds"] = float(np.median([fit.seconds for fit in fits]))
        for name, one in zip(NAMES, _deviations(fits), strict=True):
            figures[f"{label}/deviation/{name}"] = float(one)
        figures[f"{label}/correlation"] = float(np.mean([fit.correlation for fit in fits]))
    for w, trials in found.by_weight.items():
        figures |= {f"w_{w:g}/{name}": one for name, one in trials.figures().items()}
    figures |= {f"{AMORTISED}/trust/{k}": one for k, one in found.amortised.figures().items()}
    return figures


def _median(values: Sequence[float]) -> Estimate:
    found = np.asarray(values)
    low, high = bootstrap_interval(np.median, found)
    return Estimate(float(np.median(found)), float(low), float(high))


def _deviations(fits: Sequence[Fitted]) -> Floats:
    """Mean over observations of every characteristic's deviation, ``(4,)``."""
    return np.stack([fit.deviation for fit in fits]).mean(axis=0)


# The page -----------------------------------------------------------------------------------------


def _lines(found: Found, judged: Sequence[Verdict], budget: Budget, command: str) -> list[str]:
    number = budget.observations
    return [
        "# Posteriors of one series of returns",
        "",
        f"Made with `{command}`. {number} observations of 100 returns under θ* = (0.1, 0.5, 0.5, "
        f"0.2), seeds {FIRST_SEED} to {FIRST_SEED + number - 1}, on which nothing was chosen; "
        "w = 1000, 10 simulations in each of 300 epochs. Dyer et al. (2023) report a log density "
        "of the truth of 0.16 (pathwise) and −2.31 (score) for one observation; that of the prior "
        "is −3.95. Of their recipe everything is kept but the draws of the KL divergence, 256 in "
        "place of 10,000, which only adds noise to a term of weight 1/1000.",
        "",
        *_recipes(found),
        *verdict_lines(judged),
        *_trust(found),
    ]


def _recipes(found: Found) -> list[str]:
    lines = [
        "| recipe | log q(θ*), median [95 %] | lowest … highest | sd of log α, β, σ, η | "
        "correlation of σ and η | w · loss + KL on fresh draws | processor seconds, median |",
        "|---|---|---|---|---|---|---|",
    ]
    for label, fits in found.fits.items():
        densities = [fit.density for fit in fits]
        seconds = np.median([fit.seconds for fit in fits])
        took = f"{seconds:.3g}"
        if label == AMORTISED:
            took = f"{found.learning_seconds:.3g} once, then {seconds:.1g}"
        objective = np.mean([fit.objective for fit in fits])
        lines.append(
            f"| {label} | {_median(densities)} | {min(densities):.3g} … {max(densities):.3g} "
            f"| {' '.join(f'{one:.2g}' for one in _deviations(fits))} "
            f"| {np.mean([fit.correlation for fit in fits]):.2f} "
            f"| {'' if np.isnan(objective) else f'{objective:.3g}'} | {took} |"
        )
    return [*lines, ""]


def _trust(found: Found) -> list[str]:
    first = next(iter(found.by_weight.values()))
    levels = " / ".join(f"{level:.0%}" for level in LEVELS)
    lines = [
        f"What w does to a posterior's width: {len(first.truths)} θ drawn from the prior (seed "
        f"{TRUST_SEED}), each with a series and its posterior by the default recipe; "
        f"{len(found.amortised.truths)} for the amortised posterior. Central intervals of {levels} "
        "cover, ± half of an interval of 95 % for the share; TARP likewise; `chance` is that of "
        "ranks at least as uneven were they uniform. Of the weights but the first, fits begin at "
        "those of another weight and take a quarter of the epochs, which over "
        "a factor of four is a little less exact. One θ far out in the prior may "
        "make a mean of log q what it is.",
        "",
        f"| posterior | {' | '.join(NAMES)} | TARP | chance of the ranks "
        "| log q(θ), mean; median; least |",
        f"|---|{'---|' * len(NAMES)}---|---|---|",
    ]
    named = {f"w = {w:g}": trials for w, trials in sorted(found.by_weight.items())}
    for label, trials in (named | {AMORTISED: found.amortised}).items():
        figures = trials.figures()
        columns = [_covers(figures, f"coverage_{{}}/{name}") for name in NAMES]
        columns.append(_covers(figures, "tarp_{}"))
        chances = " ".join(f"{figures[f'rank_chance/{name}']:.2g}" for name in NAMES)
        lines.append(
            f"| {label} | {' | '.join(columns)} | {chances} | {figures['log_density']:.2f}; "
            f"{figures['log_density_median']:.2f}; {trials.density.min():.4g} |"
        )
    return [*lines, ""]


def _covers(figures: dict[str, float], key: str) -> str:
    parts = []
    for level in LEVELS:
        name = key.format(round(100 * level))
        error = figures[f"{name}_standard_error"]
        parts.append(f"{figures[name]:.2f} ± {1.96 * error:.2f}")
    return " / ".join(parts)
