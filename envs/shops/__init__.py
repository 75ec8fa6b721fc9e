"""Shops set prices and hold stock; customers choose among those they reach."""

from .market import Shops

__all__ = ["Shops"]
