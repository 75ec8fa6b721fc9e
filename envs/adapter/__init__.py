"""Any PettingZoo parallel environment as a market."""

from .market import AdaptedMarket, adapted

__all__ = ["AdaptedMarket", "adapted"]
