"""The markets by name: those Pacesetter ships, a line each, and those of other packages."""

from __future__ import annotations

from dataclasses import fields
from typing import TYPE_CHECKING, Any

from .core.catalogue import Catalogue
from .core.dotted import import_dotted, told
from .core.errors import PacesetterError, unknown

if TYPE_CHECKING:  # names are asked for where no market is imported yet
    from .core.market import Market

MARKETS: Catalogue[Market] = Catalogue(
    __package__,
    {
        "aiyagari": "aiyagari.market:Aiyagari",
        "cobweb": "cobweb.market:Cobweb",
        "dealers": "dealers.market:Dealers",
        "duopoly": "duopoly.market:Duopoly",
        "execution": "execution.market:Execution",
        "fx_dealer": "fx_dealer.market:FxDealer",
        "household_economy": "household_economy.market:HouseholdEconomy",
        "labour_tax": "labour_tax.market:LabourTax",
        "market_entry": "market_entry.market:MarketEntry",
        "market_maker": "market_maker.market:MarketMaker",
        "otc_rfq": "otc_rfq.market:RequestForQuote",
        "shops": "shops.market:Shops",
        "stock_market": "stock_market.market:StockMarket",
        "volatility_clustering": "volatility_clustering.market:VolatilityClustering",
    },
    group="pacesetter.markets",
)


def market_class(name: str) -> type[Market]:
    """The class behind a registered name or a dotted path ``module:attribute``.

    A path may lead to a `Market` or to any PettingZoo `ParallelEnv` class with
    `characteristics_space` and `set_characteristics`, which is adapted.

    Raises:
        PacesetterError: no such name, module or attribute, or it is neither of the two.
    """
    if ":" not in name:
        if name not in MARKETS:
            raise unknown("market", name, MARKETS)
        return MARKETS[name]
    from .adapter.market import adapted
    from .core.market import Market

    found = import_dotted(name, "market.name")
    if isinstance(found, type) and issubclass(found, Market):
        return found
    return adapted(found, name)


def unknown_option(cls: type[Market], name: str, option: str, known: list[str]) -> PacesetterError:
    """An error for an option that a market does not have."""
    kind = f"option of market {name!r}"
    error = unknown(kind, option, known) if known else f"unknown {kind} {option!r}; it has none."
    return PacesetterError(f"{error}{getattr(cls, 'more_options', '')}")


def make(name: str, **options: Any) -> Market:
    """Build a market, e.g. ``make("cobweb", treatment="stable")``.

    Raises:
        PacesetterError: unknown name or option, or a value out of range.
    """
    cls = market_class(name)
    try:
        return cls(**options)
    except TypeError as error:
        known = [field.name for field in fields(cls)]
        for option in options:
            if option not in known:
                raise unknown_option(cls, name, option, known) from None
        raise PacesetterError(f"market {name!r}: {told(error)}") from error
    except PacesetterError:
        raise
    except (Exception, SystemExit) as error:  # the code is the user's
        raise PacesetterError(f"market {name!r} cannot be made:\n{told(error)}") from error
