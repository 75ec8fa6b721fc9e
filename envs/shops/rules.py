"""What options of a market of shops do not go together, and the cure."""

from __future__ import annotations

from typing import Any

from ..core.errors import PacesetterError
from ..core.populations import checked_shares

PER_SHOP = ("wholesale_costs", "delivery_times", "fixed_prices")


def check_options(market: Any) -> None:
    """Refuse a market that contradicts itself.

    Raises:
        PacesetterError: needs that are no shares, lists of another length than there are shops, or
            options that exclude each other.
    """
    kinds = [f"{k} units" for k in range(len(market.need))]
    checked_shares(market.need, kinds, "market.need")
    for option in PER_SHOP:
        given = getattr(market, option)
        if given is None:
            continue
        if len(given) not in (1, market.shops) or min(given) < 0.0:
            raise PacesetterError(
                f"market.{option} has {len(given)} entries for {market.shops} shops: give one "
                f"for all or one for each, none below 0, got {given}."
            )
    reason = _contradiction(market)
    if reason:
        raise PacesetterError(f"market 'shops': {reason}")


def _contradiction(market: Any) -> str:
    """What does not go together, and the cure; empty if all does."""
    if market.mean_need == 0.0:
        return f"market.need = {market.need}: nobody ever needs anything; e.g. [0, 1]."
    if market.agents < 1:
        return "design 'rival_price' needs two shops: one is θ, the others answer; shops: 2."
    if market.customer_choice == "captive" and market.shops > 1:
        return f"captive customers have one shop, not {market.shops}; shops: 1, or 'logit'."
    if market.customer_choice == "captive" and market.fixed_prices is None:
        return "captive customers pay any price; give fixed_prices, e.g. [1.0]."
    if market.fixed_prices is not None and market.design == "rival_price":
        return "prices are given, and θ is one of them; another design, or no fixed_prices."
    if max(market.wholesale_costs) >= market.highest_price and market.fixed_prices is None:
        return (
            f"highest_price {market.highest_price:g} is not above every wholesale cost "
            f"{market.wholesale_costs}, so that nobody could earn anything."
        )
    if market.design == "costs" and not market.stock_held:
        return "design 'costs' sets what storage costs, but no stock is held; stock_held: true."
    if market.design in ("mix", "composition") and market.customer_kinds != "mixed":
        return (
            f"design {market.design!r} mixes customers of kinds; customer_kinds: mixed, or reach."
        )
    return ""
