"""What is claimed of shops and customers."""

from ..catalogue import Declared

DECLARED = Declared(
    study="study:SHOPS_STUDY",
    tables={
        "shops": "tables:shops",
        "shops_leaders": "tables:leaders",
    },
    benchmarks={
        "shops": "speed:RACE",
        "shops_alone": "speed:ALONE",
    },
)
