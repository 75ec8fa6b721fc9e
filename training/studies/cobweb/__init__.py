"""What is claimed of the cobweb market."""

from ..catalogue import Declared

DECLARED = Declared(
    study="study:COBWEB_STUDY",
    tables={
        "cobweb_calibration": "tables:calibration",
        "cobweb_planted": "tables:planted",
        "cobweb_logit": "tables:logit_curve",
    },
    benchmarks={
        "cobweb": "speed:TWO_EPOCHS",
        "cobweb_four_epochs": "speed:FOUR_EPOCHS",
        "cobweb_wide": "speed:WIDE",
        "memory": "speed:MEMORY",
    },
)
