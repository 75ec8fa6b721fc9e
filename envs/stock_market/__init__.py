"""Noise, technical and fundamental traders move one price; a leader finds their parameters."""

from .market import StockMarket

__all__ = ["StockMarket"]
