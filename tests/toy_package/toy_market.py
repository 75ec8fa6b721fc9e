"""A market of another package: a subsidy that a leader sets, and firms who answer it.

Each of N firms chooses an effort e in [0, 1] and earns (s + ½) e − e² under the subsidy s, so that
its best answer is s / 2 + ¼. The leader is paid what firms earn.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, ClassVar

import numpy as np
from annotated_types import Ge
from gymnasium.spaces import Box

from pacesetter.envs.core.arrays import namespace
from pacesetter.envs.core.characteristics import Characteristic, Characteristics
from pacesetter.envs.core.group import Group
from pacesetter.envs.core.market import Market
from pacesetter.envs.core.state import State


@dataclass(frozen=True)
class Subsidy(Market):
    """Firms answer a subsidy.

    Attributes:
        firms: their number, N.
    """

    firms: Annotated[int, Ge(1)] = 2

    name: ClassVar[str] = "subsidy"
    state_type: ClassVar[type[State]] = State
    evidence: ClassVar[str] = "toy_evidence:DECLARED"

    @property
    def characteristics(self):
        """θ = s."""
        return Characteristics([Characteristic("subsidy", 0.0, 1.0, 0.25)])

    @property
    def groups(self):
        """Firms, who see the subsidy."""
        actions = Box(0.0, 1.0, (1,), np.float32)
        return (Group("firm", self.firms, Box(-1.0, 1.0, (1,), np.float32), actions, ("subsidy",)),)

    @property
    def steps_per_episode(self):
        """One decision."""
        return 1

    @property
    def ends_at_horizon(self):
        """Nothing follows."""
        return True

    @property
    def leader_observation_space(self):
        """A constant."""
        return Box(-1.0, 1.0, (1,), np.float32)

    @property
    def quantities(self):
        """Path quantities."""
        return {"effort": "mean effort"}

    def initial(self, theta, shocks):
        """Nothing beyond θ."""
        return {}

    def transition(self, state, actions, shocks):
        """Every firm is paid."""
        xp = namespace(state.theta)
        e = xp.astype(actions["firm"][:, :, 0], state.theta.dtype)
        profit = (state.theta[:, :1] + 0.5) * e - e * e
        return self.end_step(state, {"firm": profit}, {"effort": xp.mean(e, axis=1)})

    def observe(self, state):
        """s, from −1 to 1."""
        xp = namespace(state.theta)
        seen = xp.astype(2.0 * state.theta - 1.0, xp.float32)
        return {"firm": xp.broadcast_to(seen[:, None, :], (seen.shape[0], self.firms, 1))}

    def leader_observe(self, state):
        """A constant."""
        xp = namespace(state.theta)
        return xp.zeros_like(xp.astype(state.theta, xp.float32))

    def benchmark(self):
        """The largest subsidy is best."""
        return {"best_subsidy": 1.0}
