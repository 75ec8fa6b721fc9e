"""What is claimed of the execution market."""

from ..catalogue import Declared

DECLARED = Declared(
    study="study:EXECUTION_STUDY",
    tables={
        "execution": "tables:execution",
        "world_rmsc04": "world_tables:rmsc04",
        "world_baselines": "world_tables:baselines",
        "world_rmsc03": "world_tables:rmsc03",
    },
    measurements={
        "world_separation": "separation:separation",
        "world_variance": "variance:variance",
        "world_transfer": "transfer:transfer",
        "world_planted": "planted:planted",
        "world_facts": "world_facts:world_facts",
    },
    benchmarks={
        "execution": "speed:RACE",
        "execution_alone": "speed:ALONE",
        "execution_cores": "speed:CORES",
        "world_calibration": "speed:WORLDS",
    },
)
