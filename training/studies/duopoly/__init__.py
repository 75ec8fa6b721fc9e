"""What is claimed of the Stackelberg duopoly."""

from ..catalogue import Declared

DECLARED = Declared(
    study="study:DUOPOLY_STUDY",
    measurements={"duopoly_leaders": "leaders:reproduced"},
    tables={
        "duopoly": "tables:duopoly",
    },
    benchmarks={
        "duopoly": "speed:TO_THE_SOLUTION",
        "duopoly_solution": "speed:SOLUTION",
    },
)
