"""What is claimed of the limit order book and its background."""

from ..catalogue import Declared

DECLARED = Declared(
    measurements={
        "order_book_equivalence": "equivalence:reproduced",
    },
    benchmarks={
        "order_book": "speed:ALONE",
    },
)
