"""Dealers stream price ladders by tier and size, skew them by inventory, and hedge."""

from .market import FxDealer

__all__ = ["FxDealer"]
