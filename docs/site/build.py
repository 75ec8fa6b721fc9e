"""Build the site: pages that are made from code beside those that are written by hand.

Markets, leaders, objectives and experiments are described by what the registries, docstrings and
annotations say, so that no table of θ or of options can be out of date.
"""

from __future__ import annotations

import ast
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterable, Sequence
from dataclasses import MISSING, Field, fields
from inspect import cleandoc
from itertools import pairwise
from pathlib import Path
from typing import Any, get_type_hints

import yaml

SITE = Path(__file__).parent
ROOT = SITE.parent.parent
BUILD = ROOT / "build" / "docs"
PAGES = BUILD / "pages"
PARTS = ("envs", "leaders", "training", "configs")
FEATURED = {"household_economy": "household_tax", "cobweb": "prices", "shops": "shops_prices"}
"""Pictures that are not called as their market."""


def main() -> int:
    """Write the pages, then let mkdocs build them strictly; its exit code."""
    shutil.rmtree(BUILD, ignore_errors=True)
    shutil.copytree(SITE / "pages", PAGES)
    shutil.copytree(ROOT / "docs" / "results", PAGES / "results")
    link_sources(BUILD / "source")
    navigation = write_pages()
    settings = (SITE / "mkdocs.yml").read_text(encoding="utf-8")
    places = {"nav": navigation, "docs_dir": str(PAGES), "site_dir": str(ROOT / "build" / "site")}
    (BUILD / "mkdocs.yml").write_text(settings + yaml.safe_dump(places), encoding="utf-8")
    environment = {**os.environ, "NO_MKDOCS_2_WARNING": "1"}
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet"]
    code = subprocess.run(command, cwd=BUILD, env=environment, check=False).returncode
    if code == 0:
        print(f"{ROOT / 'build' / 'site' / 'index.html'}")
    return code


def link_sources(folder: Path) -> None:
    """The package under its own name, whatever the clone is called."""
    package = folder / "pacesetter"
    package.mkdir(parents=True)
    for name in ("__init__.py", *PARTS):
        (package / name).symlink_to(ROOT / name)


def write_pages() -> list[Any]:
    """All that is made from code; returns the navigation."""
    markets = write_markets()
    write_classes()
    append_experiments()
    examples = write_examples()
    results = write_results()
    return [
        {"Start": "index.md"},
        {"Concepts": "concepts.md"},
        {"Examples": examples},
        {"Your own environment": "own.md"},
        {"Markets": [*markets, {"The limit order book": "order_book.md"}]},
        {"Leaders": "leaders.md"},
        {"Objectives": "objectives.md"},
        {"Experiments": "experiments.md"},
        {"Gradients": "gradients.md"},
        {"What data can tell": "data.md"},
        {"The certificate": "certificate.md"},
        {"More cores and machines": "cluster.md"},
        {"On a graphics card": "device.md"},
        {"Results": results},
        {"Performance": "results/bench.md"},
        {"Python": "python.md"},
        {"Limits": "limits.md"},
    ]


# Markets --------------------------------------------------------------------------------------


def write_markets() -> list[Any]:
    """A page per market."""
    from pacesetter.envs.registry import MARKETS

    (PAGES / "markets").mkdir()
    navigation: list[Any] = ["markets/index.md"]
    lines = ["# Markets", ""]
    for name, text in MARKETS.descriptions().items():
        write(f"markets/{name}.md", market_page(name))
        navigation.append({name: f"markets/{name}.md"})
        lines.append(f"- [`{name}`]({name}.md): {text}")
    write("markets/index.md", "\n".join(lines))
    return navigation


