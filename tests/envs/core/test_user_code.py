"""Users' own code by dotted path: found in the current folder, and its faults told in one line."""

from __future__ import annotations

import importlib
import json
import sys

import pytest

from pacesetter.envs.core.dotted import import_dotted
from pacesetter.envs.core.errors import PacesetterError
from pacesetter.training.cli import main

OBJECTIVE = "def value(path):\n    return path['reward'].sum(axis=1)\n"


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """The current folder; import path and modules are as before when the test is over."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    known = set(sys.modules)
    importlib.invalidate_caches()
    yield tmp_path
    for name in set(sys.modules) - known:
        # Libraries that were imported on the way stay: some cannot be loaded twice.
        if str(getattr(sys.modules[name], "__file__", "")).startswith(str(tmp_path)):
            del sys.modules[name]


def test_the_current_folder_comes_first_and_stays_last(folder):
    (folder / "my_neighbour.py").write_text("NUMBER = 7\n")
    (folder / "my_own.py").write_text(
        "import sys\nFIRST = sys.path[0]\n"
        "def later():\n    import my_neighbour\n    return my_neighbour.NUMBER\n"
    )
    assert import_dotted("my_own:FIRST", "here") == str(folder)
    assert sys.path[0] != str(folder) and sys.path[-1] == str(folder)
    assert import_dotted("my_own:later", "here")() == 7


@pytest.mark.parametrize(
    ("content", "line", "text"),
    [
        ("x = (1,\ny = 2\n", 1, "SyntaxError"),
        ("\nimport no_such_library\n", 2, "No module named 'no_such_library'"),
        ("from math import tau, nothing\n", 1, "cannot import name 'nothing'"),
        ("def f():\n    return 1 / 0\n\n\nf()\n", 2, "ZeroDivisionError: division by zero"),
        ("import sys\nsys.exit('stop')\n", 2, "SystemExit: stop"),
        ("import json\n\njson.loads('{')\n", 3, "JSONDecodeError"),
    ],
)
def test_an_error_in_the_module_is_one_message_with_file_and_line(
    folder, capsys, content, line, text
):
    (folder / "faulty.py").write_text(content)
    assert main(["check", "faulty:Env"]) == 2
    message = capsys.readouterr().err
    assert f"{folder / 'faulty.py'}:{line}: " in message and text in message
    assert len(message.splitlines()) == 2 and "Traceback" not in message
    (folder / "faulty.yaml").write_text(
        'market: {name: "faulty:Env"}\nobjective: {name: welfare}\nleader: {name: random}\n'
    )
    assert main(["train", "faulty.yaml"]) == 2
    message = capsys.readouterr().err
    assert "faulty.yaml:1: market.name:" in message and f"faulty.py:{line}: " in message


def test_an_error_of_the_constructor_is_one_message_too(folder, capsys):
    (folder / "breaks.py").write_text(
        "from pettingzoo import ParallelEnv\n\n\nclass Env(ParallelEnv):\n"
        "    def __init__(self):\n        self.table = {}['no such key']\n\n"
        "    def set_characteristics(self, theta): ...\n"
        "    observation_space = action_space = None\n"
    )
    assert main(["check", "breaks:Env"]) == 2
    message = capsys.readouterr().err
    assert f"{folder / 'breaks.py'}:6: KeyError: 'no such key'" in message
    assert "Traceback" not in message


def test_a_run_that_is_opened_elsewhere_says_where_its_code_is(folder, capsys, monkeypatch):
    from pacesetter.training.experiments.load import load_experiment
    from pacesetter.training.runs.run_folder import RunFolder

    (folder / "my_aim.py").write_text(OBJECTIVE)
    overrides = ["objective.name=callable", 'objective.function="my_aim:value"']
    run = RunFolder.create("runs", load_experiment("duopoly_ppo", overrides))
    assert json.loads((run.path / "versions.json").read_text())["imported_from"] == {
        "my_aim": str(folder)
    }
    elsewhere = folder / "elsewhere"
    elsewhere.mkdir()
    monkeypatch.chdir(elsewhere)
    sys.path.remove(str(folder))
    del sys.modules["my_aim"]
    for command in (("train", "--resume"), ("evaluate",), ("report",)):
        assert main([*command, str(folder / run.path)]) == 2
        message = capsys.readouterr().err
        assert f"PYTHONPATH={folder}" in message and "cannot import 'my_aim'" in message
    sys.path.append(str(folder))
    assert RunFolder.open(folder / run.path).experiment.objective.function == "my_aim:value"


def test_what_is_no_path_is_refused():
    with pytest.raises(PacesetterError, match="not of the form 'module:attribute'"):
        import_dotted("module.", "here")
