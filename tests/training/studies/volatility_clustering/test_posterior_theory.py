"""The table of posteriors at a small budget: every figure is there, and what is missed is said."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest

from pacesetter.training.loop.inference import infer
from pacesetter.training.studies.volatility_clustering.posterior import posterior_table
from pacesetter.training.studies.volatility_clustering.posterior_claims import verdicts
from pacesetter.training.studies.volatility_clustering.posterior_fits import (
    AMORTISED,
    DEFAULT,
    PATHWISE,
    RECIPES,
    SCORE,
    TRUE,
    Budget,
    Fitted,
    Found,
    experiment,
    losses_of,
    measured,
    returns_of,
)

SMALL = Budget(
    observations=2,
    trials=2,
    weights=(1000.0, 250.0),
    amortised_trials=6,
    simulations=500,
    fresh=40,
    overrides=("training.iterations=12", "market.traders=100"),
)


@pytest.fixture(scope="module")
def found() -> Found:
    return measured(SMALL)


def test_every_recipe_sees_the_same_series():
    """But the paper's differentiates orders by a wider bump."""
    one, other = experiment(3, SMALL, RECIPES[PATHWISE]), experiment(3, SMALL)
    np.testing.assert_array_equal(returns_of(one), returns_of(other))
    assert (one.market.steepness, other.market.steepness) == (5.0, 10.0)
    assert not np.array_equal(returns_of(one), returns_of(experiment(4, SMALL)))


def test_an_objective_on_fresh_draws_is_that_of_the_fit(found):
    """At the prior it is w times the expected loss alone; the fit's last epochs agree with it."""
    fit = found.fits[PATHWISE][0]
    late = 1000.0 * fit.losses[-8:]
    assert abs(fit.objective - late.mean()) < 4 * np.hypot(fit.error, late.std() / 8**0.5)
    assert fit.deviation.shape == (4,) and fit.seconds > 0.0
    assert fit.density == pytest.approx(fit.posterior.log_prob(TRUE[None])[0])


def test_a_fit_goes_on_from_another(found):
    """From where a fit of the same series ended, the loss begins low."""
    observed = experiment(200, replace(SMALL, overrides=("market.traders=100",)))
    short = replace(observed, training=replace(observed.training, iterations=60))
    whole = infer(short)
    again = losses_of(infer(short, whole))
    assert again[:5].mean() < losses_of(whole)[:5].mean() - 0.01
    assert set(found.starts) and all(len(one) == 12 for one in found.starts.values())


def test_what_is_missed_is_printed_beside_its_target(tmp_path, found, monkeypatch):
    from pacesetter.training.studies.volatility_clustering import posterior

    monkeypatch.setattr(posterior, "measured", lambda budget: found)
    figures = posterior_table(tmp_path, SMALL)
    page = (tmp_path / "volatility_clustering_posterior.md").read_text()
    assert "--seeds 2`" in page and "**no**" in page
    assert figures["claims/log q(θ*), paper's, pathwise, median"] == 0.0
    for label in (*RECIPES, AMORTISED):
        assert f"| {label} |" in page
        assert np.isfinite(figures[f"{label}/log_density"])
    assert figures["w_250/trials"] == 2 and figures[f"{AMORTISED}/trust/trials"] == 6
    made = json.loads((tmp_path / "volatility_clustering_posterior.json").read_text())
    assert made["figures"] == figures
    drawn = [path.name for path in tmp_path.glob("*.png")]
    assert len(drawn) == 8 and all(name in page for name in drawn)


def test_lines_are_judged_by_what_was_found(found):
    """The paper's pathwise above its score by two nats in eleven of twelve, and not in ten."""

    def fits(densities):
        some = Fitted(None, 0.0, np.array([0.9, 0.9, 0.2, 0.05]), 0.0, 5.0, np.zeros(300), 1.0, 0.5)
        return [replace(some, density=float(one)) for one in densities]

    def kept(above):
        score = np.where(np.arange(12) < above, -3.0, 2.0)
        made = {PATHWISE: fits(np.full(12, 0.5)), SCORE: fits(score), DEFAULT: fits(np.zeros(12))}
        judged = verdicts(replace(found, fits=made | {AMORTISED: fits(np.full(12, 1.5))}))
        return {one.what: one.kept for one in judged}

    assert kept(11)["… above that by the score"] and not kept(10)["… above that by the score"]
    assert kept(11)["log q(θ*), paper's, pathwise, median"]
    assert kept(11)["default's w · loss + KL at most paper's + 1 s.e."]
