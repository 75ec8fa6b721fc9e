"""Any PettingZoo `ParallelEnv` as a market: how users bring their own environments.

A class needs two members beyond PettingZoo's own, and a length:

    class MyEnv(ParallelEnv):
        characteristics_space = Box(0.0, 1.0, (1,))        # what a leader may set
        max_steps = 50                                     # steps of an episode
        def set_characteristics(self, theta): ...          # theta: array of shape (1,)

What it may declare beyond that is listed under `AdaptedMarket`. B copies are stepped in a Python
loop, each seeded on its own: copy b of a batch seeded with s plays as the environment itself does
after ``reset(seed=s + b)``; the seeds of later episodes are drawn from the copy's own stream.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from copy import deepcopy
from dataclasses import MISSING, dataclass, field, fields, make_dataclass, replace
from functools import cache, cached_property
from typing import Any, ClassVar

import numpy as np
from gymnasium.spaces import Box
from numpy.typing import ArrayLike, NDArray

from ..core.arrays import Array
from ..core.characteristics import Characteristics
from ..core.dotted import told
from ..core.errors import PacesetterError
from ..core.group import Group
from ..core.market import Actions, Market, Shocks
from ..core.random_streams import Shock
from ..core.ranges import check_ranges
from ..core.state import State
from ..core.step import Step
from .copies import AdaptedCopy
from .declarations import Declarations, check_members, declarations
from .fidelity import lost_by_copying

SEEDS = 2**32  # NumPy's global generator, which an environment may use, takes no larger seed


@dataclass(frozen=True)
class AdaptedState(State):
    """The environments themselves.

    Attributes:
        environments: `AdaptedCopy` objects, ``(B,)``.
    """

    environments: Array


@dataclass(frozen=True)
class AdaptedMarket(Market):
    """B copies of a PettingZoo environment; its subclasses are made by `adapted`.

    Their options are the parameters of the environment's constructor. An environment may declare:

    | attribute | meaning | default |
    |---|---|---|
    | `characteristics_names` | names of θ's entries | theta_0, … |
    | `characteristics_default` | θ where none is given | middle of the bounds |
    | `observes_characteristics` | its own observations show θ | False |
    | `groups` | group name -> agents, who share a policy | by name and spaces |
    | `quantities` | key of the first agent's info -> description | none |
    | `leader_observation_space`, `leader_observe()` | what a leader sees | a constant |
    | `max_steps` (or in `metadata`) | steps of an episode, cut there | required |
    | `branchable` | see below | False |

    Unless the environment shows θ itself, θ scaled to [−1, 1] is appended to every observation:
    the agent's view θ̂ is all of θ. If it does, and θ may change during an episode, a method
    ``observe(agent)`` lets the next observation show it at once. θ set before the first step of an
    episode is in force when the environment is reset.

    *A step uses its state up*, because the environments change in place: stepping a state twice is
    refused. Where the class declares ``branchable = True``, every step copies its environments
    first (`copy.deepcopy`), and states can be branched and stepped again, at that price.

    A pickled state holds the environments, so that a run resumes exactly, unless they keep the
    arguments of their constructor alone (`EzPickle`, as PettingZoo's own do) or cannot be pickled:
    see `lost_episodes`.
    """

    name: ClassVar[str] = "adapted"
    found_at: ClassVar[str] = ""
    more_options: ClassVar[str] = ""
    factory: ClassVar[Callable[..., Any]] = object
    state_type: ClassVar[type[State]] = AdaptedState
    branchable: ClassVar[bool] = False
    namespaces: ClassVar[tuple[str, ...]] = ("numpy",)

    def __post_init__(self) -> None:
        """Hold options to the limits of ``Annotated`` alone: to Python other hints are comments."""
        check_ranges(self, f"market {self.name!r}", types_too=False)

    def __reduce__(self) -> tuple[Any, ...]:
        """By environment and options: the class itself is made on the fly."""
        return _rebuilt, (type(self).factory, self.found_at, self._options())

    def _options(self) -> dict[str, Any]:
        return {f.name: getattr(self, f.name) for f in fields(self)}

    def environment(self) -> Any:
        """A new environment with this market's options.

        Raises:
            PacesetterError: it cannot be built; the message names the line at fault.
        """
        try:
            return type(self).factory(**self._options())
        except PacesetterError:
            raise
        except (Exception, SystemExit) as error:
            raise PacesetterError(
                f"{self.found_at}: building the environment failed:\n{told(error)}"
            ) from error

    @cached_property
    def declared(self) -> Declarations:
        """What the environment says about itself.

        Raises:
            PacesetterError: a member is missing or unfit.
        """
        environment = self.environment()
        try:
            found = declarations(environment, self.found_at)
        except PacesetterError:
            raise
        except (Exception, SystemExit) as error:  # of its own methods and properties
            raise PacesetterError(
                f"{self.found_at}: what the environment declares cannot be read:\n{told(error)}"
            ) from error
        if self.branchable and (reason := lost_by_copying(environment)):
            raise PacesetterError(
                f"{self.found_at}: declares `branchable = True`, but a copy would be a new "
                f"environment: {reason}. Leave `branchable` out, or define __deepcopy__."
            )
        return found

    @property
    def characteristics(self) -> Characteristics:
        """θ, from `characteristics_space`."""
        return self.declared.characteristics

    @property
    def groups(self) -> tuple[Group, ...]:
        """Agents who share a policy."""
        return self.declared.groups

    @property
    def steps_per_episode(self) -> int:
        """`max_steps`."""
        return self.declared.steps

    @property
    def leader_observation_space(self) -> Box:
        """The environment's own, or a constant."""
        return self.declared.leader_observation_space

    @property
    def quantities(self) -> dict[str, str]:
        """What the environment records in the first agent's info."""
        return self.declared.quantities

    @property
    def reset_shocks(self) -> dict[str, Shock]:
        """The seeds of later episodes."""
        return {"seed": Shock("uniform")}

    def initial(self, theta: Array, shocks: Shocks) -> dict[str, Array]:
        """New environments, ``(B,)``, with seeds from the reset stream."""
        environments = np.empty(len(theta), dtype=object)
        for b, uniform in enumerate(shocks["seed"]):
            seed = int(uniform * SEEDS)
            environments[b] = AdaptedCopy(self.environment, self.declared, seed)
        return {"environments": environments}

    def restart(self, state: AdaptedState, finished: Any) -> AdaptedState:
        """Start a new episode in the copies where `finished`, ``(B,)`` NumPy bool, holds."""
        begun = super().restart(state, finished)
        if not self.branchable:
            for old, new in zip(state.environments, begun.environments, strict=True):
                if new is not old:
                    new.take_over(old)
        return begun

    def reset(
        self,
        seed: int,
        copies: int = 1,
        theta: ArrayLike | Mapping[str, float] | None = None,
        like: Array | None = None,
    ) -> AdaptedState:
        """Start `copies` episodes; the environment of copy b is reset with ``seed + b``."""
        state = super().reset(seed, copies, theta, like)
        for b, environment in enumerate(state.environments):
            environment.seed = (seed + b) % SEEDS
        return state

    def transition(self, state: AdaptedState, actions: Actions, shocks: Shocks) -> Step:
        """Step every environment; `shocks` are empty, as randomness is the environments' own.

        Raises:
            PacesetterError: the state has been stepped before, or only some agents of an
                environment have come to their end.
        """
        environments = state.environments
        if self.branchable:
            environments = np.empty_like(environments)
            environments[:] = [environment.branch() for environment in state.environments]
        outcomes = []
        for b, environment in enumerate(environments):
            environment.follow(state.theta[b])
            own = {group: chosen[b] for group, chosen in actions.items()}
            outcomes.append(environment.step(own, int(state.clock[b])))
        after = replace(state, environments=environments)
        rewards = self._split(np.stack([outcome.rewards for outcome in outcomes]))
        quantities = {
            name: np.array([outcome.quantities[name] for outcome in outcomes])
            for name in self.quantities
        }
        terminated = np.array([outcome.terminated for outcome in outcomes])
        step = self.end_step(after, rewards, quantities, terminated)
        truncated = np.array([outcome.truncated for outcome in outcomes])
        return replace(step, truncated=step.truncated | truncated)

    def observe(self, state: AdaptedState) -> dict[str, Array]:
        """The environments' observations, flat, and θ̂, ``(B, N, D)``."""
        seen = [
            environment.follow(theta).observations
            for environment, theta in zip(state.environments, state.theta, strict=True)
        ]
        view = self.declared.view(state.theta)
        observations = {}
        for group in self.groups:
            own = np.stack([by_group[group.name] for by_group in seen])
            shown = np.broadcast_to(view[:, None, :], (*own.shape[:2], view.shape[1]))
            observations[group.name] = np.concatenate([own, shown], axis=2)
        return observations

    def leader_observe(self, state: AdaptedState) -> Array:
        """The environments' `leader_observe`, or zeros, ``(B, L)``."""
        if not self.declared.has_leader_observation:
            return np.zeros((len(state.theta), 1), dtype=np.float32)
        seen = [
            environment.follow(theta).leader_observation
            for environment, theta in zip(state.environments, state.theta, strict=True)
        ]
        return np.stack(seen)

    def lost_episodes(self, state: AdaptedState) -> list[str]:
        """Copies whose environments do not survive pickling, once they have been stepped."""
        return [environment.lost for environment in state.environments]

    def _split(self, rewards: NDArray[np.float64]) -> dict[str, Array]:
        """All agents' rewards, ``(B, ΣN)``, by group."""
        ends = np.cumsum([group.size for group in self.groups])[:-1]
        parts = np.split(rewards, ends, axis=1)
        return {group.name: part for group, part in zip(self.groups, parts, strict=True)}


@cache
def adapted(found: Any, path: str) -> type[Market]:
    """The market of a PettingZoo environment.

    Args:
        found: an environment class, or a function that builds one.
        path: where it was found, ``module:attribute``, for messages and for pickling.

    Returns:
        a frozen dataclass whose fields are the parameters of `found`.

    Raises:
        PacesetterError: it cannot be called, a class lacks a member, or a parameter of its
            constructor has a name that markets use themselves.
    """
    if not callable(found):
        raise PacesetterError(
            f"{path!r} is {type(found).__name__}, neither a market, a PettingZoo ParallelEnv class "
            "nor a function that builds one."
        )
    if isinstance(found, type):
        check_members(found, path)
    options, open_ended = [], []
    for parameter in _parameters(found, path):
        if parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD):
            stars = "*" if parameter.kind == parameter.VAR_POSITIONAL else "**"
            open_ended.append(f"{stars}{parameter.name}")
            continue
        options.append(_option(parameter, path))
    module, _, attribute = path.rpartition(":")
    namespace = {
        "factory": staticmethod(found),
        "found_at": path,
        "name": path,
        "branchable": bool(getattr(found, "branchable", False)),
        "more_options": "",
        "__doc__": found.__doc__,
    }
    if open_ended:
        namespace["more_options"] = (
            f" It is built with {' and '.join(open_ended)}, whose names are not known here: write "
            "a function with parameters of its own that passes them on, and name that."
        )
    name = attribute if attribute.isidentifier() else "Adapted"
    market = make_dataclass(
        name, options, bases=(AdaptedMarket,), namespace=namespace, frozen=True, kw_only=True
    )
    # An experiment file names a class by where it is imported from.
    market.__module__ = module or getattr(found, "__module__", __name__)
    market.__qualname__ = attribute
    return market


