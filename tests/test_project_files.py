"""What a project is expected to have says the same as the rest of it."""

from __future__ import annotations

import argparse
import io
import re
import subprocess
from pathlib import Path

import pytest
import yaml
from rich.console import Console
from rich.table import Table

import pacesetter
from pacesetter.training import cli
from pacesetter.training.completion import words_of
from pacesetter.training.experiments.shipped import shipped_experiments
from pacesetter.training.options import parser

ROOT = Path(__file__).parent.parent
PINNED = dict(
    line.split("==") for line in (ROOT / "constraints.txt").read_text().split() if "==" in line
)


def test_the_citation_is_of_this_version():
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
    assert citation["version"] == pacesetter.__version__
    assert citation["license"] == "Apache-2.0" and citation["authors"] and citation["title"]


def test_the_container_has_the_pinned_versions_and_no_root():
    text = (ROOT / "Dockerfile").read_text(encoding="utf-8")
    assert f"torch=={PINNED['torch']} 'ray[rllib]=={PINNED['ray']}'" in text
    lines = text.splitlines()
    installs = [line for line in lines if "pip install" in line]
    assert installs and all("-c source/constraints.txt" in line for line in installs)
    user = lines.index("USER $USER_ID")
    assert "ARG USER_ID=1000" in lines[:user]
    assert all(not line.startswith("USER") for line in lines[user + 1 :])
    assert lines.index('ENTRYPOINT ["pacesetter"]') > user and 'CMD ["demo"]' in lines


def test_hooks_lint_with_the_pinned_ruff():
    hooks = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text(encoding="utf-8"))
    ruff = next(repo for repo in hooks["repos"] if repo["repo"].endswith("ruff-pre-commit"))
    assert ruff["rev"] == f"v{PINNED['ruff']}"


def test_issue_templates_say_what_they_are():
    for path in (ROOT / ".github" / "ISSUE_TEMPLATE").glob("*.md"):
        _, head, body = path.read_text(encoding="utf-8").split("---\n", 2)
        assert {"name", "about"} <= set(yaml.safe_load(head)) and body.strip()


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_knows_every_command_and_experiment(shell, capsys):
    assert cli.main(["completion", shell]) == 0
    script = capsys.readouterr().out
    words = words_of(parser())
    for command in words:
        assert re.search(rf"\b{command}\b", script)
    assert set(shipped_experiments()) <= set(words["train"])
    assert "--html" in words["report"] and "zsh" in words["completion"]


def test_bash_completes(capsys):
    assert cli.main(["completion", "bash"]) == 0
    script = capsys.readouterr().out

    def completed(*typed):
        line = f"COMP_WORDS=({' '.join(typed)}); COMP_CWORD={len(typed) - 1}; _pacesetter"
        done = subprocess.run(
            ["bash", "-c", f'{script}\n{line}; echo "${{COMPREPLY[@]}}"'],
            capture_output=True,
            text=True,
            check=True,
        )
        return done.stdout.split()

    assert completed("pacesetter", "cert") == ["certify"]
    assert completed("pacesetter", "train", "duopoly_p") == ["duopoly_ppo"]
    assert completed("pacesetter", "report", "run", "--h") == ["--help", "--html"]


def test_no_color_is_kept(monkeypatch):
    """As https://no-color.org asks: no colours, whatever the screen can do."""
    table = Table()
    table.add_column("[red]figure[/red]")

    def shown():
        screen = Console(file=io.StringIO(), force_terminal=True, color_system="truecolor")
        screen.print(table)
        return screen.file.getvalue()

    monkeypatch.delenv("NO_COLOR", raising=False)
    assert "\x1b[31m" in shown() or "31m" in shown()
    monkeypatch.setenv("NO_COLOR", "1")
    assert "31m" not in shown()


def test_every_command_has_a_line_of_help():
    (commands,) = (a for a in parser()._actions if isinstance(a, argparse._SubParsersAction))
    helped = {action.dest for action in commands._choices_actions if action.help}
    assert helped == set(commands.choices)
