"""Pacesetter: markets in which a leader sets the rules and followers adapt to them."""

__version__ = "0.1.0"
