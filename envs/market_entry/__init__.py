"""Traders crowd into a market of limited capacity."""

from .market import MarketEntry

__all__ = ["MarketEntry"]
