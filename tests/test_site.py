"""The site is built offline and strictly, and every block of code in it and the README is code."""

from __future__ import annotations

import ast
import json
import re
import shlex
import subprocess
import sys
from pathlib import Path
from urllib.parse import unquote, urlparse

import pytest
import yaml

from pacesetter.envs.registry import MARKETS, make
from pacesetter.training.options import parser

ROOT = Path(__file__).parent.parent
BLOCK = re.compile(r"^```(\w+)[^\n]*\n(.*?)^```", re.S | re.M)


@pytest.fixture(scope="module")
def site():
    """The built site, and the pages that it was made from."""
    subprocess.run([sys.executable, ROOT / "docs" / "site" / "build.py"], check=True)
    return ROOT / "build" / "site", ROOT / "build" / "docs" / "pages"


def test_every_page_stands_alone(site):
    """Whatever a page shows or loads is in the site, and nothing is loaded from elsewhere."""
    built, _ = site
    pages = list(built.rglob("*.html"))
    assert len(pages) > 60
    loaded = re.compile(r'<(?:img|script|link)[^>]*?(?:src|href)="([^"]+)"')
    for page in pages:
        for address in loaded.findall(page.read_text(encoding="utf-8")):
            place = urlparse(address)
            if place.scheme == "data" or page.name == "404.html":
                continue
            assert not place.netloc, f"{page}: {address}"
            assert (page.parent / unquote(place.path)).resolve().exists(), f"{page}: {address}"


def test_every_market_has_its_theta_on_a_page(site):
    _, pages = site
    for name in MARKETS:
        text = (pages / "markets" / f"{name}.md").read_text(encoding="utf-8")
        for entry in make(name).characteristics.entries:
            row = f"| `{entry.name}` | {entry.low:g} … {entry.high:g} | {entry.default:g} |"
            assert row in text


def test_every_block_is_code_of_its_language(site):
    _, pages = site
    counted = dict.fromkeys(("python", "yaml", "sh"), 0)
    for path in [*pages.rglob("*.md"), ROOT / "README.md"]:
        for language, code in BLOCK.findall(path.read_text(encoding="utf-8")):
            counted[language] += 1  # another language is not checked, and so not used
            if language == "python":
                ast.parse(code)
            elif language == "yaml":
                assert yaml.safe_load(code)
            else:
                _check_commands(code.splitlines())
    assert min(counted.values()) > 3


def test_every_example_is_a_notebook_of_the_same_code(site):
    _, pages = site
    for path in (ROOT / "docs" / "examples").glob("*.py"):
        content = json.loads((pages / "examples" / f"{path.stem}.ipynb").read_text("utf-8"))
        said, *cells = (cell["source"] for cell in content["cells"])
        example = ast.parse(path.read_text(encoding="utf-8"))
        assert said == ast.get_docstring(example)
        code = ast.parse("\n".join(cells))
        assert ast.unparse(code) == ast.unparse(ast.Module(example.body[1:], []))
        assert all(ast.parse(cell).body for cell in cells)


def test_every_command_of_the_readme_exists():
    lines = (ROOT / "README.md").read_text(encoding="utf-8").splitlines()
    assert _check_commands(line.strip() for line in lines if line.startswith("    pacesetter ")) > 9


def _check_commands(lines):
    """Parse those that are ours, up to the comment; returns how many there were."""
    checked = 0
    for line in lines:
        words = shlex.split(line.rstrip("\\"), comments=True)  # of two lines the first
        if words[:1] == ["pacesetter"]:
            parser().parse_known_args(words[1:])
            checked += 1
    return checked
