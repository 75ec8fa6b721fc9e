"""Households that insure themselves by saving, at a constant interest rate (Aiyagari 1994)."""

from .market import Aiyagari

__all__ = ["Aiyagari"]
