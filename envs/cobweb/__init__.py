"""Producers who forecast a price that their forecasts make."""

from .market import Cobweb

__all__ = ["Cobweb"]
