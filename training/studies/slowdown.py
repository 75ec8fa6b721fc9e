"""What a derivative costs over a plain play of the same copies, in seconds of the processor."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

import numpy as np

from ...leaders.leader import How, Question
from ..experiments.load import load_experiment
from .speed import Figures, Goal, note

STARTS = 4
GOALS: dict[str, Goal] = {"derivative_over_rollout": ("at most", 4.0)}


def slowdown(
    experiment: str, how: How, copies: int, overrides: Sequence[str], repeats: int, quick: bool
) -> Figures:
    """Milliseconds of a play of an episode without and with its derivative, and their ratio.

    Args:
        experiment: name of a shipped one; followers are untrained.
        how: estimator; the slope is that of the policies.
        copies: of the market in both.
        overrides: changes to the experiment.
        repeats: how often each is timed.
        quick: take the median of fewer tries.
    """
    from ..derivatives.derive import derive  # imports torch
    from ..derivatives.values import Outcomes
    from ..policies.policies import Policies

    asked = load_experiment(experiment, overrides)
    policies = Policies.untrained(asked)
    theta = asked.market.characteristics.draw(np.random.default_rng(0), STARTS)
    question = Question(theta, how, "network", copies=copies // STARTS)
    each = np.repeat(theta, question.copies, axis=0)
    plain = Outcomes(asked, policies, question, 0)
    timed: dict[str, Callable[[], object]] = {
        "rollout": lambda: plain.outcome(each),
        "derivative": lambda: derive(asked, policies, question, 0),
    }
    figures: Figures = {}
    for _ in range(repeats):
        found = {name: _seconds(call, 3 if quick else 11) for name, call in timed.items()}
        for name, value in found.items():
            note(figures, f"{name}/milliseconds", 1e3 * value)
        note(figures, "derivative_over_rollout", found["derivative"] / found["rollout"])
    return figures


def _seconds(call: Callable[[], object], tries: int) -> float:
    """Median time of a call."""
    call()
    times = []
    for _ in range(tries):
        began = time.process_time()
        call()
        times.append(time.process_time() - began)
    return float(np.median(times))
