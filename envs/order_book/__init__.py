"""A limit order book with price–time priority; an engine that markets stand on."""

from .book import Event, OrderBook, Outcome, Side, Snapshot

__all__ = ["Event", "OrderBook", "Outcome", "Side", "Snapshot"]
