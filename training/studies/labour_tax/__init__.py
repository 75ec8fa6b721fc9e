"""What is claimed of the static labour tax."""

from ..catalogue import Declared

DECLARED = Declared(
    study="study:LABOUR_TAX_STUDY",
    tables={
        "labour_tax": "tables:labour_tax",
    },
)