def market_page(name: str) -> str:
    """Equations, θ, options, agents, quantities, exact figures, picture and tables of a market."""
    from pacesetter.envs.registry import MARKETS, make
    from pacesetter.training.studies.catalogue import declared_of

    cls, market = MARKETS[name], make(name)
    title, _, rest = cleandoc(sys.modules[cls.__module__].__doc__ or "").partition("\n")
    parts = [f"# `{name}`", f"**{title}**", rest.strip()]
    if (picture := picture_of(name)) is not None:
        parts.append(f"![{title}](../results/{picture})")
    parts += ["## Characteristics θ", theta_table(market)]
    parts += ["## Agents", agents_table(market)]
    parts += ["## Options", options_table(cls)]
    parts += ["## Quantities", table(("name", "what"), market.quantities.items())]
    if exact := market.benchmark():
        rows = [(label, f"{value:.6g}") for label, value in exact.items()]
        parts += ["## Exact figures, with default options", table(("figure", "value"), rows)]
    declared = declared_of(cls)
    tables = [t for t in (*declared.tables, *declared.measurements) if has_result(t)]
    if tables:
        links = [f"- [{result_title(t)}](../results/{t}.md)" for t in tables]
        parts += ["## Published beside ours", "\n".join(links)]
    if experiments := experiments_of(name):
        parts += ["## Experiments", "\n".join(f"- `{e}`: {text}" for e, text in experiments)]
    notes = SITE / "notes" / f"{name}.md"
    if notes.exists():
        parts += ["## In use", notes.read_text(encoding="utf-8")]
    parts.append("What it cannot do is said in [Limits](../limits.md).")
    return "\n\n".join(parts)


def theta_table(market: Any) -> str:
    """Every characteristic with bounds, default and unit."""
    rows = [
        (f"`{e.name}`", f"{e.low:g} … {e.high:g}", f"{e.default:g}", e.unit, e.description)
        for e in market.characteristics.entries
    ]
    text = table(("name", "bounds", "default", "unit", "what"), rows)
    constraints = [f"- `{constraint}`" for constraint in market.characteristics.constraints]
    return text + ("\n\nThey keep:\n\n" + "\n".join(constraints) if constraints else "")


def agents_table(market: Any) -> str:
    """Every group, or that nobody learns."""
    if not market.groups:
        return "Nobody learns: traders follow rules, and the leader alone has something to find."
    rows = [
        (f"`{g.name}`", g.size, numbers(g.observation_space.shape[0]), space(g.action_space))
        for g in market.groups
    ]
    steps = market.steps_per_episode
    length = f"An episode has {steps} step{'s' * (steps != 1)}, and "
    length += "ends then." if market.ends_at_horizon else "goes on in principle."
    return table(("group", "number", "sees", "does"), rows) + f"\n\n{length}"


def numbers(count: int) -> str:
    """So many of them."""
    return f"{count} number{'s' * (count != 1)}"


def space(of: Any) -> str:
    """An action space in words."""
    if hasattr(of, "n"):
        return f"one of {of.n} choices"
    bounds = zip(of.low.tolist(), of.high.tolist(), strict=True)
    return "; ".join(f"{low:g} … {high:g}" for low, high in bounds)


def picture_of(name: str) -> str | None:
    """The picture that stands for a market: of its results, or from the folder of notes."""
    if (own := SITE / "notes" / f"{name}.png").exists():
        shutil.copy(own, PAGES / "results" / own.name)
        return own.name
    found = sorted(path.name for path in (ROOT / "docs" / "results").glob(f"{name}*.png"))
    wanted = f"{FEATURED.get(name, name)}.png"
    return wanted if (PAGES / "results" / wanted).exists() else next(iter(found), None)


def experiments_of(market: str) -> list[tuple[str, str]]:
    """Shipped experiments of a market, with their descriptions."""
    found = []
    for path in sorted((ROOT / "configs").glob("*.yaml")):
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
        if content["market"]["name"] == market:
            found.append((path.stem, content["description"]))
    return found


# Leaders, objectives, experiments -----------------------------------------------------------------


