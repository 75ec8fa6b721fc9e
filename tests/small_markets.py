"""Markets of the tests: three where nobody learns, and one with two groups of different kinds."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np
from gymnasium.spaces import Box, Discrete

from pacesetter.envs.core.arrays import namespace
from pacesetter.envs.core.characteristics import Characteristic, Characteristics
from pacesetter.envs.core.group import Group
from pacesetter.envs.core.market import Market
from pacesetter.envs.core.paths import Paths
from pacesetter.envs.core.random_streams import Shock
from pacesetter.envs.core.state import State
from pacesetter.leaders.objectives.objective import Measure, Objective, read_samples, recorder
from pacesetter.leaders.objectives.references import Held, Reference

CHOICES = 5


@dataclass(frozen=True)
class Plain(Market):
    """What small markets have in common: no state beyond θ, and nothing for a leader to see."""

    state_type: ClassVar[type[State]] = State

    @property
    def leader_observation_space(self):
        """A constant."""
        return Box(-1.0, 1.0, (1,), np.float32)

    def initial(self, theta, shocks):
        """Nothing beyond θ."""
        return {}

    def leader_observe(self, state):
        """A constant, ``(B, 1)``."""
        xp = namespace(state.theta)
        return xp.astype(xp.zeros_like(state.theta[:, :1]), xp.float32)


@dataclass(frozen=True)
class NobodyLearns(Plain):
    """A market without followers.

    Attributes:
        periods: steps of an episode.
    """

    periods: int = 20

    differentiable: ClassVar[bool] = True

    @property
    def groups(self):
        """Nobody learns."""
        return ()

    @property
    def steps_per_episode(self):
        """As the options say."""
        return self.periods

    def observe(self, state):
        """Nobody looks."""
        return {}


@dataclass(frozen=True)
class WalkState(State):
    """Where the price stands, ``(B,)``."""

    price: object


@dataclass(frozen=True)
class RuleBased(NobodyLearns):
    """Traders by rule: the price returns to zero at the speed θ₀ and is thrown off by noise.

    ``p′ = (1 − θ₀) p + θ₁ ε``. The deviation of the price is least at the speed 1, whatever θ₁.
    """

    name: ClassVar[str] = "rule_based"
    state_type: ClassVar[type[State]] = WalkState

    @property
    def characteristics(self):
        """Speed and noise."""
        return Characteristics(
            [Characteristic("speed", 0.0, 1.5, 0.25), Characteristic("noise", 0.5, 2.0, 1.0)]
        )

    @property
    def leader_observation_space(self):
        """The price."""
        return Box(-np.inf, np.inf, (1,), np.float32)

    @property
    def quantities(self):
        """Path quantities."""
        return {"price": "distance from the fundamental value"}

    @property
    def step_shocks(self):
        """Noise."""
        return {"noise": Shock("normal", ())}

    def initial(self, theta, shocks):
        """At the fundamental value."""
        xp = namespace(theta)
        return {"price": xp.zeros_like(theta[:, 0])}

    def transition(self, state, actions, shocks):
        """One trade of everybody."""
        price = (1.0 - state.theta[:, 0]) * state.price + state.theta[:, 1] * shocks["noise"]
        return self.end_step(replace(state, price=price), {}, {"price": price})

    def leader_observe(self, state):
        """The price, ``(B, 1)``."""
        xp = namespace(state.theta)
        return xp.astype(state.price[:, None], xp.float32)


DESIGN = np.array([[1.0, 0.2], [0.5, -1.0], [0.0, 1.5], [2.0, 1.0], [1.0, -0.4]])
"""Of `LinearGaussian`: what each equation makes of the two characteristics."""
DEVIATION = 0.7


@dataclass(frozen=True)
class LinearGaussian(NobodyLearns):
    """Five equations, ``y_j(t) = Σ_i X_ji θ_i + σ ε_j(t)``: what least squares are exact for.

    Attributes:
        design: X, a row per equation.
        whole_paths: whether paths come in one go, with their derivative.
    """

    design: tuple[tuple[float, ...], ...] = tuple(map(tuple, DESIGN.tolist()))
    whole_paths: bool = False
    periods: int = 4

    name: ClassVar[str] = "linear_gaussian"

    @property
    def characteristics(self):
        """The coefficients."""
        number = len(self.design[0])
        return Characteristics([Characteristic(f"x{i}", -5.0, 5.0, 0.0) for i in range(number)])

    @property
    def quantities(self):
        """One per equation."""
        return {f"y{j}": f"left-hand side of equation {j}" for j in range(len(self.design))}

    @property
    def step_shocks(self):
        """Noise."""
        return {"noise": Shock("normal", (len(self.design),))}

    def transition(self, state, actions, shocks):
        """The equations hold."""
        xp = namespace(state.theta)
        design = xp.asarray(np.array(self.design).T)
        left = state.theta @ design + DEVIATION * shocks["noise"]
        quantities = {f"y{j}": left[:, j] for j in range(len(self.design))}
        return self.end_step(state, {}, quantities)

    def paths(self, theta, seed):
        """The same law in one go."""
        if not self.whole_paths:
            return None
        design = np.array(self.design)
        noise = np.random.default_rng(seed).normal(size=(len(theta), self.periods, len(design)))
        left = (theta @ design.T)[:, None] + DEVIATION * noise

        def pull_back(by_path):
            of_lines = ((design[int(name[1:])], slope) for name, slope in by_path.items())
            return sum(slope.sum(axis=1)[:, None] * line for line, slope in of_lines)

        return Paths({f"y{j}": left[:, :, j] for j in range(len(design))}, pull_back)


@dataclass(frozen=True)
class NoisyLine(NobodyLearns):
    """A straight line in noise, ``price_t = level + slope x_t + ε_t``, x from −1 to 1.

    With the prior N(0, I) and the loss of `LeastSquares`, weighted by the number of prices, the
    posterior is the normal distribution of the textbook.
    """

    name: ClassVar[str] = "noisy_line"

    @property
    def characteristics(self):
        """Level and slope; bounds are four deviations of the prior."""
        return Characteristics(
            [Characteristic("level", -4.0, 4.0, 0.0), Characteristic("slope", -4.0, 4.0, 0.0)]
        )

    @property
    def quantities(self):
        """Path quantities."""
        return {"price": "the line in noise", "line": "without it"}

    @property
    def step_shocks(self):
        """Noise."""
        return {"noise": Shock("normal", ())}

    @property
    def place(self):
        """x_t, ``(T,)``."""
        return np.linspace(-1.0, 1.0, self.periods)

    def transition(self, state, actions, shocks):
        """The next price."""
        xp = namespace(state.theta)
        x = 2.0 * xp.astype(state.clock, xp.float64) / (self.periods - 1) - 1.0
        line = state.theta[:, 0] + state.theta[:, 1] * x
        return self.end_step(state, {}, {"price": line + shocks["noise"], "line": line})

    def planted_sample(self, theta, number, seed, quantity="price"):
        """Prices of one episode after the other."""
        state, found = self.reset(seed, 1, theta), []
        for _ in range(number):
            step = self.step(state, {})
            found.append(float(step.quantities[quantity][0]))
            state = self.restart(step.state, step.terminated | step.truncated)
        return np.array(found)

    def exact(self, prices):
        """Mean and covariance of θ given T prices under the prior N(0, I)."""
        design = np.stack([np.ones(self.periods), self.place], axis=1)
        covariance = np.linalg.inv(np.eye(2) + design.T @ design)
        return covariance @ design.T @ prices, covariance


@dataclass(frozen=True)
class FastLine(NoisyLine):
    """The same market with all of its steps in one."""

    name: ClassVar[str] = "fast_line"

    def paths(self, theta, seed):
        """The line by its formula, and its derivative."""
        noise = np.random.default_rng(seed).standard_normal((len(theta), self.periods))
        line = theta[:, :1] + theta[:, 1:] * self.place

        def pull_back(found):
            by_line = sum(found.values())
            return np.stack([by_line.sum(axis=1), (by_line * self.place).sum(axis=1)], axis=1)

        return Paths({"line": line, "price": line + noise}, pull_back)


@dataclass(frozen=True)
class LeastSquares(Objective):
    """Minus half of the mean squared distance of observed prices from the line."""

    reference: Reference

    name: ClassVar[str] = "small_markets:LeastSquares"

    def samples(self, market):
        """The prices."""
        return read_samples(self.reference, market, ("price",))

    def holding(self, samples):
        """With the prices in place of where they came from."""
        return replace(self, reference=Held(samples))

    def measure(self, market, steps_per_interval):
        """Larger is better."""
        prices = self.samples(market)["price"]

        def value(path):
            line = path["line"]
            observed = namespace(line).asarray(prices)
            return -0.5 * namespace(line).mean((line - observed) ** 2, axis=1)

        return Measure(recorder("line", market), value)


@dataclass(frozen=True)
class TwoGroups(Plain):
    """Shops set a number, customers choose one of five; both are best off at what θ says.

    A shop earns −(a − θ)², a customer −(k / 4 − θ)².
    """

    shops: int = 2
    customers: int = 3

    name: ClassVar[str] = "two_groups"

    @property
    def characteristics(self):
        """What everybody is to do."""
        return Characteristics([Characteristic("fashion", 0.0, 1.0, 0.5)])

    @property
    def groups(self):
        """Shops with a Box, customers with a choice."""
        seen = Box(-1.0, 1.0, (1,), np.float32)
        return (
            Group("shop", self.shops, seen, Box(0.0, 1.0, (1,), np.float32), ("fashion",)),
            Group("customer", self.customers, seen, Discrete(CHOICES), ("fashion",)),
        )

    @property
    def steps_per_episode(self):
        """One decision."""
        return 1

    @property
    def ends_at_horizon(self):
        """Nothing follows."""
        return True

    @property
    def quantities(self):
        """Path quantities."""
        return {"price": "mean number of the shops", "choice": "mean choice of the customers"}

    def transition(self, state, actions, shocks):
        """Everybody is paid for being close to θ."""
        xp = namespace(state.theta)
        price = xp.astype(actions["shop"][:, :, 0], state.theta.dtype)
        choice = xp.astype(actions["customer"], state.theta.dtype) / (CHOICES - 1)
        rewards = {
            "shop": -((price - state.theta) ** 2),
            "customer": -((choice - state.theta) ** 2),
        }
        quantities = {"price": xp.mean(price, axis=1), "choice": xp.mean(choice, axis=1)}
        return self.end_step(state, rewards, quantities)

    def observe(self, state):
        """θ from −1 to 1."""
        xp = namespace(state.theta)
        seen = xp.astype(2.0 * state.theta - 1.0, xp.float32)[:, None, :]
        sizes = {"shop": self.shops, "customer": self.customers}
        return {name: xp.broadcast_to(seen, (len(seen), n, 1)) for name, n in sizes.items()}
