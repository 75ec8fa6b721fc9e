"""The report of the soak test: every fault that happened, and a table of them."""

from __future__ import annotations

import json
from collections import defaultdict
from dataclasses import asdict
from pathlib import Path
from statistics import median
from typing import Any

from ...envs.core.errors import PacesetterError
from ..runs.machine import software_versions
from ..runs.whole_files import write_json, write_whole
from .runs import EXACT, Run
from .sequential import sequential_test

NAME = "soak"
MARGIN = 0.01  # of the returns
GOAL = 1000  # faults


class Report:
    """All runs so far.

    Args:
        out: folder of the report.
        seed: of all that is drawn.
        runs: of an earlier report that is continued.
    """

    def __init__(self, out: Path, seed: int, runs: list[Run] | None = None):
        self.out, self.seed, self.runs, self.first = out, seed, runs or [], 0

    @classmethod
    def read(cls, out: Path) -> Report:
        """An earlier report.

        Raises:
            PacesetterError: there is none, or it is damaged.
        """
        path = out / f"{NAME}.json"
        try:
            found = json.loads(path.read_text(encoding="utf-8"))
            return cls(out, found["seed"], [Run(**run) for run in found["runs"]])
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise PacesetterError(
                f"{path}: is no report of the soak test that could be continued ({error}); leave "
                "out --continue to begin one."
            ) from error

    @property
    def faults(self) -> int:
        """How many have happened."""
        return sum(len(run.faults) for run in self.runs)

    @property
    def next_number(self) -> int:
        """Of the next run."""
        return max([self.first, *(run.number + 1 for run in self.runs)])

    def write(self) -> None:
        """Both files, anew."""
        self.out.mkdir(parents=True, exist_ok=True)
        content = {
            "seed": self.seed,
            "versions": software_versions(),
            "summary": self.summary(),
            "runs": [asdict(run) for run in self.runs],
        }
        write_json(self.out / f"{NAME}.json", content)
        write_whole(self.out / f"{NAME}.md", self.text())

    def summary(self) -> dict[str, dict[str, Any]]:
        """Figures by place: local, remote and stock."""
        places = {run.place: [r for r in self.runs if r.place == run.place] for run in self.runs}
        return {place: _summary(runs) for place, runs in places.items()}

    def text(self) -> str:
        """The report as Markdown."""
        found = self.summary()
        ours = sum(found[place]["faults"] for place in EXACT if place in found)
        lines = [
            "# Soak: faults at random, and what became of the runs",
            "",
            f"Made with `python -m pacesetter.training.soak --seed {self.seed} --place PLACE "
            f"--first NUMBER` (`make soak`); {len(self.runs)} runs, {self._numbers()}: number and "
            "seed say what was drawn.",
            "",
            "Short runs of two experiments are disturbed, one command after the other, and gone on "
            "with until they are done. Time limits are 30 s times the seconds that a second of "
            "processor time took at that moment. *Recovery*: from the start of the command that "
            "goes on, or from the fault where the run goes on by itself, to the next iteration. "
            "*Remote*: one env runner or two, each in a process of its own; half of these runs are "
            "one command, which goes on by itself after several faults, and are held to the "
            "undisturbed ones by their returns. *Learners*: two, each in a process of its own. "
            "*Stock*: RLlib's stock route with an env runner, under the same commands.",
            "",
            "| | " + " | ".join(found) + " |",
            "|---|" + "---|" * len(found),
        ]
        rows = {
            "faults": "faults",
            "runs": "runs",
            "hangs": "hangs over 30 s (0)",
            "lost": "lost results (0)",
            "corrupt": "corrupt folders (0)",
            "left": "left over (0)",
            "other": "wrong ends or messages (0)",
            "identical": "`results.json` byte-identical, of exact runs",
            "end": "from fault to end, median and most, s",
            "recovery": "recovery, median and most, s",
            "returns": f"returns, of runs that are not byte-identical (margin {MARGIN:.0%})",
            "busy": "seconds per second of processor time, median",
        }
        lines += [
            f"| {text} | " + " | ".join(str(column[key]) for column in found.values()) + " |"
            for key, text in rows.items()
        ]
        met = ours >= GOAL
        lines += ["", f"Goal of {GOAL} faults: {'yes' if met else f'**no**, {ours}'}.", ""]
        lines += self._by_kind()
        if problems := [(run, text) for run in self.runs for text in run.problems]:
            lines += ["", "## What should not have been", ""]
            lines += [
                f"- run {run.number} ({run.place}, {run.experiment}, seed {run.seed}): "
                + " ".join(text.split())
                for run, text in problems
            ]
        return "\n".join(lines) + "\n"

    def _numbers(self) -> str:
        """Which numbers were run where."""
        places: dict[str, list[int]] = defaultdict(list)
        for run in self.runs:
            places[run.place].append(run.number)
        return ", ".join(
            f"numbers {min(found)} to {max(found)} {place}" for place, found in places.items()
        )

    def _by_kind(self) -> list[str]:
        kinds: dict[tuple[str, str], list[dict[str, Any]]] = defaultdict(list)
        for run in self.runs:
            for fault in run.faults:
                kinds[run.place, fault["kind"]].append(fault)
        lines = [
            "| place | fault | times | with problems | to the end, median s | recovery, median s |",
            "|---|---|---|---|---|---|",
        ]
        for (place, kind), faults in sorted(kinds.items()):
            wrong = sum(bool(fault["problems"]) for fault in faults)
            lines.append(
                f"| {place} | {kind} | {len(faults)} | {wrong} | {_middle(faults, 'to the end')} | "
                f"{_middle(faults, 'recovery')} |"
            )
        return lines


def _summary(runs: list[Run]) -> dict[str, Any]:
    faults = [fault for run in runs for fault in run.faults]
    problems = [text for run in runs for text in run.problems]
    named = {
        "hangs": [text for text in problems if text.startswith("hang")],
        "lost": [t for t in problems if t.startswith(("other results", "iterations are not"))],
        "corrupt": [text for text in problems if text.startswith("corrupt")],
        "left": [text for text in problems if text.startswith("left over")],
    }
    exact = [run.identical for run in runs if run.identical is not None]
    by_itself = [  # what is identical differs by 0 and would say nothing
        run.difference for run in runs if not run.identical and run.difference is not None
    ]
    verdict = sequential_test(by_itself, MARGIN)
    return {
        "faults": len(faults),
        "runs": len(runs),
        **{name: len(texts) for name, texts in named.items()},
        "other": len(problems) - sum(map(len, named.values())),
        "identical": f"{sum(exact)} of {len(exact)}",
        "end": _middle(faults, "to the end", most=True),
        "recovery": _middle(faults, "recovery", most=True),
        "returns": (
            f"{verdict.text} ({verdict.used}: {verdict.mean:+.2%}"
            + (f", deviation {verdict.deviation:.2%})" if verdict.used > 1 else ")")
            if by_itself
            else "none"
        ),
        "busy": round(median(run.busy for run in runs), 1),
    }


def _middle(faults: list[dict[str, Any]], key: str, most: bool = False) -> str:
    values = [fault[key] for fault in faults if key in fault]
    if not values:
        return ""
    return f"{median(values):.2f}" + (f", {max(values):.2f}" if most else "")
