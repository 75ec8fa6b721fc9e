"""Four leaders of a composition: what an answer is off, and how they are compared."""

from __future__ import annotations

import json

import numpy as np
import pytest

from pacesetter.training.experiments.load import load_experiment
from pacesetter.training.studies.shops import composition
from pacesetter.training.studies.shops.composition import (
    CONDITIONAL,
    PLANTED,
    RETRAINED,
    Found,
    curves,
    loss,
    reproduced,
    total,
)


def found(theta, seed):
    off = loss(np.array(theta))
    return Found(list(theta), [1e5, 2e5], [0.1, off], -0.05, -0.06 - 0.01 * seed, 9.0)


ANSWERS = {
    "steps of a policy": (0.5, 0.8),
    "Bayesian": (0.49, 0.8),
    "random search": (0.6, 0.7),
    RETRAINED: (0.2, 0.9),
}


def test_an_answer_is_off_by_what_its_customers_would_buy_elsewhere():
    assert loss(PLANTED) == 0.0
    near, far = (loss(PLANTED + np.array([more, 0.0])) for more in (0.01, 0.1))
    assert 0.0 < near < 0.01 < far
    assert far == pytest.approx(10.0 * near, rel=0.05)  # shares are linear in the mix


def test_all_leaders_have_the_same_market_and_number_of_steps():
    experiments = [load_experiment(name) for name in CONDITIONAL.values()]
    first = experiments[0]
    for other in experiments[1:]:
        assert (other.market, other.objective) == (first.market, first.objective)
        assert (other.training, other.followers) == (first.training, first.followers)
    planted = first.objective.reference.theta
    assert [planted[name] for name in first.market.characteristics.names] == PLANTED.tolist()
    assert total(first) % composition.CANDIDATES == 0


def test_the_table_compares_leaders_and_goes_on_where_it_stood(tmp_path, monkeypatch):
    asked = []

    def lead(folder, label, seed):
        asked.append((label, seed))
        return found(ANSWERS[label], seed)

    monkeypatch.setattr(composition, "_kept", lead)
    figures = reproduced(tmp_path / "runs", tmp_path, 1, 2)
    assert len(asked) == 8 and figures["Bayesian/hurried_share"] == pytest.approx(0.49)
    text = (tmp_path / "shops_composition.md").read_text()
    assert "| steps of a policy: off by 0.01 at most, every seed (0.000) | yes |" in text
    assert "Bayesian is less off than random search (paired, " in text and "**no**" not in text
    stored = json.loads((tmp_path / "shops_composition.runs.json").read_text())
    assert [len(runs) for runs in stored.values()] == [2] * 4
    assert (tmp_path / "shops_composition.png").stat().st_size > 10_000


def test_one_line_per_seed_and_leader_and_their_means():
    runs = {label: [found(theta, 0), found(theta, 1)] for label, theta in ANSWERS.items()}
    (axis,) = curves(runs).axes
    assert len(axis.lines) == len(runs) * 3