def write_classes() -> None:
    """Leaders and objectives with their options."""
    from pacesetter.leaders.registry import (
        LEADERS,
        OBJECTIVES,
        OBJECTIVES_BY_QUANTITY,
        REFERENCES,
    )

    leaders = ["# Leaders", "", "`leader: {name: …}` says who sets θ.", *described(LEADERS)]
    write("leaders.md", "\n".join(leaders))
    short = [(f"`{name}`", text) for name, (_, text) in OBJECTIVES_BY_QUANTITY.items()]
    objectives = [
        "# Objectives",
        "",
        "`objective: {name: …}` says what the leader wants.",
        *described(OBJECTIVES),
        "\n## Quantities by name\n",
        table(("name", "what"), short),
        "\n# References of a calibration\n",
        *described(REFERENCES),
    ]
    write("objectives.md", "\n".join(objectives))


def described(catalogue: Any) -> list[str]:
    """A section per class: docstring and options."""
    parts = []
    for name, cls in catalogue.items():
        text = re.split(r"\n(?:Attributes|Raises|Args):\n", cleandoc(cls.__doc__ or ""))[0]
        parts += [f"\n## `{name}`\n", text.strip(), "", options_table(cls)]
    return parts


def append_experiments() -> None:
    """Sections of an experiment with their options, and the shipped ones."""
    from pacesetter.training.experiments import settings
    from pacesetter.training.experiments.shipped import described_experiments

    page = PAGES / "experiments.md"
    parts = [page.read_text(encoding="utf-8")]
    for section, cls in (
        ("training", settings.TrainingSettings),
        ("followers", settings.FollowerSettings),
        ("evaluation", settings.EvaluationSettings),
    ):
        parts += [f"## `{section}`", options_table(cls)]
    rows = [(f"`{name}`", text) for name, text in sorted(described_experiments().items())]
    parts += ["## Shipped experiments", table(("name", "what"), rows)]
    page.write_text("\n\n".join(parts) + "\n", encoding="utf-8")


def options_table(cls: Any) -> str:
    """The fields of a dataclass: what is allowed, default, and what they are."""
    from pacesetter.envs.core.annotations import allowed

    hints, told = get_type_hints(cls, include_extras=True), attributes_of(cls)
    rows = []
    for field in fields(cls):
        if field.metadata.get("option", True):
            what = allowed(hints[field.name], _plain)
            rows.append((f"`{field.name}`", what, default_of(field), told.get(field.name, "")))
    return table(("option", "allowed", "default", "what"), rows) if rows else "No options."


def _plain(value: Any) -> str:
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    return str(value)


def default_of(field: Field[Any]) -> str:
    """A default as it is written in YAML."""
    if field.default is not MISSING:
        return f"`{_plain(field.default)}`" if not callable(field.default) else ""
    return "" if field.default_factory is not MISSING else "*required*"


def attributes_of(cls: Any) -> dict[str, str]:
    """What docstrings of a class and its bases say of fields, name -> text."""
    told: dict[str, str] = {}
    for base in reversed(cls.__mro__):
        text = cleandoc(base.__doc__ or "")
        section = re.search(r"(?:^|\n)(?:Attributes|Args):\n(.*?)(?:\n\S|\Z)", text, re.S)
        for names, said in re.findall(
            r"^    ([\w, ]+): (.*?)(?=^    \S|\Z)", section[1] if section else "", re.S | re.M
        ):
            for name in names.split(","):
                told[name.strip()] = " ".join(said.split())
    return told


# Examples and results -----------------------------------------------------------------------------


