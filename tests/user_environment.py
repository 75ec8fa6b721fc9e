"""A user's environment as the adapter meets it; it knows nothing of Pacesetter."""
# ruff: noqa: RUF012

from __future__ import annotations

import ctypes
import os
import sys
import threading
import time

import numpy as np
from gymnasium.spaces import Box, Discrete
from gymnasium.utils import EzPickle
from pettingzoo import AECEnv, ParallelEnv
from pettingzoo.utils.wrappers import BaseParallelWrapper


class Fishery(ParallelEnv):
    """Boats choose an effort, the fish they leave grow back; a leader sets the tax on catch."""

    metadata = {"name": "fishery"}
    characteristics_space = Box(0.0, 1.0, (1,))
    characteristics_names = ("tax",)
    quantities = {"stock": "fish left, tonnes"}
    max_steps = 8

    def __init__(self, boats: int = 3, growth: float = 0.5):
        self.possible_agents = [f"boat_{i}" for i in range(boats)]
        self.agents = []
        self.growth = growth
        self.tax = 0.0
        self._seen, self._efforts = Box(0.0, np.inf, (2,)), Box(0.0, 1.0, (1,))

    def observation_space(self, agent):
        return self._seen

    def action_space(self, agent):
        return self._efforts

    def set_characteristics(self, theta):
        self.tax = float(theta[0])

    def _observe(self):
        share = np.array([self.stock, self.clock], dtype=np.float32)
        return {agent: share.copy() for agent in self.possible_agents}

    def reset(self, seed=None, options=None):
        self.generator = np.random.default_rng(seed)
        self.agents = list(self.possible_agents)
        self.stock, self.clock = 1.0 + self.generator.random() + self.tax, 0
        return self._observe(), {agent: {} for agent in self.agents}

    def step(self, actions):
        efforts = np.array([float(actions[agent][0]) for agent in self.agents])
        catch = self.stock * efforts / (1 + efforts.sum())
        self.stock = (self.stock - catch.sum()) * (1 + self.growth * self.generator.random())
        self.clock += 1
        agents, ended = self.agents, self.clock >= self.max_steps
        if ended:
            self.agents = []
        rewards = {a: float(c) * (1 - self.tax) for a, c in zip(agents, catch, strict=True)}
        infos = {agent: {"stock": self.stock} for agent in agents}
        none = dict.fromkeys(agents, False)
        return self._observe(), rewards, none, dict.fromkeys(agents, ended), infos


class BranchableFishery(Fishery):
    branchable = True


class Mixed(Fishery):
    """Two types of agents, choices that begin at 1, θ in the observation, a leader's view."""

    observes_characteristics = True
    groups = {"small": ["boat_0", "boat_2"], "large": ["boat_1"]}
    leader_observation_space = Box(0.0, np.inf, (1,))

    def __init__(self):
        super().__init__(boats=3)
        self._choices = Discrete(3, start=1)

    def action_space(self, agent):
        return self._choices if agent == "boat_1" else self._efforts

    def observe(self, agent):
        return np.array([self.stock, self.tax], dtype=np.float32)

    def _observe(self):
        return {agent: self.observe(agent) for agent in self.possible_agents}

    def leader_observe(self):
        return [self.stock]

    def step(self, actions):
        assert actions["boat_1"] in (1, 2, 3)
        return super().step({**actions, "boat_1": [actions["boat_1"] / 3]})


class OneLeavesEarly(Fishery):
    """Its first boat sinks at the second step."""

    def step(self, actions):
        observations, rewards, terminations, truncations, infos = super().step(actions)
        terminations["boat_0"] = self.clock >= 2
        return observations, rewards, terminations, truncations, infos


class EndsBySurprise(Fishery):
    """All fish die at the third step: a termination before the horizon."""

    def step(self, actions):
        observations, rewards, terminations, truncations, infos = super().step(actions)
        if self.clock >= 3:
            terminations, self.agents = dict.fromkeys(terminations, True), []
        return observations, rewards, terminations, truncations, infos


class CutBySurprise(Fishery):
    """The season is cut short after two to seven steps, by chance: a truncation."""

    def reset(self, seed=None, options=None):
        observed = super().reset(seed)
        self.cut = int(self.generator.integers(2, 8))
        return observed

    def step(self, actions):
        observations, rewards, terminations, truncations, infos = super().step(actions)
        if self.clock >= self.cut:
            truncations, self.agents = dict.fromkeys(truncations, True), []
        return observations, rewards, terminations, truncations, infos


class DiesBySurprise(CutBySurprise):
    """The same as a termination."""

    def step(self, actions):
        observations, rewards, terminations, truncations, infos = super().step(actions)
        return observations, rewards, truncations, terminations, infos


class EzFishery(Fishery, EzPickle):
    """Is pickled by its constructor's arguments, as all of PettingZoo's own environments."""

    def __init__(self, boats: int = 3):
        EzPickle.__init__(self, boats)
        super().__init__(boats)


