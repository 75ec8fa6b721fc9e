"""What is claimed of the static labour tax."""

from ..catalogue import Declared

DECLARED = Declared(
    study="study:LABOUR_TAX_STUDY",
    measurements={"labour_tax_leaders": "leaders:reproduced"},
    tables={
        "labour_tax": "tables:labour_tax",
    },
    benchmarks={
        "labour_tax_derivatives": "speed:DERIVATIVES",
    },
)