def write_examples() -> list[Any]:
    """A page per example, its docstring as text and its code below."""
    (PAGES / "examples").mkdir()
    navigation: list[Any] = ["examples/index.md"]
    lines = [
        "# Examples",
        "",
        "Each is a file of `docs/examples` and a notebook; `make examples` runs them all as both.",
        "",
    ]
    for path in sorted((ROOT / "docs" / "examples").glob("*.py")):
        said, code = example_parts(path)
        title, _, rest = said.partition("\n")
        page = f"# {path.stem.replace('_', ' ')}\n\n{title}\n{rest}\n\n"
        page += f"[As a notebook]({path.stem}.ipynb)\n\n```python\n{code}\n```"
        write(f"examples/{path.stem}.md", page)
        write(f"examples/{path.stem}.ipynb", example_notebook(path))
        navigation.append({path.stem.replace("_", " "): f"examples/{path.stem}.md"})
        lines.append(f"- [{path.stem.replace('_', ' ')}]({path.stem}.md): {title}")
    write("examples/index.md", "\n".join(lines))
    return navigation


def example_parts(path: Path) -> tuple[str, str]:
    """What an example says it shows, and its code."""
    source = path.read_text(encoding="utf-8")
    return ast.get_docstring(ast.parse(source)) or "", source.split('"""', 2)[2].strip()


def example_notebook(path: Path) -> str:
    """An example as a notebook: what it shows, then a cell for every paragraph of its code."""
    said, code = example_parts(path)
    tree, lines = ast.parse(code), code.splitlines(keepends=True)
    # Comments that stand above a statement belong to it.
    starts, end = [], 0
    for node in tree.body:
        first = min([node.lineno, *(d.lineno for d in getattr(node, "decorator_list", ()))]) - 1
        while first > end and lines[first - 1].startswith("#"):
            first -= 1
        if first > end or not starts:
            starts.append(first)
        end = node.end_lineno or first
    pieces = pairwise([0, *starts[1:], len(lines)])
    cells: list[dict[str, Any]] = [{"cell_type": "markdown", "metadata": {}, "source": said}]
    for first, last in pieces:
        text = "".join(lines[first:last]).strip()
        cells.append(
            {
                "cell_type": "code",
                "metadata": {},
                "execution_count": None,
                "outputs": [],
                "source": text,
            }
        )
    for number, cell in enumerate(cells):
        cell["id"] = f"cell-{number}"
    language = {"language_info": {"name": "python"}}
    return json.dumps(
        {"nbformat": 4, "nbformat_minor": 5, "metadata": language, "cells": cells},
        indent=1,
        ensure_ascii=False,
    )


def write_results() -> list[Any]:
    """Every table of docs/results, as it stands there."""
    overview = PAGES / "results" / "overview.md"
    lines = [overview.read_text(encoding="utf-8"), "## All tables", ""]
    overview.unlink()
    found = sorted(path.stem for path in (PAGES / "results").glob("*.md"))
    for name in found:  # all are called alike
        if name.startswith("bench_"):
            heading = f"{result_title(name)}: {name.removeprefix('bench_').replace('_', ' ')}"
            rest = (PAGES / "results" / f"{name}.md").read_text(encoding="utf-8").partition("\n")[2]
            write(f"results/{name}.md", f"# {heading}\n{rest}")
    lines += [f"- [{result_title(name)}]({name}.md)" for name in found]
    write("results/index.md", "\n".join(lines))
    return ["results/index.md", *(f"results/{name}.md" for name in found if name != "bench")]


def has_result(name: str) -> bool:
    """Whether a table has been made."""
    return (PAGES / "results" / f"{name}.md").exists()


def result_title(name: str) -> str:
    """The heading of a table."""
    text = (PAGES / "results" / f"{name}.md").read_text(encoding="utf-8")
    return text.partition("\n")[0].removeprefix("# ")


def table(titles: Sequence[str], rows: Iterable[Sequence[Any]]) -> str:
    """A Markdown table."""
    lines = [f"| {' | '.join(titles)} |", f"|{'---|' * len(titles)}"]
    for row in rows:
        cells = [str(cell).replace("|", "\\|").replace("\n", " ") for cell in row]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def write(name: str, text: str) -> None:
    """A page."""
    (PAGES / name).write_text(text.rstrip() + "\n", encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main())
