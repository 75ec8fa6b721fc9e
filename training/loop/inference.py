"""A leader that infers, fitted without a run folder: for posteriors by the dozen."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from ...envs.core.errors import PacesetterError
from ...envs.core.market import Market
from ...leaders.gradient.posterior import Posterior
from ...leaders.gradient.trust import Trials, coverage
from ...leaders.gradient.variational import VariationalLeader
from ...leaders.leader import Measured, Question
from ...leaders.objectives.references import Samples, UnfitReferenceError
from ..derivatives.derive import derive
from ..experiments.experiment import Experiment
from ..policies.policies import Policies
from ..ppo.sampler import SEEDS_PER_EXPERIMENT

Floats = NDArray[np.float64]
DERIVATIVE_SEED = 500_000  # away from those of the copies that followers learn in
OBSERVATION_SEED = 700_000
DRAWS_PER_TRIAL = 499  # with the truth five hundred ranks, which bins divide


def answered(
    experiment: Experiment, policies: Policies, question: Question, iteration: int
) -> Measured:
    """The answer to a leader's question in an iteration.

    Shocks are fresh in every iteration, and the same in a run that was resumed.
    """
    seed = DERIVATIVE_SEED + experiment.seed * SEEDS_PER_EXPERIMENT
    return derive(experiment, policies, question, seed + iteration * question.seeds)


def infer(experiment: Experiment) -> Posterior:
    """The posterior of an experiment in which nobody learns but a variational leader.

    The same as that of a run of the experiment, number for number.

    Raises:
        PacesetterError: followers learn, the leader is another, or the fit diverges.
    """
    leader = experiment.leader
    if experiment.market.groups or not isinstance(leader, VariationalLeader):
        raise PacesetterError(
            f"{experiment.name}: a posterior is inferred without a run by leader.name: variational "
            "alone, in a market in which nobody learns."
        )
    guide = leader.guide(
        experiment.market.characteristics, experiment.seed, experiment.training.iterations
    )
    policies = Policies.untrained(experiment)
    for iteration in range(experiment.training.iterations):
        told = answered(experiment, policies, guide.question(), iteration)
        guide.learn(told, last=iteration == experiment.training.iterations - 1)
    return guide.posterior()


def trials(experiment: Experiment, number: int) -> Trials:
    """Posteriors of as many observations, each simulated under a θ drawn from the prior.

    An observation is as long as the experiment's own, of whole episodes. One that the objective
    cannot use, a constant series for instance, is left out.

    Args:
        experiment: its objective compares with a sample.
        number: of θ; each costs a fit.

    Raises:
        PacesetterError: the objective compares with nothing, or can use fewer than two.
    """
    truths, draws, density, prior_density = [], [], [], []
    posterior = None
    for trial, (theta, samples) in enumerate(_observations(experiment, number)):
        planted = replace(experiment, samples=samples, seed=experiment.seed + trial)
        try:
            planted.game()
        except UnfitReferenceError:
            continue
        posterior = infer(planted)
        truths.append(theta)
        draws.append(posterior.sample(DRAWS_PER_TRIAL, seed=trial))
        density.append(posterior.log_prob(theta[None])[0])
        prior_density.append(posterior.prior_log_prob(theta[None])[0])
    if posterior is None or len(truths) < 2:
        raise PacesetterError(
            f"{experiment.name}: {len(truths)} of {number} θ drawn from the prior gave an "
            "observation that the objective can use; a calibration needs two. Narrow the prior."
        )
    return Trials(
        posterior.names,
        np.stack(truths),
        np.stack(draws),
        posterior.prior_deviation,
        np.array(density),
        np.array(prior_density),
    )


def covered(experiment: Experiment, w: float, number: int, level: float = 0.8) -> float:
    """Share of θ drawn from the prior within their intervals under a weight w."""
    assert isinstance(experiment.leader, VariationalLeader)
    found = trials(replace(experiment, leader=replace(experiment.leader, w=w)), number)
    share, _ = coverage(found.truths, found.draws, level)
    return float(share[found.scale > 0].mean())


def _observations(experiment: Experiment, number: int) -> Iterator[tuple[Floats, Samples]]:
    """θ of the prior, ``(d,)``, and what is observed under it."""
    assert isinstance(experiment.leader, VariationalLeader)
    lengths = {name: len(sample) for name, sample in (experiment.bound().samples or {}).items()}
    if not lengths:
        raise PacesetterError(
            f"{experiment.name}: objective {experiment.objective.name!r} compares with no sample, "
            "so that none can be planted; calibrate a posterior with an objective that has a "
            "reference."
        )
    space = experiment.market.characteristics
    mean, deviation = experiment.leader.prior.on(space)
    generator = np.random.default_rng((experiment.seed, 3))
    for trial in range(number):
        drawn = mean + deviation * generator.standard_normal(len(mean))
        theta = np.clip(drawn, space.low, space.high)
        seed = OBSERVATION_SEED + experiment.seed * SEEDS_PER_EXPERIMENT + 1000 * trial
        yield theta, observe(experiment.market, theta, lengths, seed)


def observe(market: Market, theta: Floats, lengths: dict[str, int], seed: int) -> Samples:
    """Series of path quantities under θ ``(d,)``, episode after episode, each of its length."""
    found: dict[str, list[Floats]] = {name: [] for name in lengths}
    while any(sum(map(len, found[name])) < length for name, length in lengths.items()):
        for name, path in _paths(market, theta[None], seed).items():
            if name in found:
                found[name].append(path.reshape(-1))
        seed += 1
    return {name: np.concatenate(found[name])[:length] for name, length in lengths.items()}


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
