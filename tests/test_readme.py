"""The environment of the README plugs in as the README says, and its commands exist."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from pacesetter.envs.check import check_market
from pacesetter.envs.registry import make
from pacesetter.training.cli import main
from pacesetter.training.experiment import load_experiment

README = (Path(__file__).parent.parent / "README.md").read_text(encoding="utf-8")


@pytest.fixture
def fishery(tmp_path, monkeypatch):
    (block,) = re.findall(r"```python\n(import numpy.*?)```", README, flags=re.DOTALL)
    assert len(block.splitlines()) <= 45
    (tmp_path / "fishery.py").write_text(block)
    monkeypatch.syspath_prepend(str(tmp_path))
    return tmp_path


def test_the_environment_of_the_readme_passes_the_check(fishery):
    report = check_market(make("fishery:Fishery"))
    assert report.ok, str(report)


def test_an_experiment_on_it_is_valid(fishery):
    path = fishery / "fishery.yaml"
    path.write_text(
        'market: {name: "fishery:Fishery"}\nobjective: {name: welfare}\nleader: {name: bayesian}\n'
    )
    experiment = load_experiment(path)
    assert experiment.market.characteristics.names == ("tax",)


def test_the_experiment_of_the_readme_is_valid(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("my_prices.csv").write_text("price\n5.0\n6.0\n5.5\n")
    (block,) = re.findall(r"```yaml\n(market.*?)```", README, flags=re.DOTALL)
    Path("my.yaml").write_text(block)
    assert load_experiment("my.yaml").leader.name == "bayesian"


def test_every_command_of_the_readme_exists(capsys):
    commands = set(re.findall(r"^ {4}pacesetter (\w+)", README, flags=re.MULTILINE))
    assert {"list", "train", "evaluate", "report", "check", "bench", "reproduce"} <= commands
    for command in commands:
        with pytest.raises(SystemExit) as stop:
            main([command, "--help"])
        assert stop.value.code == 0
