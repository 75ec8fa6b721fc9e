"""The one place where dynamics live: a market is B parallel copies of a game, stepped as arrays.

Letters for shapes, here and everywhere: `B` parallel copies, `N` agents of one group, `T` steps,
`D` entries of an observation, `d` characteristics.

A market is an immutable description (its fields are its options). Everything that changes is in
one `State`; all randomness enters as named shocks; `transition(state, actions, shocks)` is a pure
function of arrays in any Array-API namespace (NumPy or torch).
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, ClassVar, Literal, Self

import array_api_compat
import numpy as np
from gymnasium.spaces import Box
from numpy.typing import ArrayLike

from .arrays import Array, convert, converted, detached, is_tensor, namespace
from .characteristics import Characteristics
from .deviations.best_response import BestResponse, Followers
from .errors import PacesetterError
from .group import Group
from .kernels.steps import CompiledSteps
from .paths import Paths
from .random_streams import NO_STREAM, RESET, STEP, RandomStream, Shock, ShockLayout
from .ranges import check_ranges
from .rollouts import Laboratory
from .state import State, changed
from .step import Step

Shocks = Mapping[str, Array]
Actions = Mapping[str, Array]


@dataclass(frozen=True)
class Market(ABC):
    """Interface of every market. Subclasses are frozen dataclasses; their fields are the options.

    What their annotations say of options is checked when a market is made (see `ranges`).

    Class attributes declare what a market can do; nothing is sniffed.

    Attributes:
        name: registered name.
        differentiable: whether gradients of `transition` flow to θ and to Box actions (torch).
        gradient: of what these gradients are: ``exact``, or ``straight-through`` where something
            discrete goes forward as it is and has the derivative of what is `smooth`.
        branchable: whether ``State.take`` gives a continuation that evolves on its own.
        namespaces: array namespaces that `transition` runs in.
        variants: options worth checking, each a mapping name -> value.
        small: versions with few agents, of which a play can be read: their options, by what sets
            them apart from the first, which has no name.
        has_laboratory: whether its traders can be replaced by a learned one (see `laboratory`).
        evidence: of a market of another package, ``module:name`` of what it declares about its
            study, tables and benchmarks; empty: none, or in the room of its name.
        state_type: the market's own `State` record.
    """

    name: ClassVar[str]
    state_type: ClassVar[type[State]]
    differentiable: ClassVar[bool] = False
    gradient: ClassVar[Literal["exact", "straight-through"]] = "exact"
    branchable: ClassVar[bool] = True
    namespaces: ClassVar[tuple[str, ...]] = ("numpy", "torch")
    variants: ClassVar[tuple[Mapping[str, Any], ...]] = ({},)
    small: ClassVar[Mapping[str, Mapping[str, Any]]] = {"": {}}
    has_laboratory: ClassVar[bool] = False
    evidence: ClassVar[str] = ""

    def __post_init__(self) -> None:
        """Hold options to their annotations; a market with rules of its own calls this first.

        Raises:
            PacesetterError: an option is out of its range, no choice there is, or no number.
        """
        check_ranges(self, f"market {getattr(self, 'name', type(self).__qualname__)!r}")

    # What a market declares ---------------------------------------------------------------------

    @property
    @abstractmethod
    def characteristics(self) -> Characteristics:
        """The θ space."""

    @property
    @abstractmethod
    def groups(self) -> tuple[Group, ...]:
        """The follower types."""

    @property
    @abstractmethod
    def steps_per_episode(self) -> int:
        """Steps of one episode, T."""

    @property
    @abstractmethod
    def leader_observation_space(self) -> Box:
        """What a leader sees, a float32 `Box` of shape ``(L,)``."""

    @property
    @abstractmethod
    def quantities(self) -> dict[str, str]:
        """The path quantities of a `Step`: name -> description with unit."""

    @property
    def step_shocks(self) -> dict[str, Shock]:
        """Named randomness of every step."""
        return {}

    @property
    def reset_shocks(self) -> dict[str, Shock]:
        """Named randomness of the start of an episode."""
        return {}

    @property
    def ends_early(self) -> bool:
        """Whether an episode may come to an end before its horizon, in one copy and not another."""
        return False

    @property
    def ends_at_horizon(self) -> bool:
        """True: the last step terminates the episode; False: it truncates it."""
        return False

    # What a market computes ---------------------------------------------------------------------

    @abstractmethod
    def initial(self, theta: Array, shocks: Shocks) -> dict[str, Array]:
        """The market's own state fields at the start of an episode, each ``(B, …)``."""

    @abstractmethod
    def transition(self, state: Any, actions: Actions, shocks: Shocks) -> Step:
        """One step of all copies: pure, the same for every array namespace.

        Where torch is among them no Python branch depends on values (see `arrays.surely_none`).

        Args:
            state: the state before the step.
            actions: group name -> ``(B, N, A)`` within a Box, or ``(B, N)`` integers.
            shocks: name -> ``(B, …)``, as declared in `step_shocks`.
        """

    @abstractmethod
    def observe(self, state: Any) -> dict[str, Array]:
        """What followers see: group name -> ``(B, N, D)`` float32, ending with their view of θ."""

    @abstractmethod
    def leader_observe(self, state: Any) -> Array:
        """What a leader sees, ``(B, L)`` float32."""

    def information_costs(self, state: Any) -> dict[str, Array]:
        """Price λ of information, in reward units per nat: group name -> ``(B, N)``.

        An agent with price λ maximises its reward minus λ KL(π(·|o) ‖ uniform). Only groups that
        declare `Group.information_cost` appear.
        """
        return {}

    def deciding(self, state: Any) -> dict[str, Array]:
        """Followers whose action counts in this state, 1, and those who are idle, 0.

        Group -> ``(B, N)``; groups left out decide in every state. Nothing is learned from an
        action that no one heeds: it adds noise and takes time. RLlib's own runners do learn from
        it, which is no less right.
        """
        return {}

    def paths(self, theta: Array, seed: int) -> Paths | None:
        """One episode without stepping, for markets without learning groups that have a faster way.

        The law is that of `transition`; random numbers may be used otherwise.

        Args:
            theta: ``(B, d)``, NumPy.
            seed: of the episode; the same numbers with another θ are common random numbers.
        """
        return None

    def planted_sample(self, theta: Any, number: int, seed: int, quantity: str = "price") -> Any:
        """Observations of a path quantity under a known θ, ``(number,)``.

        They come from the market's computed equilibrium, or from its background without followers,
        and serve as the reference of a calibration whose right answer is known.

        Raises:
            PacesetterError: this market has no computed answer, or none for that quantity.
        """
        raise PacesetterError(
            f"market {self.name!r} has no computed equilibrium to plant a reference from; give the "
            "reference as a CSV file or as moments."
        )

    def answered(self) -> Market | None:
        """This market with followers who do what is computed instead of learning; None: unknown.

        Paths of a known θ, and what data can tell of it, are then known before anybody has learned.
        """
        return None if self.groups else self

    def laboratory(
        self,
        real: Mapping[str, float],
        start: Mapping[str, float],
        share: float = 1.0,
        number: int = 0,
    ) -> Laboratory:
        """Where a world agent that stands for this market's own traders is experimented on.

        Args:
            real: how the traders of the real market differ from this one's, parameter -> value.
            start: how those of the market that an agent is first fitted to differ from the real.
            share: of the decisions at which the experimental agent acts.
            number: which laboratory; each has random numbers of its own.

        Raises:
            PacesetterError: an unknown parameter, or this market `has_laboratory` none.
        """
        raise PacesetterError(
            f"market {self.name!r} has no traders that a world agent could stand for."
        )

    def smooth(self) -> Self:
        """The market that gradients of this one are exact for, and differences confirm: itself."""
        return self

    def lost_episodes(self, state: Any) -> list[str]:
        """Why copies of a state that was pickled cannot go on, ``(B,)``; empty where they can.

        Their episodes must be restarted.
        """
        return [""] * state.theta.shape[0]

    @property
    def compiled_steps(self) -> CompiledSteps | None:
        """Its steps as compiled loops, for markets so small that a step in NumPy is all overhead.

        They give what `transition` and `observe` give. Such a market has one group of followers,
        who act within a Box and decide in every step, and its episodes end at their horizon alone.
        """
        return None

    def best_response_value(self, state: Any, followers: Followers) -> dict[str, BestResponse]:
        """What the next step is worth to a follower that alone does its best; empty: not known.

        Of one step, as it counts for followers who do not look ahead (a discount of 0) or have
        nothing to look ahead to. Groups that are left out are not known.

        Args:
            state: of B copies, NumPy; θ may differ between them.
            followers: how all behave, the deviating one included.
        """
        return {}

    def benchmark(self) -> dict[str, float]:
        """Closed-form or brute-force figures of this market, name -> value; empty if none."""
        return {}

    # What every market shares -------------------------------------------------------------------

    @cached_property
    def _step_layout(self) -> ShockLayout:
        return ShockLayout(self.step_shocks)

    @cached_property
    def _reset_layout(self) -> ShockLayout:
        return ShockLayout(self.reset_shocks)

    def reset(
        self,
        seed: int,
        copies: int = 1,
        theta: ArrayLike | Mapping[str, float] | None = None,
        like: Array | None = None,
    ) -> Any:
        """Start `copies` episodes; copy b equals a single market seeded with ``seed + b``.

        Args:
            seed: a non-negative integer.
            copies: number of parallel copies, B.
            theta: characteristics (see `Characteristics.validate`). A tensor puts the whole state
                in its namespace and on its device, and its gradient goes on from there.
            like: an array whose namespace and device the state takes (θ's own if None).

        Raises:
            PacesetterError: a seed, a number of copies or a θ that is not allowed, or a namespace
                that the market does not run in.
        """
        if seed < 0 or copies < 1:
            raise PacesetterError(f"seed must be >= 0 and copies >= 1, got {seed} and {copies}.")
        seeds = np.arange(seed, seed + copies, dtype=np.uint64)
        array = self.characteristics.validate(theta, copies)
        array = array if like is None else convert(array, like)
        self._require_namespace(array)
        return self._start(
            array,
            RandomStream.start(seeds, STEP, self._step_layout),
            RandomStream.start(seeds, RESET, self._reset_layout),
        )

    def _require_namespace(self, theta: Array) -> None:
        kind = type(theta).__module__.partition(".")[0]
        if kind not in self.namespaces:
            raise PacesetterError(
                f"market {self.name!r} runs in {', '.join(self.namespaces)} alone, and nothing of "
                f"{kind} passes through it: give θ as numbers, theta.detach().cpu().numpy(), and "
                "leave out `like`."
            )

    def restart(self, state: Any, finished: Any) -> Any:
        """Start a new episode in the copies where `finished`, ``(B,)`` bool, holds.

        θ stands and the random streams go on, so a run of many episodes is one stream.
        """
        finished = detached(finished)
        if finished.all():
            return self._start(state.theta, state.step_stream, state.reset_stream)
        rows = np.flatnonzero(finished)
        if not rows.size:
            return state
        part = state.take(rows)
        return state.put(rows, self._start(part.theta, part.step_stream, part.reset_stream))

    def _start(self, theta: Array, step_stream: RandomStream, reset_stream: RandomStream) -> Any:
        draws, reset_stream = reset_stream.draw(self._reset_layout)
        shocks = {name: convert(value, theta) for name, value in draws.items()}
        state = self.begin(theta, shocks)
        return changed(state, step_stream=step_stream, reset_stream=reset_stream)

    def begin(self, theta: Array, shocks: Shocks) -> Any:
        """The state at the start of an episode under given shocks, without streams of its own.

        Args:
            theta: ``(B, d)``.
            shocks: name -> ``(B, …)``, as declared in `reset_shocks`, of θ's namespace.
        """
        xp = namespace(theta)
        return self.state_type(
            theta=theta,
            clock=xp.zeros(theta.shape[0], dtype=xp.int64, device=array_api_compat.device(theta)),
            step_stream=NO_STREAM,
            reset_stream=NO_STREAM,
            **self.initial(theta, shocks),
        )

    def step(self, state: Any, actions: Actions) -> Step:
        """Draw the step's shocks from the state's streams and apply `transition`."""
        draws, stream = state.step_stream.draw(self._step_layout)
        if is_tensor(state.theta):
            draws = {name: convert(value, state.theta) for name, value in draws.items()}
            actions = {name: convert(value, state.theta) for name, value in actions.items()}
        return self.transition(changed(state, step_stream=stream), actions, draws)

    def set_characteristics(self, state: Any, theta: ArrayLike | Array | Mapping[str, Any]) -> Any:
        """The state under another θ, ``(d,)`` or ``(B, d)``; the episode goes on.

        The state keeps its namespace and device. One of NumPy's follows a tensor into its own.

        Raises:
            PacesetterError: θ is out of bounds, or of a namespace that the market does not run in.
        """
        return self.with_theta(state, self.characteristics.validate(theta, state.theta.shape[0]))

    def with_theta(self, state: Any, theta: Array) -> Any:
        """The state under another θ, ``(B, d)``, that is known to be allowed."""
        if is_tensor(theta) and isinstance(state.theta, np.ndarray):
            self._require_namespace(theta)
            state = state.like(theta)
        return changed(state, theta=converted(theta, state.theta))

    def end_step(
        self,
        state: Any,
        rewards: dict[str, Array],
        quantities: dict[str, Array],
        terminated: Array | None = None,
    ) -> Step:
        """Advance the clock and tell termination from truncation; the last line of `transition`."""
        clock = state.clock + 1
        at_horizon = clock >= self.steps_per_episode
        never = at_horizon & False
        ended = never if terminated is None else terminated
        if self.ends_at_horizon:
            ended, cut = ended | at_horizon, never
        else:
            cut = at_horizon & ~ended
        return Step(changed(state, clock=clock), rewards, quantities, ended, cut)
