"""What is claimed of volatility clustering."""

from ..catalogue import Declared

DECLARED = Declared(
    study="study:VOLATILITY_STUDY",
    measurements={
        "volatility_clustering_daily": "daily.table:reproduced",
        "volatility_clustering_memory": "memory:reproduced",
        "volatility_clustering_posterior": "posterior:reproduced",
    },
    benchmarks={
        "volatility_clustering": "speed:ALONE",
    },
)
