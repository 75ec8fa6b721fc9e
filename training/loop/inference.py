"""A leader that infers, fitted without a run folder: for posteriors by the dozen."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from ...envs.core.errors import PacesetterError
from ...envs.core.market import Market
from ...leaders.gradient.recipes import NormalPrior, log_density_of_prior
from ...leaders.gradient.trust import Trials
from ...leaders.gradient.variational_guide import DivergedError
from ...leaders.leader import (
    Distribution,
    GuideWithPosterior,
    KeptDistribution,
    Measured,
    Question,
)
from ...leaders.objectives.references import Samples, UnfitReferenceError
from ..derivatives.derive import derive
from ..experiments.experiment import Experiment
from ..policies.policies import Policies
from ..ppo.seeds import SEEDS_PER_EXPERIMENT

Floats = NDArray[np.float64]
DERIVATIVE_SEED = 500_000  # away from those of the copies that followers learn in
OBSERVATION_SEED = 700_000
DRAWS_PER_TRIAL = 499  # with the truth five hundred ranks, which bins divide


def answered(
    experiment: Experiment, policies: Policies, question: Question, iteration: int
) -> Measured:
    """The answer to a leader's question in an iteration.

    Shocks are fresh in every iteration, unless the leader wants the same ones, or those of a bank
    in turn; a run that was resumed meets those that it would have met.
    """
    seed = DERIVATIVE_SEED + experiment.seed * SEEDS_PER_EXPERIMENT
    number = iteration if question.bank is None else iteration % question.bank
    passed = number * question.seeds if question.fresh else 0
    return derive(experiment, policies, question, seed + passed)


def infer(experiment: Experiment, start: KeptDistribution | None = None) -> KeptDistribution:
    """The posterior of an experiment in which nobody learns but a variational leader.

    The same as that of a run of the experiment, number for number.

    Args:
        experiment: of whose training settings the iterations count.
        start: another posterior of the same θ and family to begin at; None: at the prior.

    Raises:
        PacesetterError: followers learn, the leader is another, or the fit diverges.
    """
    if experiment.market.groups or experiment.leader.posterior_options is None:
        raise PacesetterError(
            f"{experiment.name}: a posterior is inferred without a run by leader.name: variational "
            "alone, in a market in which nobody learns."
        )
    guide = experiment.guide()
    assert isinstance(guide, GuideWithPosterior)
    if start is not None:
        guide.begin_at(start)
    policies = Policies.untrained(experiment)
    for iteration in range(experiment.training.iterations):
        question = guide.question()
        assert question is not None
        told = answered(experiment, policies, question, iteration)
        guide.learn(told, last=iteration == experiment.training.iterations - 1)
    return guide.posterior()


def trials(
    experiment: Experiment,
    number: int,
    posterior_of: Callable[[Experiment], Distribution] = infer,
) -> Trials:
    """Posteriors of as many observations, each simulated under a θ drawn from the prior.

    An observation is as long as the experiment's own, of whole episodes. One that the objective
    cannot use, a constant series for instance, or whose fit diverges, is left out and counted.

    Args:
        experiment: its objective compares with a sample.
        number: of θ; each costs a fit.
        posterior_of: from the experiment with another observation to its posterior.

    Raises:
        PacesetterError: the objective compares with nothing, or can use fewer than two.
    """
    truths, draws, density, lost = [], [], [], 0
    for trial, (theta, samples) in enumerate(_observations(experiment, number)):
        planted = replace(experiment, samples=samples, seed=experiment.seed + trial)
        try:
            planted.game()
            posterior = posterior_of(planted)
        except (UnfitReferenceError, DivergedError):
            lost += 1
            continue
        truths.append(theta)
        draws.append(posterior.sample(DRAWS_PER_TRIAL, seed=trial))
        density.append(posterior.log_prob(theta[None])[0])
    if len(truths) < 2:
        raise PacesetterError(
            f"{experiment.name}: {len(truths)} of {number} θ drawn from the prior gave an "
            "observation that the objective can use; a calibration needs two. Narrow the prior."
        )
    mean, deviation = prior_of(experiment)
    return Trials(
        experiment.market.characteristics.names,
        np.stack(truths),
        np.stack(draws),
        deviation,
        np.array(density),
        log_density_of_prior(np.stack(truths), mean, deviation),
        lost,
    )


def _observations(experiment: Experiment, number: int) -> Iterator[tuple[Floats, Samples]]:
    """θ of the prior, ``(d,)``, and what is observed under it."""
    lengths = observed_lengths(experiment)
    generator = np.random.default_rng((experiment.seed, 3))
    theta = prior_draws(experiment, number, generator)
    seed = OBSERVATION_SEED + experiment.seed * SEEDS_PER_EXPERIMENT
    for trial, row in enumerate(theta):
        first = seed + trial * episodes_of(experiment.market, lengths)
        seen = observe(experiment.market, row[None], lengths, first)
        yield row, {name: series[0] for name, series in seen.items()}


def observed_lengths(experiment: Experiment) -> dict[str, int]:
    """How much is observed: path quantity -> numbers.

    Raises:
        PacesetterError: the objective compares with nothing.
    """
    lengths = {name: len(sample) for name, sample in (experiment.bound().samples or {}).items()}
    if not lengths:
        raise PacesetterError(
            f"{experiment.name}: objective {experiment.objective.name!r} compares with no sample, "
            "so that none can be planted; calibrate a posterior with an objective that has a "
            "reference."
        )
    return lengths


def episodes_of(market: Market, lengths: Mapping[str, int]) -> int:
    """Episodes, and so seeds, that an observation may take."""
    return max(lengths.values()) // market.steps_per_episode + 1


def prior_draws(experiment: Experiment, number: int, generator: np.random.Generator) -> Floats:
    """θ of the leader's prior within the market's bounds, ``(number, d)``."""
    space = experiment.market.characteristics
    mean, deviation = prior_of(experiment)
    drawn = mean + deviation * generator.standard_normal((number, len(mean)))
    return np.clip(drawn, space.low, space.high)


def prior_of(experiment: Experiment) -> tuple[Floats, Floats]:
    """Mean and deviation of the leader's prior, or of that which bounds imply, ``(d,)`` each."""
    options = experiment.leader.posterior_options
    prior = NormalPrior() if options is None else options.prior
    return prior.on(experiment.market.characteristics)


def observe(market: Market, theta: Floats, lengths: dict[str, int], seed: int) -> dict[str, Floats]:
    """Series of path quantities under every θ, ``(B, d)``, of whole episodes cut to length.

    Returns:
        name -> ``(B, length)``.
    """
    found: dict[str, list[Floats]] = {name: [] for name in lengths}
    while any(sum(p.shape[1] for p in found[name]) < length for name, length in lengths.items()):
        for name, path in _paths(market, theta, seed).items():
            if name in found:
                found[name].append(path.reshape(len(theta), -1))
        seed += len(theta)
    return {name: np.concatenate(found[name], axis=1)[:, :n] for name, n in lengths.items()}


def _paths(market: Market, theta: Floats, seed: int) -> dict[str, Floats]:
    """Path quantities of an episode per row of θ, name -> ``(B, T, …)``."""
    if (walked := market.paths(theta, seed)) is not None:
        return {name: np.asarray(path) for name, path in walked.quantities.items()}
    state, steps = market.reset(seed, len(theta), theta), []
    for _ in range(market.steps_per_episode):
        step = market.step(state, {})
        state = step.state
        steps.append(step.quantities)
    return {name: np.stack([step[name] for step in steps], axis=1) for name in steps[0]}
