"""Does a market keep the contract? `check_market` tries every promise and reports what it found.

report = check_market(make("my_module:MyEnv"))
print(report)
assert report.ok
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from ..core.dotted import is_users, place_of
from ..core.errors import PacesetterError
from ..core.market import Market
from . import characteristics as check_characteristics
from . import contract as check_contract
from . import gradients as check_gradients
from . import namespaces as check_namespaces
from . import randomness as check_randomness
from .play import FaultError

CHECKS: dict[str, Callable[[Market, int, int], str]] = {
    "declarations": check_contract.declarations,
    "shapes and types": check_contract.shapes_and_types,
    "finite values": check_contract.finite_values,
    "end of an episode": check_contract.end_of_episode,
    "information costs": check_contract.information_costs,
    "idle followers": check_contract.idle_followers,
    "determinism": check_randomness.determinism,
    "nothing hidden on the market": check_randomness.nothing_hidden,
    "copies are independent": check_randomness.independent_copies,
    "inputs are not changed": check_randomness.inputs_unchanged,
    "copy, branch and pickle": check_randomness.copy_branch_pickle,
    "resume": check_randomness.resume,
    "allowed characteristics": check_characteristics.allowed,
    "forbidden characteristics": check_characteristics.forbidden,
    "characteristics at the start": check_characteristics.at_the_start,
    "characteristics in an episode": check_characteristics.in_an_episode,
    "view of characteristics": check_characteristics.view,
    "effect of characteristics": check_characteristics.effect,
    "size of observations": check_contract.observation_sizes,
    "torch": check_namespaces.torch_equals_numpy,
    "no branches on values": check_namespaces.blind,
    "gradients": check_gradients.of_a_step,
    "gradients from θ on": check_gradients.of_a_play,
    "PettingZoo": check_contract.pettingzoo,
}
"""Name -> check. It returns a detail, or says what is wrong by raising `FaultError`."""


@dataclass(frozen=True)
class Check:
    """The outcome of one check.

    Attributes:
        name: what was checked.
        outcome: ``skipped`` where the market declares that it does not promise this, ``warning``
            where it keeps its promises and will hardly be of use so.
        detail: what was found, or why it was skipped.
    """

    name: str
    outcome: Literal["ok", "failed", "skipped", "warning"]
    detail: str


@dataclass(frozen=True)
class Report:
    """Outcomes of all checks of a market.

    Attributes:
        market: its name.
        checks: in the order they were made.
    """

    market: str
    checks: tuple[Check, ...]

    @property
    def ok(self) -> bool:
        """Whether no check failed."""
        return not self.failed

    @property
    def failed(self) -> tuple[str, ...]:
        """Names of the failed checks."""
        return tuple(check.name for check in self.checks if check.outcome == "failed")

    def __str__(self) -> str:
        width = max(len(check.name) for check in self.checks)
        lines = [f"market {self.market}"]
        for check in self.checks:
            detail = check.detail.replace("\n", "\n" + " " * (width + 12))
            lines.append(f"  {check.outcome:<8} {check.name:<{width}} {detail}".rstrip())
        number, warned = len(self.failed), sum(c.outcome == "warning" for c in self.checks)
        verdict = f"{number} of {len(self.checks)} checks failed" if number else "all good"
        if warned:
            verdict += f", with {warned} warning{'s' if warned > 1 else ''}"
        lines.append(verdict)
        return "\n".join(lines)


def check_market(
    market: Market,
    steps: int | None = None,
    seed: int = 0,
    watch: Callable[[str], None] = lambda name: None,
) -> Report:
    """Try every promise of the `Market` contract.

    Args:
        market: the market to check.
        steps: of one play; by default a little more than two episodes, but at most 120.
        seed: of the random streams and actions.
        watch: called with the name of every check before it is made.

    Returns:
        a report; nothing is raised, whatever the market does.
    """
    try:
        require_playable(market)
        played = steps or min(2 * market.steps_per_episode + 3, 120)
    except (Exception, SystemExit) as error:
        return Report(type(market).__name__, (Check("declarations", "failed", _told(error)),))
    checks = []
    for name, check in CHECKS.items():
        watch(name)
        checks.append(_outcome(name, check, market, played, seed))
    return Report(market.name, tuple(checks))


def require_playable(market: Market) -> None:
    """Begin one episode, so that what makes every check fail is said once.

    Raises:
        PacesetterError: the market cannot be built, lacks a declaration or cannot begin.
    """
    try:
        market.observe(market.reset(0))
        market.leader_observe(market.reset(0))
    except PacesetterError:
        raise
    except Exception:
        return  # a fault of the market, which the checks name


def _outcome(
    name: str, check: Callable[[Market, int, int], str], market: Market, steps: int, seed: int
) -> Check:
    try:
        detail = check(market, steps, seed)
    except FaultError as fault:
        return Check(name, "failed", str(fault))
    except (Exception, SystemExit) as error:
        return Check(name, "failed", _told(error))
    if detail.startswith(SKIPPED):
        return Check(name, "skipped", detail.removeprefix(SKIPPED))
    if detail.startswith(WARNING):
        return Check(name, "warning", detail.removeprefix(WARNING))
    return Check(name, "ok", detail)


def _told(error: BaseException) -> str:
    if isinstance(error, PacesetterError):
        return str(error)
    place = place_of(error)
    where = f"{place}: " if place and is_users(place) else ""
    return f"{where}{type(error).__name__}: {error}"


SKIPPED, WARNING = "skipped: ", "warning: "
"""How a check's detail begins where there was nothing to check, or no promise was broken."""