def _parameters(found: Any, path: str) -> list[inspect.Parameter]:
    try:
        return list(inspect.signature(found).parameters.values())
    except (TypeError, ValueError):  # as of classes written in C
        raise PacesetterError(
            f"{path}: what it is built with cannot be read; name a function of your own that "
            "returns one."
        ) from None


def _option(parameter: inspect.Parameter, path: str) -> tuple[str, Any, Any]:
    """A parameter of the environment's constructor as a field of the market."""
    if hasattr(AdaptedMarket, parameter.name):
        raise PacesetterError(
            f"{path}: the constructor's parameter {parameter.name!r} has the name of a member of "
            "every market; rename it, or name a function around it that has none such."
        )
    if parameter.kind == parameter.POSITIONAL_ONLY:
        raise PacesetterError(
            f"{path}: the constructor's parameter {parameter.name!r} cannot be given by name; "
            "remove the / after it, or name a function around it."
        )
    annotation = Any if parameter.annotation is parameter.empty else parameter.annotation
    default = parameter.default
    if default is parameter.empty:
        return parameter.name, annotation, field(default=MISSING)
    # A default that no file can hold is the program's own.
    in_files = {"option": _is_plain(default)}
    made = field(default_factory=lambda: deepcopy(default), metadata=in_files)
    return parameter.name, annotation, made


def _is_plain(value: Any) -> bool:
    if isinstance(value, (list, tuple)):
        return all(map(_is_plain, value))
    if isinstance(value, dict):
        return all(map(_is_plain, [*value.keys(), *value.values()]))
    return value is None or type(value) in (bool, int, float, str)


def _rebuilt(found: Any, path: str, options: dict[str, Any]) -> Market:
    return adapted(found, path)(**options)
