"""What is claimed of market entry."""

from ..catalogue import Declared

DECLARED = Declared(
    study="study:MARKET_ENTRY_STUDY",
    tables={
        "market_entry": "tables:entry_tax",
        "market_entry_logit": "tables:entry_logit",
    },
    benchmarks={
        "market_entry": "speed:RACE",
    },
)
