"""Posteriors of observations whose truth is known, by several recipes at the same budget.

The truth is the paper's θ* (`TRUTH`), every observation one series of 100 returns. What is fitted
is w · MMD² against the prior, by 10 simulations in each of 300 epochs; the amortised posterior is
learned once from 10,000 simulations and then reads every observation in milliseconds.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from ....envs.volatility_clustering.market import VolatilityClustering
from ....envs.volatility_clustering.options import TRUTH
from ....leaders.gradient.amortised import Amortised
from ....leaders.gradient.trust import Trials
from ....leaders.leader import Distribution, KeptDistribution
from ...experiments.experiment import Experiment
from ...experiments.load import load_experiment
from ...loop.amortised import amortise, given
from ...loop.inference import infer, trials
from ...loop.weights import Weights

Floats = NDArray[np.float64]
EXPERIMENT = "volatility_clustering_variational"
PATHWISE, SCORE, DEFAULT, AMORTISED = (
    "paper's, pathwise",
    "paper's, score",
    "default, pathwise",
    "amortised",
)
OF_THE_PAPER = ("leader.recipe=paper", "leader.kl_draws=256", "market.steepness=5")
RECIPES: Mapping[str, tuple[str, ...]] = {
    PATHWISE: OF_THE_PAPER,
    SCORE: (*OF_THE_PAPER, "leader.estimator=score"),
    DEFAULT: (),
}
IN_FULL = ("leader.recipe=paper", "market.steepness=5")
"""The paper's with all its 10,000 draws of the KL divergence."""

TRUE = np.array(list(TRUTH.values()))
FIRST_SEED = 200  # of observations and fits; recipes were chosen on others
TRUST_SEED = 300
DRAWS = 20_000
AT_ONCE = 500


@dataclass(frozen=True)
class Budget:
    """How much is done.

    Attributes:
        observations: series under the truth.
        trials: θ of the prior behind the coverage of fitted posteriors.
        weights: w that they are fitted under, the first from the prior.
        amortised_trials: θ of the prior behind the coverage of the amortised one.
        simulations: that it learns from.
        fresh: draws of a posterior that its objective is measured on.
        overrides: changes to the experiment.
    """

    observations: int = 12
    trials: int = 60
    weights: tuple[float, ...] = (1000.0, 250.0, 4000.0)
    amortised_trials: int = 500
    simulations: int = 10_000
    fresh: int = 1500
    overrides: tuple[str, ...] = ()


@dataclass(frozen=True)
class Fitted:
    """One posterior of one observation.

    Attributes:
        posterior: itself.
        density: its log density at the truth.
        deviation: of every characteristic, ``(4,)``.
        correlation: of log σ and log η.
        seconds: of the processor.
        losses: loss + KL / w of every epoch, ``(n,)``; empty for the amortised one.
        objective, error: w · loss + KL on fresh draws, and its standard error.
    """

    posterior: Distribution
    density: float
    deviation: Floats
    correlation: float
    seconds: float
    losses: Floats = field(default_factory=lambda: np.empty(0))
    objective: float = float("nan")
    error: float = float("nan")


@dataclass(frozen=True)
class Found:
    """Everything that the table and the pictures are made of.

    Attributes:
        fits: recipe -> one per observation.
        observations: returns, ``(12, 100)``.
        seconds_in_full: of one fit with the paper's 10,000 draws of the KL divergence.
        learning_seconds: of the amortised posterior, once.
        by_weight: w -> posteriors of θ drawn from the prior.
        amortised: the amortised posteriors of such.
        starts: what a fit begins at -> its losses: the prior, and fits to other series.
    """

    fits: dict[str, list[Fitted]]
    observations: Floats
    seconds_in_full: float
    learning_seconds: float
    by_weight: dict[float, Trials]
    amortised: Trials
    starts: dict[str, Floats]


