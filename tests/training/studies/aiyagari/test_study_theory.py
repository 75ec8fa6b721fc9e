"""The study of the Aiyagari economy judges households that do their best as without error."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest

from pacesetter.envs.aiyagari.earnings import STATES
from pacesetter.envs.aiyagari.equilibrium import WEALTH, best_saving
from pacesetter.envs.aiyagari.market import HOUSEHOLD
from pacesetter.envs.core.errors import PacesetterError
from pacesetter.training.api import check_beforehand
from pacesetter.training.experiments.load import load_experiment
from pacesetter.training.studies.aiyagari import study
from pacesetter.training.studies.aiyagari.study import AIYAGARI_STUDY


class Best:
    """Households that save a share of what would be best."""

    def __init__(self, market, share=1.0):
        self.market, self.share = market, share

    def act(self, state, generator, greedy):
        assert greedy
        saved = best_saving(self.market, float(state.theta[0, 0]))
        wanted = np.stack([np.interp(state.wealth[z], WEALTH, saved[:, z]) for z in range(STATES)])
        return {HOUSEHOLD: (self.share * wanted / self.market.resources(state))[..., None]}


def trained(share):
    experiment = load_experiment("aiyagari", ())
    return SimpleNamespace(experiment=experiment, policies=Best(experiment.market, share))


@pytest.fixture(autouse=True)
def few_rates(monkeypatch):
    """At which supply is drawn: every one of them takes a solution of its own."""
    monkeypatch.setattr(study, "RATES", 2)


def test_the_best_households_have_no_error():
    found = AIYAGARI_STUDY.measure(trained(1.0))
    assert found.results["rate_error_basis_points"] < 0.05
    assert found.results["saving_error_everywhere_percent"] < 1e-6
    assert found.results["rate_percent"] == pytest.approx(4.087, abs=0.01)
    experiment = load_experiment("aiyagari", ())
    assert set(AIYAGARI_STUDY.figures(experiment, found.results, found.arrays)) == {"saving"}


def test_households_that_save_less_are_seen_to():
    results = AIYAGARI_STUDY.measure(trained(0.995)).results
    assert 0.2 < results["saving_error_percent"] < 0.5
    assert results["capital_error_percent"] < -3.0
    assert "rate_percent" not in results or results["rate_percent"] > results["exact_rate_percent"]


def test_another_discount_than_the_computed_one_is_refused():
    experiment = load_experiment("aiyagari", ("followers.discount=0.9", "training.route=local"))
    with pytest.raises(PacesetterError, match=r"is not market\.discount_factor"):
        check_beforehand(experiment, None)
