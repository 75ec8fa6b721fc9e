"""What options of a market of dealers do not go together, and the cure."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..core.errors import PacesetterError
from .terms import LEAST_CONNECTIVITY, TRAITS


def check_options(market: Any) -> None:
    """Refuse a market that contradicts itself.

    Raises:
        PacesetterError: targets of another number than there are makers, or options that exclude
            each other.
    """
    for option in ("share_weights", "share_targets"):
        given = getattr(market, option)
        if len(given) not in (1, market.makers) or min(given) < 0.0:
            raise PacesetterError(
                f"market.{option} has {len(given)} entries for {market.makers} maker(s), of whom "
                f"no other has one: give one for all or one for each, none below 0; got {given}."
            )
    reason = _of_makers(market) or _of_types(market)
    if reason:
        raise PacesetterError(f"market 'dealers': {reason}")


def _of_makers(market: Any) -> str:
    """What does not go together of whom makers deal with, and the cure; empty if all does."""
    makers = market.scenario != "investors"
    reachable = market.takers + (0 if market.scenario == "makers" else market.investors)
    share = LEAST_CONNECTIVITY if market.connectivity is None else market.connectivity
    if max(market.share_targets) > 1.0:
        return f"share_targets = {market.share_targets}: shares of the takers reached, up to 1."
    if makers and not reachable:
        return "there is nobody whom makers could deal with; takers: 10."
    if makers and market.network == "fixed" and np.round(share * reachable) < 1:
        return (
            f"connectivity {market.connectivity} of {reachable} takers reaches nobody; more "
            "takers, a higher connectivity, or network: per_step."
        )
    return ""


def _of_types(market: Any) -> str:
    """What does not go together of types and rules, and the cure; empty if all does."""
    if market.spreads is not None and len(market.spreads) != len(TRAITS):
        names = ", ".join(trait.name for trait in TRAITS)
        return f"spreads has {len(market.spreads)} entries; give one for each of {names}."
    if market.spreads is not None and (market.types != "distribution" or min(market.spreads) < 0):
        return "spreads are half-widths, at least 0, of types: distribution."
    if market.scenario == "investors" and market.types == "individual":
        return "types of its own each maker has, and there is none; types: distribution."
    if market.makers_are == "computed" and not market.alone:
        return (
            "computed quotes are those of one maker alone on a random walk that reaches a "
            "fixed number of takers and has no target share; makers_are: learning."
        )
    if not any(market.terms.populations):
        return "every trait is given, so that nothing is left for θ; leave one of them out."
    return ""
