"""What is claimed of the Aiyagari economy."""

from ..catalogue import Declared

DECLARED = Declared(
    study="study:AIYAGARI_STUDY",
    tables={
        "aiyagari": "tables:aiyagari",
    },
)
