"""Your own market as arrays: all copies at once, checked, and trained by anybody's library.

Each of N firms chooses an effort e and earns (s + ½) e − e² under a subsidy s that a leader sets;
the best answer is s / 2 + ¼.
"""

from dataclasses import dataclass
from typing import Annotated, ClassVar

import numpy as np
from annotated_types import Ge
from gymnasium.spaces import Box

import pacesetter
from pacesetter.envs.check.report import check_market
from pacesetter.envs.core.arrays import namespace
from pacesetter.envs.core.characteristics import Characteristic, Characteristics
from pacesetter.envs.core.group import Group
from pacesetter.envs.core.market import Market
from pacesetter.envs.core.state import State


@dataclass(frozen=True)
class Subsidy(Market):
    """Firms answer a subsidy; the fields are the market's options.

    Attributes:
        firms: their number, N.
    """

    firms: Annotated[int, Ge(1)] = 2

    name: ClassVar[str] = "subsidy"
    state_type: ClassVar[type[State]] = State  # θ and the clock are all there is to remember
    steps_per_episode: ClassVar[int] = 1
    ends_at_horizon: ClassVar[bool] = True
    differentiable: ClassVar[bool] = True
    quantities: ClassVar[dict[str, str]] = {"effort": "mean effort"}
    leader_observation_space: ClassVar[Box] = Box(-1.0, 1.0, (1,), np.float32)

    @property
    def characteristics(self):
        """θ = s."""
        return Characteristics([Characteristic("subsidy", 0.0, 1.0, 0.25)])

    @property
    def groups(self):
        """Firms, who see the subsidy."""
        actions = Box(0.0, 1.0, (1,), np.float32)
        return (Group("firm", self.firms, Box(-1.0, 1.0, (1,), np.float32), actions, ("subsidy",)),)

    def initial(self, theta, shocks):
        """Nothing beyond θ."""
        return {}

    def transition(self, state, actions, shocks):
        """One play of every copy: arrays ``(B, N)`` of NumPy or torch."""
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


if __name__ == "__main__":
    market = Subsidy(firms=3)
    report = check_market(market)
    print(report)
    assert report.ok
    # A thousand copies, each under its own θ, in one step of arrays.
    env = pacesetter.vector_parallel_env(market, copies=1000, theta="drawn")
    env.reset(seed=0)
    best = env.theta / 2 + 0.25  # (B, 1)
    actions = np.repeat(best[:, None], 3, axis=1).astype(np.float32)
    _, rewards, _, _, infos = env.step({"firm": actions})
    print("mean profit of the best answer:", rewards["firm"].mean(), "expected:", (best**2).mean())
    np.testing.assert_allclose(rewards["firm"], np.repeat(best**2, 3, axis=1), rtol=1e-5)
