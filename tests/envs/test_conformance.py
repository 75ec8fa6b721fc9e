"""Every shipped market keeps the contract, and the check finds markets that do not."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

import pytest

from pacesetter.envs.check.report import CHECKS, check_market
from pacesetter.envs.core.errors import PacesetterError
from pacesetter.envs.registry import MARKETS, make


def planted_faults():
    """The module beside this one, under a name that pickle finds."""
    if "planted_faults" not in sys.modules:
        path = Path(__file__).parents[1] / "planted_faults.py"
        spec = importlib.util.spec_from_file_location("planted_faults", path)
        module = importlib.util.module_from_spec(spec)
        sys.modules["planted_faults"] = module
        spec.loader.exec_module(module)
    return sys.modules["planted_faults"].FAULTS


@pytest.mark.parametrize(
    ("name", "options"), [(name, o) for name, found in MARKETS.items() for o in found.variants]
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
    one = ("CutsTheta", "BranchesOnValues", "NegativeCost", "OtherInTorch")
    for name in (*one, "StoresDerived", "WrongGradient", "Inert"):
        report = check_market(faults[name](), steps=24)
        assert len(report.failed) <= (1 if name in one else 2), str(report)


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
