"""What is claimed of the cobweb market."""

from ..catalogue import Declared

DECLARED = Declared(
    study="study:COBWEB_STUDY",
    measurements={"cobweb_leaders": "leaders:reproduced"},
    tables={
        "cobweb_calibration": "tables:calibration",
        "cobweb_planted": "tables:planted",
        "cobweb_logit": "tables:logit_curve",
    },
    benchmarks={
        "cobweb_jax": "speed:JAX",
        "cobweb_solution": "speed:SOLUTION",
        "cobweb": "speed:TWO_EPOCHS",
        "cobweb_four_epochs": "speed:FOUR_EPOCHS",
        "cobweb_wide": "speed:WIDE",
        "cobweb_derivatives": "speed:DERIVATIVES",
        "cobweb_views": "speed:VIEWS",
        "memory": "speed:MEMORY",
    },
)
