"""Traders with thresholds hear the same news; volatility comes in clusters."""

from .market import VolatilityClustering

__all__ = ["VolatilityClustering"]
