"""Every shipped market keeps the contract, and the check finds markets that do not."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

import pytest

from pacesetter.envs.check import CHECKS, check_market
from pacesetter.envs.errors import PacesetterError
from pacesetter.envs.registry import MARKETS, make

VARIANTS = {
    "cobweb": [
        {"treatment": "stable"},
        {"treatment": "unstable"},
        {"treatment": "strongly_unstable"},
        {"parameterisation": "individual", "periods": 7, "forecast_points": 11},
        {"producers": 1, "parameterisation": "individual"},
        {"producers": 2, "parameterisation": "individual", "supply_slope": 1.0},
        {"producers": 12, "demand_intercept": 27.6, "demand_slope": 3.0, "inflection_price": 5.0},
    ],
    "duopoly": [
        {"followers": 1},
        {"followers": 5, "demand_slope": 0.7, "unit_cost": 1.0},
        {"theta_visible": False},
    ],
    "execution": [
        {},
        {"background": "rmsc03", "decisions": 4, "parent_size": 30, "view": "all"},
        {"buyers": 2, "sellers": 1, "seconds_per_decision": 20.0, "decisions": 6},
    ],
    "household_economy": [
        {"households": 12},
        {"households": 2, "horizon": "end", "periods": 7, "labour_income": False},
        {"households": 5, "budget": "discard", "mean_wealth_seen": False},
        {"households": 5, "budget": "spend", "tax_rule": "flat"},
        {"households": 5, "tax_rule": "none"},
        {"households": 12, "accounting": "taxai"},
        {"households": 5, "accounting": "taxai", "tax_rule": "saez", "weighted_wealth": False},
        {"households": 5, "accounting": "taxai", "tax_rule": "us_federal", "horizon": "end"},
        {"households": 5, "accounting": "taxai", "household_reward": "bounded"},
    ],
    "labour_tax": [
        {},
        {"households": 2, "productivity_variance": 1.0, "inverse_frisch_elasticity": 1.0},
    ],
    "market_maker": [
        {},
        {"takers": 20, "initial_price": "stationary"},
        {"takers": 1, "mean_reversion": 1.0, "periods": 7},
        # A price that often lies on its floor.
        {"takers": 3, "reference_price": 1.0, "price_deviation": 2.0, "valuation_deviation": 1.0},
        {"takers": 20, "theta_visible": False},
    ],
    "market_entry": [
        {"information_cost": 0.05},
        {"traders": 3, "capacity": 0, "periods": 7},
        {"memory": False},
        {"tax_visible": False},
    ],
}


def planted_faults():
    """The module beside this one, under a name that pickle finds."""
    if "planted_faults" not in sys.modules:
        path = Path(__file__).with_name("planted_faults.py")
        spec = importlib.util.spec_from_file_location("planted_faults", path)
        module = importlib.util.module_from_spec(spec)
        sys.modules["planted_faults"] = module
        spec.loader.exec_module(module)
    return sys.modules["planted_faults"].FAULTS


def test_every_registered_market_is_checked():
    assert set(VARIANTS) == set(MARKETS)


@pytest.mark.parametrize(
    ("name", "options"), [(name, o) for name, options in VARIANTS.items() for o in options]
)
def test_conforms(name, options):
    report = check_market(make(name, **options))
    assert report.ok, str(report)
    assert [check.name for check in report.checks] == list(CHECKS)


@pytest.mark.parametrize("market", planted_faults(), ids=lambda market: market.__name__)
def test_finds_the_planted_fault(market):
    report = check_market(market(), steps=24)
    assert planted_faults()[market] in report.failed, str(report)


def test_finds_only_the_fault_that_is_there():
    faults = {market.__name__: market for market in planted_faults()}
    for name in ("StoresDerived", "WrongGradient", "NegativeCost", "Inert"):
        report = check_market(faults[name](), steps=24)
        assert len(report.failed) <= 2, str(report)


def test_a_report_reads_as_a_table():
    faults = {market.__name__: market for market in planted_faults()}
    text = str(check_market(faults["ForgetsQuantity"](), steps=3))
    assert "market duopoly" in text
    assert "failed   shapes and types" in text
    assert "quantities has price; declared: follower_profit" in text
    assert "skipped  information costs" in text
    assert text.endswith("checks failed")


def test_make_names_what_is_unknown():
    with pytest.raises(PacesetterError, match="unknown market 'cobwep'; did you mean 'cobweb'"):
        make("cobwep")
    with pytest.raises(PacesetterError, match="did you mean 'treatment'"):
        make("cobweb", treatmant="stable")
    with pytest.raises(PacesetterError, match="unknown treatment 'instable'"):
        make("cobweb", treatment="instable")
    with pytest.raises(PacesetterError, match="cannot import 'no_such_module'"):
        make("no_such_module:Market")


@pytest.mark.parametrize(("seed", "copies"), [(-1, 1), (0, 0)])
def test_refuses_bad_resets(seed, copies):
    with pytest.raises(PacesetterError, match="seed must be >= 0 and copies >= 1"):
        make("duopoly").reset(seed, copies)
