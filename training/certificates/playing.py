"""Playing for a certificate: what a follower nets and what a leader gets, episode by episode."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from gymnasium.spaces import Discrete
from numpy.typing import NDArray

from ..experiments.experiment import Experiment
from ..policies import distributions
from ..policies.actions import to_action_space
from ..policies.play import Theta, play
from ..policies.policies import Policies
from .market import Deviation, Led

Floats = NDArray[np.float64]
LEAST_EPISODES, MOST_EPISODES = 40, 1000  # an interval over fewer says little, over more no more
DECISIONS = 500_000  # of all followers in between: what a market steps through in no time
TIMES = 5  # of the episodes of an evaluation, at most: what the user found affordable
SELECTION, JUDGEMENT = 600_000, 700_000
"""Seeds from that of the evaluation on: of the episodes that choose, and of those that judge."""
CHOOSING = 0.25  # of the episodes that judge: as many tell the leader which θ to go on with


def episodes_of(experiment: Experiment) -> tuple[int, int]:
    """Copies, and episodes of each, that a certificate plays: at least those of an evaluation."""
    settings, market = experiment.evaluation, experiment.market
    whole = market.market if isinstance(market, Led) else market
    decisions = whole.steps_per_episode * max(1, sum(group.size for group in whole.groups))
    affordable = TIMES * settings.copies * settings.episodes
    number = min(DECISIONS // decisions, MOST_EPISODES, affordable)
    number = max(number, LEAST_EPISODES)
    return settings.copies, max(settings.episodes, -(-number // settings.copies))


def objective_of(experiment: Experiment, policies: Policies, theta: Theta, offset: int) -> Floats:
    """The leader's objective, mean over the intervals of every episode, ``(episodes,)``.

    Args:
        experiment: its market, objective and evaluation settings.
        policies: how followers behave.
        theta: what stands, or the leader.
        offset: `SELECTION` or `JUDGEMENT`.
    """
    copies, episodes = episodes_of(experiment)
    if offset == SELECTION:
        episodes = max(round(CHOOSING * episodes), -(-LEAST_EPISODES // copies))
    seed = experiment.evaluation.seed + offset
    played = play(
        replace(experiment, evaluation=replace(experiment.evaluation, seed=seed)),
        policies,
        theta,
        copies,
        episodes,
    )
    paid = np.bincount(played.episode, weights=played.objective, minlength=copies * episodes)
    return paid / np.maximum(np.bincount(played.episode, minlength=copies * episodes), 1)


def net_rewards(
    experiment: Experiment, policies: Policies | None, theta: Floats, offset: int, greedy: bool
) -> Floats:
    """What the deviator nets in every episode, ``(episodes,)``: its return per step.

    A discount weighs the steps of an episode; with none (0), as of followers for whom every step
    stands alone, all count alike. See `net_steps` for the arguments.
    """
    steps = net_steps(experiment, policies, theta, offset, greedy)  # (E, T, B)
    weights = (experiment.followers.discount or 1.0) ** np.arange(steps.shape[1])
    return np.einsum("etb,t->eb", steps, weights).ravel() / weights.sum()


def net_steps(
    experiment: Experiment,
    policies: Policies | None,
    theta: Floats,
    offset: int,
    greedy: bool = False,
    luck: int = 0,
) -> Floats:
    """What the deviator nets in every step, information paid for, ``(E, T, B)``.

    What follows the natural end of an episode counts as nothing.

    Args:
        experiment: of a `Deviation`.
        policies: who decides for the deviator; None: chance, evenly over all that is allowed.
        theta: where a leader does not move it, ``(d,)``.
        offset: `SELECTION` or `JUDGEMENT`.
        greedy: it does what is most likely, and does not explore.
        luck: which of several that draw differently in the same episodes; 0, 1, ….
    """
    market = experiment.market
    assert isinstance(market, Deviation)
    copies, episodes = episodes_of(experiment)
    seed = experiment.evaluation.seed + offset
    generator = torch.Generator().manual_seed(seed + 1 + luck)
    state = market.reset(seed, copies, theta)
    everywhere = np.ones(copies, dtype=bool)
    steps = market.steps_per_episode
    netted = np.zeros((episodes, steps, copies))
    for episode in range(episodes):
        going = everywhere
        for time in range(steps):
            state = market.with_theta(state, state.theta)
            actions, cost = _decide(experiment, policies, state, generator, greedy)
            step = market.step(state, {market.group: actions})
            net = (step.rewards[market.group] - cost).mean(axis=1)
            netted[episode, time] = np.where(going, net, 0.0)
            ended = np.asarray(step.terminated | step.truncated)
            going, state = going & ~ended, step.state
            if not going.any():
                break
            if ended.any():
                state = market.restart(state, ended)
        state = market.restart(state, everywhere)
    return netted


def _decide(
    experiment: Experiment,
    policies: Policies | None,
    state: Any,
    generator: torch.Generator,
    greedy: bool,
) -> tuple[NDArray[Any], Any]:
    """Actions of the deviator, ``(B, n, …)``, and what their information costs, ``(B, n)``."""
    market = experiment.market
    assert isinstance(market, Deviation)
    (group,) = market.groups
    observation = np.array(market.observe(state)[group.name])
    shape, discrete = observation.shape[:2], isinstance(group.action_space, Discrete)
    if policies is None:
        numbers = np.random.default_rng(int(torch.randint(2**31, (1,), generator=generator)))
        return _by_chance(group.action_space, shape, numbers), 0.0
    inputs = _inputs(policies, group.name, observation)
    prices = market.information_costs(state) if experiment.followers.information_cost else {}
    price = prices.get(group.name)
    if greedy:
        chosen = distributions.most_likely(inputs, discrete)
        cost: Any = 0.0 if price is None else price * np.log(inputs.shape[-1])
    else:
        drawn = distributions.sample(inputs, discrete, generator, price is not None)
        chosen = drawn.actions
        cost = 0.0
        if price is not None and drawn.information is not None:
            cost = price * drawn.information.numpy().reshape(shape)
    actions = chosen.numpy().reshape(*shape, *chosen.shape[1:])
    bounds = experiment.followers.action_bounds
    return to_action_space(actions, group.action_space, bounds), cost


@torch.inference_mode()
def _inputs(policies: Policies, group: str, observation: NDArray[Any]) -> torch.Tensor:
    rows = torch.from_numpy(observation).reshape(-1, observation.shape[-1])
    return policies.modules[group].distribution_inputs(rows)


def _by_chance(space: Any, shape: tuple[int, ...], numbers: np.random.Generator) -> NDArray[Any]:
    if isinstance(space, Discrete):
        return numbers.integers(space.n, size=shape)
    return numbers.uniform(space.low, space.high, size=(*shape, *space.shape)).astype(np.float32)


class Behaviour:
    """How trained followers behave, as a market asks that solves a deviation.

    Args:
        policies: theirs.
        seed: of what they draw.
    """

    def __init__(self, policies: Policies, seed: int):
        self._policies = policies
        self._generator = torch.Generator().manual_seed(seed)

    def draws(self, state: Any, number: int) -> dict[str, NDArray[Any]]:
        """See `Followers.draws`."""
        drawn = [self._policies.act(state, self._generator) for _ in range(number)]
        return {name: np.stack([one[name] for one in drawn]) for name in drawn[0]}

    def probabilities(self, group: str, state: Any) -> NDArray[Any]:
        """See `Followers.probabilities`."""
        observation = np.array(self._policies.market.observe(state)[group])
        rows = observation.reshape(-1, observation.shape[-1])
        chances = self._policies.probabilities(group, rows)
        return chances.reshape(*observation.shape[:2], -1)


def visited(
    experiment: Experiment, market: Led, policies: Policies, theta: Floats, states: int
) -> Iterator[Any]:
    """States that followers meet: of few copies, evenly over an episode.

    Args:
        experiment: its settings of the evaluation.
        market: the one that is played.
        policies: how followers behave.
        theta: where a leader does not move it, ``(d,)``.
        states: at most so many, of one episode of all copies.
    """
    seed = experiment.evaluation.seed + JUDGEMENT
    state = market.reset(seed, episodes_of(experiment)[0], theta)
    generator = torch.Generator().manual_seed(seed)
    steps = market.steps_per_episode
    chosen = set(np.linspace(0, steps - 1, min(states, steps)).round().astype(int).tolist())
    for time in range(steps):
        state = market.with_theta(state, state.theta)
        if time in chosen:
            yield state
        step = market.step(state, policies.act(state, generator))
        state = step.state
        if (step.terminated | step.truncated).any():
            return
