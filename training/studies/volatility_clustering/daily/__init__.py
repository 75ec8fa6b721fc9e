"""Daily returns of two stock indices beside what the market can do."""
