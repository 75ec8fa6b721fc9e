"""What is claimed of makers and investors."""

from ..catalogue import Declared

DECLARED = Declared(
    study="study:DEALERS_STUDY",
    tables={
        "dealers": "tables:makers",
        "dealers_investors": "tables:investors",
        "dealers_planted": "tables:planted",
    },
    benchmarks={
        "dealers_alone": "speed:ALONE",
    },
)
