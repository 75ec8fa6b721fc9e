"""What is claimed of requests for quote."""

from ..catalogue import Declared

DECLARED = Declared(
    study="study:REQUEST_STUDY",
    tables={
        "otc_rfq": "tables:learning",
        "otc_rfq_leader": "tables:leader",
        "otc_rfq_leaders": "tables:leaders",
        "otc_rfq_planted": "tables:planted",
    },
    benchmarks={
        "otc_rfq_alone": "speed:ALONE",
    },
)