class Wrapped(BaseParallelWrapper):
    """Hides one inside wrappers."""

    characteristics_space = Fishery.characteristics_space
    max_steps = Fishery.max_steps

    def __init__(self):
        super().__init__(BaseParallelWrapper(EzFishery()))

    def set_characteristics(self, theta):
        self.unwrapped.set_characteristics(theta)


class HoldsAThread(Fishery):
    """Has something that no pickle holds."""

    def reset(self, seed=None, options=None):
        self.lock = threading.Lock()
        return super().reset(seed)


class KeepsItsState(EzFishery):
    """An EzPickle that says how it is to be pickled after all."""

    def __getstate__(self):
        return vars(self).copy()

    def __setstate__(self, content):
        vars(self).update(content)


class BranchableEzFishery(EzFishery):
    branchable = True


class Led(Fishery):
    """Has a group of the leader's name."""

    groups = {"leader": ["boat_0"], "boat": ["boat_1", "boat_2"]}


class Nothing(ParallelEnv):
    """Lacks what the adapter needs."""


class Endless(Fishery):
    """Has no length."""

    max_steps = None


NUMBER = 3


def fishery(boats=2, own=object):
    """A factory instead of a class."""
    return Fishery(boats)


class TakesTurns(AECEnv):
    """An AEC environment: agents move one after the other."""

    metadata = {"name": "turns", "is_parallelizable": True}
    possible_agents = ["boat_0", "boat_1"]

    def set_characteristics(self, theta): ...


def turns():
    """Builds one; what it builds is seen only then."""
    return TakesTurns()


class JoinsLater(Fishery):
    """Its last boat is not there at the start."""

    def reset(self, seed=None, options=None):
        observed, infos = super().reset(seed)
        self.agents = self.agents[:-1]
        return {agent: observed[agent] for agent in self.agents}, infos


class Stowaway(Fishery):
    """At the second step somebody comes who was not declared."""

    def step(self, actions):
        outcome = super().step(actions)
        if self.clock == 2:
            self.agents = [*self.agents, "stowaway"]
        return outcome


class FailsToBegin(Fishery):
    def reset(self, seed=None, options=None):
        return {}["no such key"]


class Undeclared(Fishery):
    """Says nothing of θ."""

    characteristics_space = property()


class Idle(Fishery):
    """Notes θ and does nothing with it."""

    def set_characteristics(self, theta):
        self.noted = theta


class Images(Fishery):
    """Shows a picture of the sea."""

    def __init__(self):
        super().__init__()
        self._seen = Box(0, 255, (60, 60, 3), np.uint8)

    def _observe(self):
        sea = np.full((60, 60, 3), min(255, int(100 * self.stock)), np.uint8)
        return dict.fromkeys(self.possible_agents, sea)


def open_ended(*sizes, **others):
    """A factory whose options have no names, as those of PettingZoo's own modules."""
    return Fishery()


def positional(boats, /):
    return Fishery(boats)


class Exits(Fishery):
    """Ends the program at its first step, as if all were well."""

    def step(self, actions):
        sys.exit(0)


class ExitsAtOnce(Exits):
    """The same without a word."""

    def step(self, actions):
        os._exit(0)


class Crashes(Fishery):
    """Reads where there is nothing."""

    def step(self, actions):
        ctypes.string_at(0)


class Hangs(Fishery):
    def step(self, actions):
        while True:
            time.sleep(0.01)


class ExitsWhenBuilt(Fishery):
    def __init__(self):
        sys.exit(3)


class HasNoSpace(Fishery):
    def observation_space(self, agent):
        raise ValueError("no space today")


class Twins(Fishery):
    def __init__(self):
        super().__init__()
        self.possible_agents = ["boat_0", "boat_0"]


class Grows(Fishery):
    """Shows more in every episode."""

    def reset(self, seed=None, options=None):
        self._seen = Box(0.0, np.inf, (len(self._seen.low) + 1,))
        return super().reset(seed)


class Narrow(Fishery):
    """Sees more than it says."""

    def __init__(self):
        super().__init__()
        self._seen = Box(0.0, 1.0, (2,))


class Changed(Fishery):
    """Changes what a step returns."""

    def step(self, actions):
        outcome = super().step(actions)
        return self.change(*outcome)


class PaysNothing(Changed):
    def change(self, seen, rewards, *rest):
        return seen, rewards | {"boat_1": float("nan")}, *rest


class SeesNothing(Changed):
    def change(self, seen, *rest):
        return seen | {"boat_1": np.full(2, np.nan)}, *rest


class SeesMore(Changed):
    def change(self, seen, *rest):
        return seen | {"boat_1": np.zeros(3)}, *rest


class ReturnsFour(Changed):
    def change(self, *outcome):
        return outcome[:4]
