"""What the weight of a loss makes of posteriors: the same θ of the prior under several weights.

A posterior under one weight is near that under the next, so that a fit begun there needs a quarter
of the iterations that one from the prior does. Near is a factor of two; over more its end is less
exact.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from ...leaders.gradient.trust import Trials, coverage
from ...leaders.leader import KeptDistribution
from ..experiments.experiment import Experiment
from .inference import infer, trials

SHORTER = 4  # times, where a fit begins at another
LEAST = 75  # iterations, below which it ends too narrow or too wide


class Weights:
    """Posteriors of the same observations under one weight after another.

    Args:
        experiment: see `inference.trials`; what its leader says of w is passed over.
    """

    def __init__(self, experiment: Experiment):
        self._experiment = experiment
        self._found: dict[float, dict[int, KeptDistribution]] = {}

    def trials(self, w: float, number: int) -> Trials:
        """Those of so many θ of the prior under a weight.

        Whichever weight is asked for first has whole fits; the others begin at the nearest weight
        that is known.
        """
        experiment, fits = self._experiment, self._found.setdefault(w, {})
        known = [other for other in self._found if other != w]
        nearest = min(known, key=lambda other: abs(np.log(other / w)), default=w)
        starts = self._found[nearest]

        def posterior_of(planted: Experiment) -> KeptDistribution:
            trial = planted.seed - experiment.seed
            start = starts.get(trial)
            fits[trial] = infer(planted if start is None else _shorter(planted), start)
            return fits[trial]

        weighted = replace(experiment.leader.posterior_options, w=w)
        return trials(replace(experiment, leader=weighted), number, posterior_of)

    def posteriors(self, w: float) -> Mapping[int, KeptDistribution]:
        """What was fitted under a weight so far: number of the trial -> posterior."""
        return self._found.get(w, {})

    def covered(self, w: float, number: int, level: float = 0.8) -> float:
        """Share of so many θ of the prior within their intervals, over the characteristics."""
        found = self.trials(w, number)
        share, _ = coverage(found.truths, found.draws, level)
        return float(share[found.scale > 0].mean())


def _shorter(experiment: Experiment) -> Experiment:
    settings = experiment.training
    fewer = max(settings.iterations // SHORTER, min(settings.iterations, LEAST))
    return replace(experiment, training=replace(settings, iterations=fewer))
