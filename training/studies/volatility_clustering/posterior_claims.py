"""What posteriors of the volatility market must show, and whether they do."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from ....envs.volatility_clustering.options import PAPER
from ....leaders.gradient.trust import LEVELS
from .posterior_fits import AMORTISED, DEFAULT, PATHWISE, SCORE, Fitted, Found
from .verdicts import Verdict, at_most

Floats = NDArray[np.float64]
NAMES = PAPER
EARLY = 100  # epochs, of 10 simulations each
WINDOW = 10


def verdicts(found: Found) -> list[Verdict]:
    """Every line that posteriors are held to."""
    return [verdict for judge in JUDGES for verdict in judge(found)]


def _of_the_paper(found: Found) -> list[Verdict]:
    pathwise, score = (_densities(found.fits[label]) for label in (PATHWISE, SCORE))
    above, number = int((pathwise > score).sum()), len(pathwise)
    least = int(np.ceil(11 * number / 12))
    apart = float(np.median(pathwise) - np.median(score))
    middle = float(np.median(pathwise))
    deviations = np.stack([fit.deviation for fit in found.fits[PATHWISE]]).mean(axis=0)
    wide = deviations[:2]
    return [
        Verdict("log q(θ*), paper's, pathwise, median", f"{middle:.2f}", "≥ 0.3", middle >= 0.3),
        Verdict("… above that by the score", f"{above} of {number}", f"≥ {least}", above >= least),
        Verdict("… nats between the medians", f"{apart:.2f}", "≥ 2", apart >= 2.0),
        Verdict(
            "sd of log α, log β, paper's, pathwise",
            f"{wide[0]:.2f}, {wide[1]:.2f}",
            "0.8 … 1.1",
            bool(((wide >= 0.8) & (wide <= 1.1)).all()),
        ),
        at_most("sd of log σ, paper's, pathwise", float(deviations[2]), 0.25),
        at_most("sd of log η, paper's, pathwise", float(deviations[3]), 0.1),
    ]


def _convergence(found: Found) -> list[Verdict]:
    """The mean loss of ten epochs before 1,000 simulations against that of the last ten."""
    fits = found.fits[PATHWISE]
    left = np.array(
        [one.losses[:EARLY][-WINDOW:].mean() - one.losses[-WINDOW:].mean() for one in fits]
    )
    return [
        at_most("loss that is left to fall after 1,000 simulations, median", np.median(left), 0.01)
    ]


def _of_the_default(found: Found) -> list[Verdict]:
    """Its objective on fresh draws beside the paper's recipe, and what it costs."""
    pairs = list(zip(found.fits[DEFAULT], found.fits[PATHWISE], strict=True))
    better = sum(
        one.objective <= other.objective + np.hypot(one.error, other.error) for one, other in pairs
    )
    least = int(np.ceil(0.8 * len(pairs)))
    return [
        Verdict(
            "default's w · loss + KL at most paper's + 1 s.e.",
            f"{better} of {len(pairs)}",
            f"≥ {least}",
            better >= least,
        ),
        at_most("seconds, default", _seconds(found.fits[DEFAULT]), 10.0),
        at_most("seconds, paper's, 256 draws of the KL", _seconds(found.fits[PATHWISE]), 10.0),
        at_most("seconds, paper's, 10,000 draws of the KL", found.seconds_in_full, 10.0),
    ]


def _of_the_amortised(found: Found) -> list[Verdict]:
    mean = float(found.amortised.density.mean())
    middle = float(np.median(_densities(found.fits[AMORTISED])))
    figures = found.amortised.figures()
    off = max(
        abs(figures[f"coverage_{round(100 * level)}/{name}"] - level)
        for level in LEVELS
        for name in NAMES
    )
    seconds = found.learning_seconds + sum(fit.seconds for fit in found.fits[AMORTISED])
    return [
        Verdict("amortised: log q(θ), mean over the prior", f"{mean:.2f}", "≥ −0.3", mean >= -0.3),
        Verdict("amortised: log q(θ*), median", f"{middle:.2f}", "≥ 1", middle >= 1.0),
        at_most("amortised: coverage off nominal, farthest", off, 0.06),
        at_most("amortised: seconds in all", seconds, 60.0),
    ]


JUDGES: tuple[Callable[[Found], list[Verdict]], ...] = (
    _of_the_paper,
    _convergence,
    _of_the_default,
    _of_the_amortised,
)


def _densities(fits: list[Fitted]) -> Floats:
    return np.array([fit.density for fit in fits])


def _seconds(fits: list[Fitted]) -> float:
    return float(np.median([fit.seconds for fit in fits]))
