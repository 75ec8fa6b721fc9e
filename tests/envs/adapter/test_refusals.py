"""What cannot be a market is refused with one message and its cure; doubts are warnings."""

from __future__ import annotations

import numpy as np
import pytest

from pacesetter.envs.check.characteristics import effect
from pacesetter.envs.check.contract import observation_sizes
from pacesetter.envs.check.report import CHECKS, Check, Report, check_market
from pacesetter.envs.core.errors import PacesetterError
from pacesetter.envs.registry import MARKETS, make
from pacesetter.training.cli import main

HERE = "user_environment"


@pytest.mark.parametrize(
    ("name", "says", "cure"),
    [
        ("TakesTurns", "is an AEC environment", "aec_to_parallel(TakesTurns())"),
        ("turns", "is an AEC environment", "aec_to_parallel(turns())"),
        ("JoinsLater", "'boat_2' is among possible_agents, but reset()", "actions of no effect"),
        ("FailsToBegin", "KeyError: 'no such key'", "user_environment.py:"),
        ("Undeclared", "lacks characteristics_space", "BaseParallelWrapper"),
        ("Nothing", "lacks set_characteristics", "def set_characteristics(self, theta)"),
        ("ExitsWhenBuilt", "building the environment failed", ": SystemExit: 3"),
        ("HasNoSpace", "declares cannot be read", ": ValueError: no space today"),
        ("Twins", "possible_agents names 'boat_0' twice", "a name of its own"),
        ("Grows", "observation_space('boat_0') is Box(0.0, inf, (3,)", "must not change"),
    ],
)
def test_one_message_says_what_it_is_and_the_cure(capsys, name, says, cure):
    assert main(["check", f"{HERE}:{name}"]) == 2
    printed = capsys.readouterr()
    assert not printed.out
    assert printed.err.count("pacesetter: ") == 1 and "Traceback" not in printed.err
    assert says in printed.err and cure in printed.err


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("ExitsAtOnce", "check 'shapes and types' its code ended the program with exit code 0"),
        ("Crashes", "check 'shapes and types' its code crashed the interpreter (SIGSEGV), at "),
        ("Hangs", "check 'shapes and types' did not end within 0.5 s, at "),
    ],
)
def test_code_that_takes_the_process_with_it_is_told(capsys, name, says):
    assert main(["check", f"{HERE}:{name}", "--limit", "0.5"]) == 2
    printed = capsys.readouterr()
    assert says in printed.err and "Traceback" not in printed.err
    assert name == "ExitsAtOnce" or "user_environment.py:" in printed.err


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("Exits", "user_environment.py:"),
        ("Narrow", "outside [0, 1]"),
        ("PaysNothing", "the reward of 'boat_1' is nan after 1 step(s)"),
        ("SeesNothing", "the observation of 'boat_1' holds NaN after 1 step(s)"),
        (
            "SeesMore",
            "the observation of 'boat_1' has shape (3,) after 1 step(s), and its space (2",
        ),
        ("ReturnsFour", "it returned a tuple of 4"),
        ("ExitsAtOnce", "its code ended the program"),
    ],
)
def test_what_a_few_steps_show_is_refused_before_training(
    capsys, tmp_path, monkeypatch, name, says
):
    monkeypatch.chdir(tmp_path)
    market = f'market: {{name: "{HERE}:{name}"}}'
    (tmp_path / "mine.yaml").write_text(
        f"{market}\nobjective: {{name: welfare}}\nleader: {{name: random}}\n"
    )
    assert main(["train", "mine.yaml"]) == 2
    message = capsys.readouterr().err
    assert says in message and "Traceback" not in message
    assert not (tmp_path / "runs").exists()


def test_a_name_of_a_file_is_no_module(capsys):
    assert main(["check", f"./{HERE}:Fishery"]) == 2
    assert f"such as '{HERE}:Fishery'" in capsys.readouterr().err


def test_the_library_call_reports_it_once():
    report = check_market(make(f"{HERE}:JoinsLater"))
    assert [check.name for check in report.checks] == ["declarations"]
    assert not report.ok and "possible_agents" in report.checks[0].detail


def test_an_agent_that_comes_undeclared_is_refused():
    market = make(f"{HERE}:Stowaway")
    actions = {"boat": np.zeros((1, 3, 1), dtype=np.float32)}
    state = market.step(market.reset(0), actions).state
    with pytest.raises(PacesetterError, match=r"'stowaway' joined after 2 step.*all there"):
        market.step(state, actions)


def test_warns_of_a_characteristic_without_effect():
    said = effect(make(f"{HERE}:Idle"), 20, 0)
    assert said.startswith("warning: tax changes no reward")
    assert effect(make(f"{HERE}:Fishery"), 20, 0) == "each characteristic"
    # θ that only its own observation shows is of effect.
    assert effect(make(f"{HERE}:Mixed"), 20, 0) == "each characteristic"


@pytest.mark.parametrize("name", sorted(MARKETS))
def test_every_characteristic_of_a_shipped_market_has_an_effect(name):
    assert effect(make(name), 20, 0) == "each characteristic"


def test_warns_of_images():
    said = observation_sizes(make(f"{HERE}:Images"), 20, 0)
    assert said.startswith("warning: 10,800 entries for 'boat'.") and "every fourth pixel" in said
    assert observation_sizes(make(f"{HERE}:Fishery"), 20, 0) == "fewer than 10,000 entries"


def test_warnings_are_shown_and_no_failure(capsys):
    assert main(["check", f"{HERE}:Idle"]) == 0
    printed = capsys.readouterr().out
    (line,) = (line for line in printed.splitlines() if line.startswith("  warning"))
    assert line.split(maxsplit=4)[1:4] == ["effect", "of", "characteristics"]
    assert printed.endswith("all good, with 1 warning\n")
    checks = (Check("a", "ok", ""), Check("b", "warning", "slow"), Check("c", "warning", "slow"))
    assert Report("m", checks).ok
    assert str(Report("m", checks)).endswith("all good, with 2 warnings")
    assert str(Report("m", checks[:2])).endswith("all good, with 1 warning")
    assert {"effect of characteristics", "size of observations"} <= set(CHECKS)


def test_only_options_are_offered():
    with pytest.raises(PacesetterError, match=r"Known: boats, growth\.$"):
        make(f"{HERE}:Fishery", branchable=True)
    with pytest.raises(PacesetterError, match=r"unknown option .*'branchable'") as caught:
        make("duopoly", branchable=False)
    assert "followers" in str(caught.value) and "namespaces" not in str(caught.value)
    with pytest.raises(PacesetterError, match=r"'boats'; it has none\. It is built with \*sizes"):
        make(f"{HERE}:open_ended", boats=2)
    with pytest.raises(PacesetterError, match=r"'boats' cannot be given by name; remove the /"):
        make(f"{HERE}:positional")
