"""Three environments of the PettingZoo family as markets: how one that is not yours is wrapped.

Each wrapper says what a leader may set, sets it, and returns vectors; the rules of the game stay
the library's. They need the extra ``zoo``: ``pip install 'pacesetter[zoo]'``.

    pacesetter check pacesetter.training.foreign_environments:Tag
"""

from __future__ import annotations

import math
import os
from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np
from gymnasium.spaces import Box, Discrete
from pettingzoo.utils import BaseParallelWrapper
from pettingzoo.utils.conversions import aec_to_parallel

os.environ.setdefault("PYGAME_HIDE_SUPPORT_PROMPT", "1")

Dictionary = dict[str, Any]


class Tag(BaseParallelWrapper):
    """MPE2's simple_tag: three hunters, one prey, two groups; θ is the size of the prey."""

    characteristics_space = Box(0.02, 0.2, (1,))
    characteristics_names = ("prey_size",)
    characteristics_default: ClassVar[list[float]] = [0.05]  # of the original
    quantities: ClassVar[dict[str, str]] = {"caught": "hunters that touch the prey"}

    def __init__(self, max_cycles: int = 25):
        from mpe2 import simple_tag_v3

        super().__init__(simple_tag_v3.parallel_env(max_cycles=max_cycles))
        self.max_steps = max_cycles

    def set_characteristics(self, theta: Any) -> None:
        """The prey's radius in a world of half-width 1; a hunter's is 0.075."""
        (prey,) = self._agents(adversary=False)
        prey.size = float(theta[0])

    def step(self, actions: Mapping[str, Any]) -> tuple[Any, ...]:
        """As the original, with rewards of order one and how many hunters touch the prey."""
        seen, rewards, terminations, truncations, infos = super().step(dict(actions))
        (prey,) = self._agents(adversary=False)
        scenario = self.unwrapped.scenario
        touching = sum(scenario.is_collision(prey, h) for h in self._agents(adversary=True))
        infos = {agent: {**info, "caught": float(touching)} for agent, info in infos.items()}
        scaled = {agent: 0.1 * float(reward) for agent, reward in rewards.items()}
        return seen, scaled, terminations, truncations, infos

    def _agents(self, adversary: bool) -> list[Any]:
        return [a for a in self.unwrapped.world.agents if a.adversary == adversary]


class RockPaperScissors(BaseParallelWrapper):
    """PettingZoo's rps, an AEC game, converted; θ is what winning with rock pays.

    In equilibrium rock and scissors are played with probability 1 / (2 + θ) and paper with
    θ / (2 + θ), so that rounds are decided most often where θ = 1: two in three.
    """

    characteristics_space = Box(0.25, 4.0, (1,))
    characteristics_names = ("rock_pays",)
    characteristics_default: ClassVar[list[float]] = [4.0]
    quantities: ClassVar[dict[str, str]] = {"decided": "1 where a round has a winner, else 0"}

    def __init__(self, max_cycles: int = 15):
        from pettingzoo.classic import rps_v2

        super().__init__(aec_to_parallel(rps_v2.env(max_cycles=max_cycles, screen_height=14)))
        self.max_steps = max_cycles
        self._seen = Box(0.0, 1.0, (4,))
        self._pays = 1.0

    def observation_space(self, agent: str) -> Box:
        """The other's last choice, one entry for each, and one for none yet."""
        return self._seen

    def set_characteristics(self, theta: Any) -> None:
        """What the loser pays to one who wins with rock; other winners get 1."""
        self._pays = float(theta[0])

    def reset(self, seed: int | None = None, options: Dictionary | None = None) -> tuple[Any, Any]:
        """As the original."""
        seen, infos = super().reset(seed, options)
        return self._vectors(seen), infos

    def step(self, actions: Mapping[str, Any]) -> tuple[Any, ...]:
        """As the original, but for the pay of rock."""
        seen, rewards, terminations, truncations, infos = super().step(dict(actions))
        decided = any(rewards.values())
        by_rock = any(rewards[agent] > 0 and actions[agent] == 0 for agent in rewards)
        pay = self._pays if by_rock else 1.0
        infos = {agent: {**info, "decided": float(decided)} for agent, info in infos.items()}
        scaled = {agent: pay * float(reward) for agent, reward in rewards.items()}
        return self._vectors(seen), scaled, terminations, truncations, infos

    def _vectors(self, seen: Mapping[str, Any]) -> Dictionary:
        return {agent: np.eye(4, dtype=np.float32)[int(choice)] for agent, choice in seen.items()}


class CooperativePong(BaseParallelWrapper):
    """PettingZoo's cooperative_pong, seen as images; θ is the speed of the ball, pixels a step.

    The original shows 480 × 280 pixels in three colours, 403,200 numbers. Two paddles of five
    pixels' width need a fifth of that in each direction, in one colour; two frames in a row show
    where the ball flies.
    """

    characteristics_space = Box(2.0, 6.0, (1,))
    characteristics_names = ("ball_speed",)

    def __init__(self, max_cycles: int = 60):
        from pettingzoo.butterfly import cooperative_pong_v6

        # Without a mode of rendering the original draws nothing, and shows black images.
        game = cooperative_pong_v6.parallel_env(
            max_cycles=max_cycles, render_ratio=4, cake_paddle=False, render_mode="rgb_array",
            ball_speed=4, max_reward=max_cycles, off_screen_penalty=0,
        )  # fmt: skip
        super().__init__(game)
        self.max_steps = max_cycles
        self._seen = Box(0.0, 1.0, (2, 28, 48))
        self._speed = 4.0
        self._frame = np.zeros((28, 48), dtype=np.float32)

    def observation_space(self, agent: str) -> Box:
        """This frame and the one before, small and grey."""
        return self._seen

    def action_space(self, agent: str) -> Discrete:
        """Stay, up, down."""
        return self.env.action_space(agent)

    def set_characteristics(self, theta: Any) -> None:
        """The speed of the ball, now and in episodes to come."""
        self._speed = float(theta[0])
        self._set_speed()

    def reset(self, seed: int | None = None, options: Dictionary | None = None) -> tuple[Any, Any]:
        """As the original, with the ball at its speed."""
        seen, infos = super().reset(seed, options)
        self._set_speed()
        self._frame = _small(next(iter(seen.values())))
        return self._images(self._frame, list(seen)), infos

    def step(self, actions: Mapping[str, Any]) -> tuple[Any, ...]:
        """As the original."""
        seen, rewards, terminations, truncations, infos = super().step(dict(actions))
        before, self._frame = self._frame, _small(next(iter(seen.values())))
        return self._images(before, list(seen)), rewards, terminations, truncations, infos

    def _images(self, before: Any, agents: list[str]) -> Dictionary:
        return dict.fromkeys(agents, np.stack([self._frame, before]))

    def _set_speed(self) -> None:
        ball = self.unwrapped.env.ball
        factor = self._speed / math.hypot(*ball._speed)
        ball._speed = [factor * entry for entry in ball._speed]


def _small(image: Any) -> Any:
    """Every fifth pixel of a screen of 240 × 140, in grey, ``(28, 48)``."""
    return (image[::5, ::5].max(axis=2) / 255.0).astype(np.float32)
