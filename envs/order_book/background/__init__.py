"""Background traders who fill an order book, after ABIDES' configurations."""

from .market import PRESETS, BackgroundMarket
from .simulation import Markets

__all__ = ["PRESETS", "BackgroundMarket", "Markets"]
