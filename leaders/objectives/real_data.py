"""References of real prices, as the log returns between them."""

from __future__ import annotations

import importlib
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ...envs.core.errors import PacesetterError
from ...envs.core.market import Market
from .references import CsvFile, Reference

Floats = NDArray[np.float64]


def log_returns(prices: ArrayLike, where: str) -> Floats:
    """Log returns between prices, ``(n,)`` to ``(n − 1,)``.

    Raises:
        PacesetterError: a price is missing or not positive, or there are fewer than 3.
    """
    array = np.asarray(prices, dtype=np.float64)
    wrong = np.flatnonzero(~(np.isfinite(array) & (array > 0.0)))
    if wrong.size:
        row = int(wrong[0])
        raise PacesetterError(
            f"{where}: price {row + 1} of {len(array)} is {array[row]:g}; a return needs positive "
            "prices on both sides. Remove it, or give returns as reference: {name: csv, path: …}."
        )
    if len(array) < 3:
        raise PacesetterError(
            f"{where} has {len(array)} price(s); a distribution of returns needs at least 3."
        )
    return np.diff(np.log(array))


@dataclass(frozen=True)
class Prices(CsvFile):
    """Prices the user supplies, read as their log returns.

    Attributes:
        path: CSV file with a header line, one price per line, in the order of time.
        column: name of the column of prices; empty: ``price``.
    """

    name: ClassVar[str] = "prices"

    def sample(self, market: Market, quantity: str) -> Floats:
        """Log returns, in file order."""
        prices = super().sample(market, "price")
        return log_returns(prices, f"reference CSV {self.path!r}")


@dataclass(frozen=True)
class Index(Reference):
    """Daily log returns of a stock index from 1999 to 2018, 5,030 of each.

    They come with the package `arch` (Kevin Sheppard), which is an extra: ``pip install
    'pacesetter[data]'``.

    Attributes:
        index: S&P 500 or NASDAQ composite, closing prices.
    """

    index: Literal["sp500", "nasdaq"] = "sp500"

    name: ClassVar[str] = "index"

    def sample(self, market: Market, quantity: str) -> Floats:
        """Log returns, in the order of time."""
        return log_returns(self._table()["Adj Close"], f"index {self.index!r}")

    def _table(self) -> Any:
        try:
            # By name: who does not ask for real data need not have it.
            module = importlib.import_module(f"arch.data.{self.index}")
        except ImportError as error:
            raise PacesetterError(
                f"reference 'index' reads {self.index!r} from the package 'arch', which cannot be "
                f"imported ({error}). Install it with pip install 'pacesetter[data]', or give a "
                "file of prices as reference: {name: prices, path: …}."
            ) from None
        return module.load()
