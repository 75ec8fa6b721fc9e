"""Markets with one fault each, for the conformance check to find."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any, ClassVar

import numpy as np

from pacesetter.envs.cobweb.laws import truncated_normal
from pacesetter.envs.cobweb.market import PRODUCER, Cobweb, CobwebState
from pacesetter.envs.core.arrays import namespace
from pacesetter.envs.core.state import State
from pacesetter.envs.duopoly.market import FOLLOWER, Duopoly


@dataclass(frozen=True)
class HiddenState(Cobweb):
    """Remembers the last price on itself; reset forgets it, so that plain repetition looks fine."""

    memory: list = field(default_factory=lambda: [0.0], compare=False)

    def initial(self, theta, shocks):
        self.memory[0] = 0.0
        return super().initial(theta, shocks)

    def transition(self, state, actions, shocks):
        step = super().transition(state, actions, shocks)
        last, self.memory[0] = self.memory[0], float(step.quantities["price"].mean())
        return replace(step, rewards={PRODUCER: step.rewards[PRODUCER] + 0.1 * last})


@dataclass(frozen=True)
class Mutates(Cobweb):
    """Adds the price up in place."""

    def transition(self, state, actions, shocks):
        step = super().transition(state, actions, shocks)
        state.price_sum[:] = step.state.price_sum
        return replace(step, state=replace(step.state, price_sum=state.price_sum))


@dataclass(frozen=True)
class MutatesWhenSeen(Cobweb):
    def observe(self, state):
        state.last_price[:] = np.round(state.last_price, 3)
        return super().observe(state)


@dataclass(frozen=True)
class StoredState(CobwebState):
    costs: Any = None


@dataclass(frozen=True)
class StoresDerived(Cobweb):
    """Draws λ from θ at the start of an episode and keeps it."""

    state_type: ClassVar[type[State]] = StoredState

    def initial(self, theta, shocks):
        fields = super().initial(theta, shocks)
        return fields | {
            "costs": truncated_normal(
                namespace(theta), theta[:, :1], theta[:, 1:], fields["cost_quantiles"]
            )
        }

    def transition(self, state, actions, shocks):
        step = super().transition(state, actions, shocks)
        return replace(step, state=StoredState(**vars(step.state), costs=state.costs))

    def information_costs(self, state):
        return {PRODUCER: state.costs}


@dataclass(frozen=True)
class DependsOnBatch(Cobweb):
    """Centres its noise over the copies, as an antithetic trick might."""

    def transition(self, state, actions, shocks):
        noise = shocks["demand"]
        return super().transition(state, actions, {"demand": noise - noise.mean() / 2})


@dataclass(frozen=True)
class GlobalRandomness(Cobweb):
    def transition(self, state, actions, shocks):
        noise = np.random.normal(size=len(state.theta))
        return super().transition(state, actions, {"demand": noise})


@dataclass(frozen=True)
class Inert(Duopoly):
    """Ignores θ."""

    theta_visible: bool = False

    def transition(self, state, actions, shocks):
        step = super().transition(replace(state, theta=state.theta * 0 + 4.0), actions, shocks)
        return replace(step, state=replace(step.state, theta=state.theta))


@dataclass(frozen=True)
class AcceptsAnything(Duopoly):
    def set_characteristics(self, state, theta):
        return replace(state, theta=np.broadcast_to(np.asarray(theta), state.theta.shape))


@dataclass(frozen=True)
class WrongGradient(Duopoly):
    """Cuts the price out of the graph."""

    def transition(self, state, actions, shocks):
        step = super().transition(state, actions, shocks)
        if isinstance(state.theta, np.ndarray):
            return step
        price = step.quantities["price"].detach()
        return replace(step, rewards={FOLLOWER: price[:, None] * actions[FOLLOWER][:, :, 0] / 9})


@dataclass(frozen=True)
class CutsTheta(Duopoly):
    """Begins an episode with the numbers of θ alone."""

    def reset(self, seed, copies=1, theta=None, like=None):
        if like is None and hasattr(theta, "detach"):
            theta = theta.detach()
        return super().reset(seed, copies, theta, like)


@dataclass(frozen=True)
class BranchesOnValues(Duopoly):
    """Does some work only where the values of any copy ask for it."""

    def transition(self, state, actions, shocks):
        step = super().transition(state, actions, shocks)
        price = step.quantities["price"]
        if bool((price < 0).any()):
            price = namespace(price).clip(price, 0.0, None)
        return replace(step, quantities={**step.quantities, "price": price})


@dataclass(frozen=True)
class OtherInTorch(Cobweb):
    def transition(self, state, actions, shocks):
        if isinstance(state.theta, np.ndarray):
            return super().transition(state, actions, shocks)
        return super().transition(state, actions, {"demand": shocks["demand"].float().double()})


@dataclass(frozen=True)
class EndsTwice(Duopoly):
    def transition(self, state, actions, shocks):
        step = super().transition(state, actions, shocks)
        return replace(step, truncated=step.terminated)


@dataclass(frozen=True)
class ForgetsQuantity(Duopoly):
    def transition(self, state, actions, shocks):
        step = super().transition(state, actions, shocks)
        return replace(step, quantities={"price": step.quantities["price"]})


@dataclass(frozen=True)
class DoublePrecision(Duopoly):
    def observe(self, state):
        return {name: seen.astype(np.float64) for name, seen in super().observe(state).items()}


@dataclass(frozen=True)
class NotFinite(Duopoly):
    def transition(self, state, actions, shocks):
        step = super().transition(state, actions, shocks)
        with np.errstate(all="ignore"):
            worth = np.log(np.asarray(step.quantities["price"]))
        return replace(step, quantities={**step.quantities, "price": worth})


@dataclass(frozen=True)
class NegativeCost(Cobweb):
    def information_costs(self, state):
        return {PRODUCER: super().information_costs(state)[PRODUCER] - 0.1}


@dataclass(frozen=True)
class NotIdle(Duopoly):
    def deciding(self, state):
        return {group.name: np.zeros((len(state.theta), group.size)) for group in self.groups}


@dataclass(frozen=True)
class Raises(Duopoly):
    def observe(self, state):
        raise RuntimeError("boom")


FAULTS: dict[type, str] = {
    HiddenState: "nothing hidden on the market",
    Mutates: "inputs are not changed",
    MutatesWhenSeen: "inputs are not changed",
    StoresDerived: "characteristics at the start",
    DependsOnBatch: "copies are independent",
    GlobalRandomness: "determinism",
    Inert: "characteristics in an episode",
    AcceptsAnything: "forbidden characteristics",
    WrongGradient: "gradients",
    CutsTheta: "gradients from θ on",
    BranchesOnValues: "no branches on values",
    OtherInTorch: "torch",
    EndsTwice: "end of an episode",
    ForgetsQuantity: "shapes and types",
    DoublePrecision: "shapes and types",
    NotFinite: "finite values",
    NegativeCost: "information costs",
    NotIdle: "idle followers",
    Raises: "PettingZoo",
}
"""Market -> the check that must find its fault."""
