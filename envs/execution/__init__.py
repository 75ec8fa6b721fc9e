"""Traders work large orders in a limit order book."""

from .market import Execution

__all__ = ["Execution"]
