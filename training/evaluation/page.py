"""A finished run as one web page: self-contained, readable on a phone, in light and dark."""

from __future__ import annotations

import base64
import html
import io
import json
from collections.abc import Iterable, Sequence
from pathlib import Path

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from ..experiments.load import resolved
from ..experiments.yaml_file import dump_yaml
from ..loop.notes import kept_notes
from ..runs.run_folder import CERTIFICATE, CERTIFIED, VERSIONS, RunFolder
from ..runs.whole_files import write_whole
from .evaluate import draw, evaluated_arrays, result_lines

PAGE = "report.html"
STYLE = """
:root { color-scheme: light dark; }
body { font: 16px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 0 auto; padding: 1rem; }
h1 { font-size: 1.5rem; overflow-wrap: anywhere; } h2 { font-size: 1.15rem; margin-top: 2rem; }
.wide { overflow-x: auto; } code { overflow-wrap: anywhere; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; }
td, th { padding: .3rem .8rem .3rem 0; text-align: left; border-bottom: 1px solid #8884; }
td.number { text-align: right; white-space: nowrap; }
figure { margin: 1.5rem 0; } figcaption { font-size: .9rem; }
img { max-width: 100%; height: auto; background: white; }
pre { overflow-x: auto; font-size: .85rem; padding: .8rem; border: 1px solid #8884; }
@media (max-width: 40rem) {
  h1 { font-size: 1.2rem; } table { font-size: .8rem; width: 100%; }
  td, th { padding-right: .4rem; overflow-wrap: anywhere; } td.number { white-space: normal; }
  td:first-child { min-width: 6rem; }
}
"""


class Pictures(dict[str, Figure]):
    """Figures by name; a notebook shows them below each other."""

    def _repr_html_(self) -> str:
        return "".join(_picture(name, figure) for name, figure in self.items())


def drawn(run: RunFolder) -> Pictures:
    """Every figure of an evaluated run, drawn again and saved.

    Raises:
        PacesetterError: the run has not been evaluated.
    """
    return Pictures(draw(run, run.read_results(), evaluated_arrays(run)))


def excerpt(run: RunFolder) -> str:
    """The result table and pictures, as HTML to stand in another page."""
    return "\n".join(
        [
            _table(
                ("figure", "here", "published or exact"),
                result_lines(run.experiment, run.read_results()),
            ),
            drawn(run)._repr_html_(),
        ]
    )


def page(run: RunFolder) -> str:
    """The whole report of an evaluated run; it loads nothing from elsewhere.

    Raises:
        PacesetterError: the run has not been evaluated.
    """
    experiment, results = run.experiment, run.read_results()
    title = f"{experiment.name}, seed {experiment.seed}"
    parts = [
        f"<h1>{_text(title)}</h1><p>{_text(experiment.description)}</p>",
        "<h2>Results</h2>",
        _table(("figure", "here", "published or exact"), result_lines(experiment, results)),
        *(f"<p>{_text(note)}</p>" for note in kept_notes(run)),
        "<h2>Pictures</h2>",
        drawn(run)._repr_html_(),
        "<h2>Certificate</h2>",
        _certificate(run),
        "<h2>All figures</h2>",
        f"<details><summary>{len(results)} numbers</summary>{_numbers(results.items())}</details>",
        "<h2>Configuration</h2>",
        f"<details><summary>config.yaml</summary><pre>{_text(dump_yaml(resolved(experiment)))}"
        "</pre></details>",
        "<h2>Versions</h2>",
        _versions(run),
    ]
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{_text(title)}</title><style>{STYLE}</style></head><body>"
        + "\n".join(parts)
        + "</body></html>\n"
    )


def write_page(run: RunFolder) -> Path:
    """Write the report into the run folder; returns the file."""
    path = run.path / PAGE
    write_whole(path, page(run))
    return path


def _certificate(run: RunFolder) -> str:
    path = run.path / CERTIFICATE
    if not path.exists():
        return f"<p>None yet: <code>pacesetter certify {_text(str(run.path))}</code></p>"
    found = json.loads(path.read_text(encoding="utf-8"))
    said = f"The answer {found['verdict']}; tolerance {found['tolerance_percent']:g} %."
    flags = "".join(f"<p>{_text(f'{kind}: {text}')}</p>" for kind, text in found["flags"].items())
    picture = run.path / CERTIFIED
    shown = _embedded("certificate", picture.read_bytes()) if picture.exists() else ""
    return f"<p>{_text(said)}</p>{flags}{_numbers(found['figures'].items())}{shown}"


def _versions(run: RunFolder) -> str:
    made = json.loads((run.path / VERSIONS).read_text(encoding="utf-8"))
    return _table(
        ("what", "version"), [(name, text) for name, text in made.items() if isinstance(text, str)]
    )


def _numbers(items: Iterable[tuple[str, float]]) -> str:
    return _table(("figure", "value"), [(name, f"{value:.6g}") for name, value in items])


def _table(titles: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    head = "".join(f"<th>{_text(title)}</th>" for title in titles)
    body = "".join(
        f"<tr><td>{_text(first)}</td>"
        + "".join(f'<td class="number">{_text(cell)}</td>' for cell in rest)
        + "</tr>"
        for first, *rest in rows
    )
    return f'<div class="wide"><table><tr>{head}</tr>{body}</table></div>'


def _picture(name: str, figure: Figure) -> str:
    memory = io.BytesIO()
    FigureCanvasAgg(figure).print_png(memory)
    return _embedded(name, memory.getvalue())


def _embedded(name: str, png: bytes) -> str:
    data, label = base64.b64encode(png).decode(), _text(name.replace("_", " "))
    return (
        f'<figure><img alt="{label}" src="data:image/png;base64,{data}">'
        f"<figcaption>{label}</figcaption></figure>"
    )


def _text(text: str) -> str:
    return html.escape(text)
