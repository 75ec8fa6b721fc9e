"""A leader sets its quantity, followers answer it."""

from .market import Duopoly

__all__ = ["Duopoly"]
