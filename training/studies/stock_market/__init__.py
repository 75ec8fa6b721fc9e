"""What is claimed of the stock market."""

from ..catalogue import Declared

DECLARED = Declared(
    study="study:STOCK_MARKET_STUDY",
    measurements={
        "stock_market_information": "information:reproduced",
        "stock_market_leaders": "leaders:reproduced",
    },
    benchmarks={
        "stock_market": "speed:ALONE",
    },
)
