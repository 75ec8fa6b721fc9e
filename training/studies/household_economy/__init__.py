"""What is claimed of the household economy."""

from ..catalogue import Declared

DECLARED = Declared(
    study="study:HOUSEHOLD_STUDY",
    tables={
        "household_best": "tables:household_best",
        "household_refined": "refined:household_refined",
        "household_refined_unseen": "refined:household_refined_unseen",
        "household_saving": "tables:household_saving",
        "household_tax": "tables:household_tax",
        "household_taxai": "tables:household_taxai",
        "household_taxai_unweighted": "tables:household_taxai_unweighted",
    },
    measurements={
        "household_landscape": "landscape:reproduced",
    },
    benchmarks={
        "household_jax": "speed:JAX",
        "household_scaling": "scaling:SCALING",
        "household_cores": "scaling:CORES",
        "household_threads": "scaling:THREADS",
        "household": "speed:ALONE",
        "household_training": "speed:RACE",
        "household_derivatives": "speed:DERIVATIVES",
    },
)
