"""What is claimed of the execution market."""

from ..catalogue import Declared

DECLARED = Declared(
    study="study:EXECUTION_STUDY",
    tables={
        "execution": "tables:execution",
    },
    benchmarks={
        "execution": "speed:RACE",
        "execution_alone": "speed:ALONE",
    },
)
