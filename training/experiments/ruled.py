"""Markets that go by a rule instead of a leader: what an answer is held to beside other θ."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields, replace
from typing import Any

from ...envs.core.errors import PacesetterError, unknown
from ...envs.core.market import Market


def ruled_market(market: Market, changes: Mapping[str, Any], where: str) -> Market:
    """The market with some of its options changed, for the same followers.

    Args:
        market: the experiment's.
        changes: option name -> value.
        where: the rule stands in the experiment, for errors.

    Raises:
        PacesetterError: there is no such option, a value is not allowed, or followers would see or
            do other things.
    """
    known = [field.name for field in fields(market) if field.init]
    for option in changes:
        if option not in known:
            kind = f"option of market {market.name!r}"
            raise PacesetterError(f"{where}: {unknown(kind, option, known)}")
    try:
        changed = replace(market, **changes)
        alike = _faces(changed) == _faces(market)
    except (PacesetterError, TypeError, ValueError, KeyError) as error:
        raise PacesetterError(f"{where}: {error} Correct the rule, or leave it out.") from error
    if not alike:
        raise PacesetterError(
            f"{where}: under {dict(changes)} followers see or do other things than in the run, and "
            "cannot go on from what they know; change only who sets θ."
        )
    return changed


def _faces(market: Market) -> list[Any]:
    """What followers see and may do."""
    return [(g.name, g.size, g.observation_space, g.action_space) for g in market.groups]
