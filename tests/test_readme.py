"""The environment of the README plugs in as the README says, and its commands exist."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sysconfig
from pathlib import Path

import pytest

from pacesetter.envs.check.report import check_market
from pacesetter.envs.registry import make
from pacesetter.training.cli import main
from pacesetter.training.experiments.load import load_experiment

PACKAGE = Path(__file__).parent.parent
README = (PACKAGE / "README.md").read_text(encoding="utf-8")
PAGES = PACKAGE / "docs" / "site" / "pages"
TINY = (
    "training.copies=4",
    "training.rollout_steps=10",
    "training.pretrain_iterations=1",
    "training.iterations=1",
    "evaluation.copies=2",
    "evaluation.episodes=2",
    "training.env_runners=1",
)


@pytest.fixture
def fishery(tmp_path, monkeypatch):
    (block,) = re.findall(r"```python\n(import numpy.*?)```", README, flags=re.DOTALL)
    assert len(block.splitlines()) <= 45
    (tmp_path / "fishery.py").write_text(block)
    (block,) = re.findall(r"```yaml\n(market: {name: \"fishery.*?)```", README, flags=re.DOTALL)
    (tmp_path / "fishery.yaml").write_text(block)
    monkeypatch.syspath_prepend(str(tmp_path))
    return tmp_path


def test_the_environment_of_the_readme_passes_the_check(fishery):
    report = check_market(make("fishery:Fishery"))
    assert report.ok, str(report)


def test_an_experiment_on_it_is_valid(fishery):
    experiment = load_experiment(fishery / "fishery.yaml")
    assert experiment.market.characteristics.names == ("tax",)


def test_the_commands_of_the_section_work_in_the_folder_of_the_example(fishery):
    """As printed, by the installed command, which unlike `python -m` does not add the folder.

    A remote runner must find the module too.
    """
    section = README.partition("## Your own environment")[2].partition("\n## ")[0]
    commands = re.findall(r"^ {4}pacesetter (.*)$", section, flags=re.MULTILINE)
    assert [line.split()[0] for line in commands] == ["check", "train", "evaluate"]
    program = Path(sysconfig.get_path("scripts")) / "pacesetter"
    environment = {**os.environ, "PYTHONPATH": str(PACKAGE.parent)}
    for line in commands:
        tiny = TINY if line.startswith("train") else ()
        done = subprocess.run(
            [program, *line.split(), *tiny],
            cwd=fishery,
            env=environment,
            capture_output=True,
            text=True,
            timeout=600,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        assert "Traceback" not in done.stderr
    results = json.loads((fishery / "runs/fishery_seed_0/results.json").read_text())
    assert 0 <= results["theta/tax"] <= 1


def test_the_experiment_of_the_site_is_valid(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("my_prices.csv").write_text("price\n5.0\n6.0\n5.5\n")
    page = (PAGES / "experiments.md").read_text(encoding="utf-8")
    (block,) = re.findall(r"```yaml\n(market: {name: cobweb.*?)```", page, flags=re.DOTALL)
    Path("my.yaml").write_text(block)
    assert load_experiment("my.yaml").leader.name == "bayesian"


def test_the_gradient_of_the_site_is_what_it_says(capsys):
    page = (PAGES / "gradients.md").read_text(encoding="utf-8")
    (block,) = re.findall(r"```python\n(import torch.*?)```", page, flags=re.DOTALL)
    exec(block, {})
    assert capsys.readouterr().out == "tensor([3.])\n"


def test_every_command_of_the_readme_exists(capsys):
    commands = set(re.findall(r"^ {4}pacesetter (\w+)", README, flags=re.MULTILINE))
    assert {"list", "train", "evaluate", "report", "check", "bench", "reproduce"} <= commands
    for command in commands:
        with pytest.raises(SystemExit) as stop:
            main([command, "--help"])
        assert stop.value.code == 0
