"""Everything random about whole price paths, drawn, kept at hand, or gathered from single steps."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from ..core.errors import PacesetterError
from .options import StockMarketOptions
from .rules import Reals

MOST_KEPT = 100_000_000  # bytes of shocks that stay at hand


@dataclass(frozen=True)
class PathShocks:
    """Everything random about n paths of K periods, warm-up included; it does not depend on θ.

    Attributes:
        public: signal S that all noise traders see, ``(K, n)``.
        private: their own signals S_i, ``(K, N₁, n)``.
        valuations: P* + w_i less the initial price, ``(K, N₃, n)``.
    """

    public: Reals
    private: Reals
    valuations: Reals

    def __len__(self) -> int:
        return self.public.shape[1]

    @property
    def nbytes(self) -> int:
        """Of all arrays."""
        return self.public.nbytes + self.private.nbytes + self.valuations.nbytes

    def take(self, paths: Any) -> PathShocks:
        """Those of some paths (an index array or slice), contiguous."""
        parts = (self.public, self.private, self.valuations)
        return PathShocks(*(np.ascontiguousarray(part[..., paths]) for part in parts))


class ShockSource:
    """Makes the shocks of one market's paths.

    Args:
        market: its options.
    """

    def __init__(self, market: StockMarketOptions):
        self._market = market
        self._periods = market.warm_up + market.horizon
        self._kept: OrderedDict[tuple[int, int], PathShocks] = OrderedDict()

    def __getstate__(self) -> dict[str, Any]:
        """Without shocks: whoever is sent a simulation draws them anew."""
        return {**vars(self), "_kept": OrderedDict()}

    def kept(self, number: int, seed: int) -> PathShocks:
        """Shocks in double precision, which stay at hand for who comes back to them."""
        key = number, seed
        if key in self._kept:
            self._kept.move_to_end(key)
            return self._kept[key]
        found = self._kept[key] = self.draw(number, seed, np.float64)
        size = sum(shocks.nbytes for shocks in self._kept.values())
        while size > MOST_KEPT and len(self._kept) > 1:
            size -= self._kept.popitem(last=False)[1].nbytes
        return found

    def draw(self, number: int, seed: int, dtype: DTypeLike = np.float32) -> PathShocks:
        """Shocks of `number` paths."""
        market, periods = self._market, self._periods
        generator = np.random.default_rng(seed)

        def normal(*shape: int) -> Reals:
            return generator.standard_normal((periods, *shape, number), dtype=np.float32)

        return self._composed(
            normal(),
            normal(market.noise_traders),
            normal(market.fundamental_traders),
            normal(),
            normal(),
            dtype,
        )

    def gathered(
        self, periods: Sequence[Mapping[str, NDArray[Any]]], dtype: DTypeLike = np.float64
    ) -> PathShocks:
        """Shocks of paths from those of the market's steps, warm-up first, each name -> ``(n, …)``.

        Raises:
            PacesetterError: there are more or fewer periods than the market has.
        """
        if len(periods) != self._periods:
            raise PacesetterError(
                f"a path of market 'stock_market' has {self._periods} periods, warm-up included, "
                f"got shocks of {len(periods)}."
            )

        def of(name: str) -> NDArray[Any]:
            return np.stack([np.moveaxis(period[name], 0, -1) for period in periods])

        return self._composed(
            of("public_signal"),
            of("private_signals"),
            of("valuations"),
            of("value"),
            of("value_variance"),
            dtype,
        )

    def _composed(
        self,
        public: NDArray[Any],
        private: NDArray[Any],
        valuations: NDArray[Any],
        value: NDArray[Any],
        variance: NDArray[Any],
        dtype: DTypeLike,
    ) -> PathShocks:
        market = self._market
        value = market.value_process.path(
            market.initial_price, market.initial_variance, value, variance
        )
        value -= market.initial_price
        seen = value[:, None] + market.valuation_variance**0.5 * valuations
        return PathShocks(
            (market.public_variance**0.5 * public).astype(dtype),
            (market.private_variance**0.5 * private).astype(dtype),
            seen.astype(dtype),
        )