def measured(budget: Budget) -> Found:
    """Fit all there is to fit, one after another."""
    began = time.process_time()
    learned = amortise(experiment(FIRST_SEED, budget), budget.simulations)
    learning = time.process_time() - began
    print(f"amortised posterior learned, {learning:.0f} s of the processor", flush=True)
    fits: dict[str, list[Fitted]] = {label: [] for label in (*RECIPES, AMORTISED)}
    observations = []
    for number in range(budget.observations):
        for label, found in _one_observation(FIRST_SEED + number, learned, budget).items():
            fits[label].append(found)
        observations.append(returns_of(experiment(FIRST_SEED + number, budget)))
        shown = ", ".join(f"{label} {found[-1].density:.2f}" for label, found in fits.items())
        print(f"observation {number + 1}, log density of the truth: {shown}", flush=True)
    in_full = _fitted(experiment(FIRST_SEED, budget, IN_FULL), 0).seconds
    weights = Weights(experiment(TRUST_SEED, budget))
    by_weight = {}
    for w in budget.weights:
        by_weight[w] = weights.trials(w, budget.trials)
        print(f"w = {w:g}: {len(by_weight[w].truths)} θ of the prior", flush=True)
    trusted = trials(
        experiment(TRUST_SEED, budget),
        budget.amortised_trials,
        lambda planted: given(learned, planted.bound().samples or {}),
    )
    begun = _starts(budget, weights.posteriors(budget.weights[0]))
    return Found(fits, np.stack(observations), in_full, learning, by_weight, trusted, begun)


def experiment(seed: int, budget: Budget, overrides: Sequence[str] = ()) -> Experiment:
    """The shipped experiment with an observation of its own."""
    own = (f"seed={seed}", f"objective.reference.seed={seed}")
    return load_experiment(EXPERIMENT, [*budget.overrides, *overrides, *own])


def returns_of(observed: Experiment) -> Floats:
    """The observed series, ``(T,)``."""
    return np.asarray((observed.bound().samples or {})["return"], dtype=np.float64)


def _one_observation(seed: int, learned: Amortised, budget: Budget) -> dict[str, Fitted]:
    found = {
        label: _fitted(experiment(seed, budget, overrides), budget.fresh)
        for label, overrides in RECIPES.items()
    }
    began = time.process_time()
    posterior = given(learned, experiment(seed, budget).bound().samples or {})
    found[AMORTISED] = Fitted(posterior, *_described(posterior), time.process_time() - began)
    return found


def _fitted(observed: Experiment, fresh: int) -> Fitted:
    began = time.process_time()
    posterior = infer(observed)
    seconds = time.process_time() - began
    objective = _objective(observed, posterior, fresh) if fresh else (float("nan"),) * 2
    return Fitted(posterior, *_described(posterior), seconds, losses_of(posterior), *objective)


def _described(posterior: Distribution) -> tuple[float, Floats, float]:
    """Log density of the truth, deviations, and the correlation of log σ and log η."""
    draws = posterior.sample(DRAWS, seed=1)
    density = float(posterior.log_prob(TRUE[None])[0])
    return density, draws.std(axis=0), float(np.corrcoef(draws[:, 2], draws[:, 3])[0, 1])


def losses_of(posterior: KeptDistribution) -> Floats:
    """Loss + KL / w of every epoch, ``(n,)``."""
    record = posterior.record()
    return np.array(record["losses"]) + np.array(record["divergences"]) / record["w"]


def _objective(observed: Experiment, posterior: Distribution, number: int) -> tuple[float, float]:
    """w · MMD² + log q − log prior over fresh draws: its mean, and standard error of the mean."""
    market, space = observed.market, observed.market.characteristics
    assert isinstance(market, VolatilityClustering)
    theta = posterior.sample(number, seed=2)
    walked = np.clip(theta, space.low, space.high)
    losses = []
    for first in range(0, number, AT_ONCE):
        found = market.simulate(walked[first : first + AT_ONCE], FIRST_SEED + first, tangents=False)
        losses.append(-np.asarray(observed.measure.value({"return": found.returns})))
    leader = observed.leader.posterior_options
    assert leader is not None and not isinstance(leader.w, str)
    prior = posterior.prior_log_prob(theta)  # type: ignore[attr-defined]
    worth = leader.w * np.concatenate(losses) + posterior.log_prob(theta) - prior
    return float(worth.mean()), float(worth.std(ddof=1) / number**0.5)


def _starts(budget: Budget, others: Mapping[int, KeptDistribution]) -> dict[str, Floats]:
    """Losses of one observation's fit from the prior, and from posteriors of two other series."""
    observed = experiment(FIRST_SEED, budget)
    depths = {trial: other.mean()[3] for trial, other in others.items()}
    low, high = min(depths, key=depths.__getitem__), max(depths, key=depths.__getitem__)
    begun = {
        "begun at the prior": None,
        "at a posterior of a deep market": others[high],
        "at that of a shallow one": others[low],
    }
    return {label: losses_of(infer(observed, start)) for label, start in begun.items()}
