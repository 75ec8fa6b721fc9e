"""A market as a PettingZoo environment: boats choose an effort, a leader taxes it."""

import numpy as np
from gymnasium.spaces import Box
from pettingzoo import ParallelEnv


class Fishery(ParallelEnv):
    """The stock grows by a fifth and shrinks by what boats take; a boat pays tax · effort²."""

    metadata = {"name": "fishery"}  # noqa: RUF012
    characteristics_space = Box(0.0, 1.0, (1,))
    characteristics_names = ("tax",)
    max_steps = 10
    possible_agents = ["boat_0", "boat_1", "boat_2"]  # noqa: RUF012

    def observation_space(self, agent):
        """The stock of fish."""
        return Box(0.0, 1.0, (1,))

    def action_space(self, agent):
        """The effort."""
        return Box(0.0, 1.0, (1,))

    def set_characteristics(self, theta):
        """What the leader sets."""
        self.tax = float(theta[0])

    def reset(self, seed=None, options=None):
        """A full sea."""
        self.agents, self.stock, self.time = list(self.possible_agents), 1.0, 0
        return self._observe(), {agent: {} for agent in self.agents}

    def step(self, actions):
        """A season."""
        effort = {agent: float(actions[agent][0]) for agent in self.agents}
        self.stock = np.clip(1.2 * self.stock - 0.1 * sum(effort.values()), 0.0, 1.0)
        rewards = {agent: e * (self.stock - self.tax * e) for agent, e in effort.items()}
        self.time += 1
        no, end = dict.fromkeys(self.agents, False), dict.fromkeys(self.agents, self.time >= 10)
        observed, infos = self._observe(), {agent: {} for agent in self.agents}
        self.agents = [] if self.time >= 10 else self.agents
        return observed, rewards, no, end, infos

    def _observe(self):
        return {a: np.array([self.stock], np.float32) for a in self.agents}
