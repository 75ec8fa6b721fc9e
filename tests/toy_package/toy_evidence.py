"""What is claimed of the toy market: a study with a picture, a table and two benchmarks."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from pacesetter.training.studies.catalogue import Declared

DECLARED = Declared(
    study="toy_evidence:study",
    tables={"subsidy_table": "toy_evidence:table"},
    benchmarks={"subsidy_alone": "toy_evidence:ALONE", "subsidy_race": "toy_evidence:RACE"},
)


def __getattr__(name):
    """Made when asked for, as torch and matplotlib take a while to import."""
    made = {"study": _study, "ALONE": _alone, "RACE": _race}
    if name not in made:
        raise AttributeError(name)
    return made[name]()


def _study():
    from pacesetter.training.studies.charts import chart
    from pacesetter.training.studies.study import Findings, Row, Study

    def measure(trained):
        return Findings({"subsidy": float(trained.theta[0])}, {"curve": np.linspace(0.0, 1.0, 5)})

    def figures(experiment, results, arrays):
        figure, axes = chart(1, 1, width=3, height=2)
        axes[0].plot(arrays["curve"])
        return {"curve": figure}

    return Study(measure, lambda experiment: [Row("subsidy", "subsidy", "1", "exact")], figures)


def table():
    """The toy experiment, claimed to find a subsidy within its bounds."""
    from pacesetter.training.studies.claims import Claim, Reproduction, Trial

    path = str(Path(__file__).with_name("toy.yaml"))
    return Reproduction("Toy", (Trial(path, "toy", claims=(Claim("subsidy", 0.0, 1.0),)),))


def _alone():
    from pacesetter.training.studies.speed import Measured

    return Measured("nothing", lambda repeats, quick: {"figure": [1.0] * repeats})


def _race():
    from pacesetter.training.studies.speed import Race

    return Race("toy firms", "subsidy", copies=2, steps=4, followers={"minibatch_size": 8})
