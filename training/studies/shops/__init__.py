"""What is claimed of shops and customers."""

from ..catalogue import Declared

DECLARED = Declared(
    study="study:SHOPS_STUDY",
    tables={
        "shops": "tables:shops",
        "shops_leaders": "tables:leaders",
        "shops_planted": "tables:planted",
    },
    measurements={"shops_composition": "composition:reproduced"},
    benchmarks={
        "shops": "speed:RACE",
        "shops_alone": "speed:ALONE",
        "shops_memory": "speed:MEMORY",
    },
)
