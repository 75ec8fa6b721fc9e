"""What is claimed of the limit order book and its background."""

from ..catalogue import Declared

DECLARED = Declared(
    measurements={
        "order_book_equivalence": "equivalence:reproduced",
        "order_book_original": "comparison:reproduced",
        "order_book_original_rmsc03": "comparison:reproduced_rmsc03",
        "order_book_facts": "facts:reproduced",
    },
    benchmarks={
        "order_book": "speed:ALONE",
        "order_book_scenarios": "scenario_speed:SCENARIO_SPEED",
    },
)
