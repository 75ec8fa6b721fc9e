"""What is claimed of currency dealers."""

from ..catalogue import Declared

DECLARED = Declared(
    study="study:FX_STUDY",
    tables={
        "fx_dealer": "tables:ladders",
        "fx_dealer_spreads": "tables:spreads",
        "fx_dealer_composition": "tables:composition",
        "fx_dealer_planted": "tables:planted",
    },
    measurements={"fx_dealer_calibration": "calibration:reproduced"},
    benchmarks={"fx_dealer": "speed:ALONE"},
)
