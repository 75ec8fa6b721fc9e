"""What is claimed of the market maker."""

from ..catalogue import Declared

DECLARED = Declared(
    study="study:MARKET_MAKER_STUDY",
    tables={
        "market_maker": "tables:market_maker",
    },
    benchmarks={
        "market_maker_jax": "speed:JAX",
        "market_maker": "speed:ALONE",
        "market_maker_solution": "speed:SOLUTION",
        "market_maker_views": "speed:VIEWS",
    },
)
