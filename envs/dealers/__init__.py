"""Makers quote around a price and manage inventory; investors trade for profit and for totals."""

from .market import Dealers

__all__ = ["Dealers"]
