"""A market maker quotes a spread to zero-intelligence takers."""

from .market import MarketMaker

__all__ = ["MarketMaker"]
