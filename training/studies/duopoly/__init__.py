"""What is claimed of the Stackelberg duopoly."""

from ..catalogue import Declared

DECLARED = Declared(
    study="study:DUOPOLY_STUDY",
    tables={
        "duopoly": "tables:duopoly",
    },
    benchmarks={
        "duopoly": "speed:TO_THE_SOLUTION",
    },
)
