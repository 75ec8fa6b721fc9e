"""Requests for quote: a client asks dealers for an offer and takes the lowest below her value."""

from .market import RequestForQuote

__all__ = ["RequestForQuote"]
