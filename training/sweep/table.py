"""What a sweep found: one table and one figure."""

from __future__ import annotations

import csv
import io
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table

from ..runs.whole_files import write_whole
from ..studies.charts import TRAINED_COLOUR, chart, save
from ..studies.statistics import half_width
from .trials import OBJECTIVE, Sweep, by_point, trials

TABLE, FIGURE = "sweep.csv", "sweep.png"
SPREAD = 0.5  # of points of one value, where values are one apart


def show(folder: Path, sweep: Sweep) -> None:
    """Write ``sweep.csv`` and ``sweep.png``, and print the table, best objective first."""
    rows = _rows(folder, sweep)
    if not rows:
        print("no trial has finished yet")
        return
    keys = list(sweep.points()[0])
    text = io.StringIO()
    writer = csv.DictWriter(text, list(rows[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    write_whole(folder / TABLE, text.getvalue())
    table = Table(title=f"{sweep.experiment}: objective of the answer, mean over seeds ± 95 %")
    for key in keys:
        table.add_column(key, justify="right")
    table.add_column("objective", justify="right")
    table.add_column("seeds", justify="right")
    for row in sorted(rows, key=lambda row: -row["objective"]):
        width = row["half_width_95"]
        shown = f"{row['objective']:.5g}" + (f" ± {width:.2g}" if width != "" else "")
        table.add_row(*(row[key] for key in keys), shown, str(row["seeds"]))
    Console(highlight=False, width=100).print(table)
    _draw(folder, sweep, rows)
    missing = len(trials(sweep)) - sum(row["seeds"] for row in rows)
    if missing:
        print(f"{missing} trial(s) were stopped early or have not finished")
    print(f"table: {folder / TABLE}; figure: {folder / FIGURE}")
    print(f"TensorBoard: tensorboard --logdir {folder} --host localhost")


def _rows(folder: Path, sweep: Sweep) -> list[dict[str, Any]]:
    """A row per point: its values, the objective, θ, and how many seeds have finished."""
    rows = []
    for point, results in by_point(folder, sweep):
        if not results:
            continue
        values = [result[OBJECTIVE] for result in results]
        width = half_width(values)
        theta = {
            name: float(np.mean([result[name] for result in results]))
            for name in results[0]
            if name.startswith("theta/")
        }
        rows.append(
            {
                **point,
                "objective": float(np.mean(values)),
                "half_width_95": width if np.isfinite(width) else "",
                "seeds": len(values),
                **theta,
            }
        )
    return rows


def _draw(folder: Path, sweep: Sweep, rows: list[dict[str, Any]]) -> None:
    """The objective over every swept key, one panel per key, each point a dot with its interval."""
    keys = list(sweep.points()[0])
    figure, axes = chart(1, len(keys), 3.6 * len(keys) + 0.8, 3.2)
    widths = [row["half_width_95"] or 0.0 for row in rows]
    values = [row["objective"] for row in rows]
    for axis, key in zip(axes, keys, strict=True):
        places, labels = _places([row[key] for row in rows])
        style = {"fmt": "o", "color": TRAINED_COLOUR, "capsize": 3, "alpha": 0.8}
        axis.errorbar(places, values, yerr=widths, **style)
        if labels is not None:
            axis.set_xticks(range(len(labels)), labels)
            axis.set_xlim(-0.6, len(labels) - 0.4)
        elif min(places) > 0 and max(places) > 10 * min(places):
            axis.set_xscale("log")
        axis.set_xlabel(key)
    axes[0].set_ylabel("objective of the answer")
    save(figure, folder / FIGURE)


def _places(texts: list[str]) -> tuple[list[float], list[str] | None]:
    """Where values stand on an axis: by number, or, where they are none or recur, side by side."""
    names = list(dict.fromkeys(texts))
    try:
        numbers = [float(text) for text in texts]
        names.sort(key=float)
    except ValueError:
        numbers = []
    if numbers and len(names) == len(texts):
        return numbers, None
    places, seen = [], dict.fromkeys(names, 0)
    for text in texts:
        step = SPREAD / max(1, texts.count(text) - 1)
        places.append(names.index(text) - (SPREAD / 2 if texts.count(text) > 1 else 0.0))
        places[-1] += step * seen[text]
        seen[text] += 1
    return places, names
