"""Types by quantile: means, shares, common random numbers, and graphs with a given connectivity."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pacesetter.envs.core.errors import PacesetterError
from pacesetter.envs.core.populations import (
    Mix,
    Population,
    Trait,
    checked_shares,
    drawn_from,
    ranked,
    reached,
    reached_exactly,
)

TRAITS = (Trait("risk_aversion", 0.0, 0.2, 0.05), Trait("connectivity", 0.2, 1.0, 0.8))
THREE = Mix({"a": {"weight": 1.0}, "b": {"weight": 2.0}, "c": {"weight": 5.0}})
QUANTILES = np.random.default_rng(10).random((2, 4000, 2))


@pytest.mark.parametrize("by", ["common", "distribution", "individual"])
def test_entries_of_theta_are_those_that_types_read(by):
    population = Population(TRAITS, 3, by)
    entries = population.characteristics
    columns = np.array([[entry.default for entry in entries]])
    types = population.types(columns, QUANTILES[:1, :3])
    assert {name: value.shape for name, value in types.items()} == {
        trait.name: (1, 3) for trait in TRAITS
    }
    for trait in TRAITS:  # by default nobody differs from the trait's own default
        np.testing.assert_allclose(types[trait.name], trait.default)
    assert len({entry.name for entry in entries}) == len(entries)


def test_mean_and_spread_are_those_of_the_agents():
    population = Population(TRAITS, 4000, "distribution")
    columns = np.array([[0.1, 0.05, 0.6, 0.2], [0.1, 0.0, 0.9, 0.4]])
    types = population.types(columns, QUANTILES)
    assert types["risk_aversion"][0].mean() == pytest.approx(0.1, abs=0.002)
    assert types["risk_aversion"][0].std() == pytest.approx(0.05 / np.sqrt(3), rel=0.03)
    assert (types["risk_aversion"][1] == 0.1).all()
    assert types["connectivity"][1].max() == 1.0  # cut at the bound


@given(st.floats(0.0, 1.0), st.floats(0.0, 1.0))
def test_a_larger_share_changes_some_and_none_back(first, second):
    low, high = sorted((first, second))
    two = Mix({"hurried": {"w": 0.5}, "thrifty": {"w": 1.5}})
    u = QUANTILES[:1, :, 0]
    few, many = (two.kind_of(np.array([[share]]), u) for share in (low, high))
    assert (many <= few).all()
    assert (few != many).mean() == pytest.approx(high - low, abs=0.03)


def test_shares_of_three_kinds():
    shares = np.array([[0.2, 0.5]])
    weight = THREE.types(shares, QUANTILES[:1, :, 0])["weight"]
    for value, share in ((1.0, 0.2), (2.0, 0.5), (5.0, 0.3)):
        assert (weight == value).mean() == pytest.approx(share, abs=0.025)
    assert THREE.constraints[0].upper == 1.0
    assert THREE.share_names == ("a_share", "b_share")


def test_graphs():
    u = np.random.default_rng(11).random((2, 3000, 3))
    chance = np.array([[0.2], [0.7]])[:, :, None]
    edges = reached(u, chance)
    np.testing.assert_allclose(edges.mean(axis=(1, 2)), [0.2, 0.7], atol=0.015)
    assert (edges[0] <= reached(u, 0.3 + 0 * chance)[0]).all()
    exact = reached_exactly(np, u, np.array([[0.2, 0.5, 1.0], [0.0, 0.1, 0.3]]))
    np.testing.assert_array_equal(exact.sum(axis=1), [[600, 1500, 3000], [0, 300, 900]])


def test_needs_by_quantile():
    need = drawn_from((0.25, 0.5, 0.25), QUANTILES[0, :, 0])
    np.testing.assert_allclose(
        np.bincount(need.astype(int)) / need.size, (0.25, 0.5, 0.25), atol=0.025
    )


def test_what_is_no_mix_is_refused():
    with pytest.raises(PacesetterError, match=r"sum to 1\.2.*0\.5, 0\.3333, 0\.1667"):
        checked_shares((0.6, 0.4, 0.2), "abc", "market.shares")
    with pytest.raises(PacesetterError, match="none below 0"):
        checked_shares((1.1, -0.1), "ab", "market.shares")
    with pytest.raises(PacesetterError, match="give one for each"):
        checked_shares((1.0,), "ab", "market.shares")
    with pytest.raises(PacesetterError, match="two kinds"):
        Mix({"a": {"w": 1.0}})
    with pytest.raises(PacesetterError, match="same ones"):
        Mix({"a": {"w": 1.0}, "b": {"v": 1.0}})


def test_ranks_keep_a_graph_exact_when_its_connectivity_changes():
    u = np.random.default_rng(10).random((3, 20, 2))
    places = ranked(np, u)
    for chance in (0.0, 0.2, 0.35, 1.0):
        edges = reached(places, np.full((3, 1, 2), round(20 * chance) / 20))
        assert (edges.sum(axis=1) == round(20 * chance)).all()
        np.testing.assert_array_equal(edges, reached_exactly(np, u, np.full((3, 2), chance)))


def test_a_given_spread_is_no_characteristic():
    population = Population(TRAITS, 3, "distribution", {"connectivity": 0.1})
    names = [entry.name for entry in population.characteristics]
    assert names == ["risk_aversion_mean", "risk_aversion_spread", "connectivity_mean"]
    types = population.types(np.array([[0.1, 0.05, 0.5]]), QUANTILES[:1])
    u = QUANTILES[:1]
    np.testing.assert_allclose(types["risk_aversion"], 0.1 + 0.05 * (2 * u[..., 0] - 1))
    np.testing.assert_allclose(types["connectivity"], 0.5 + 0.1 * (2 * u[..., 1] - 1))
