"""What a leader says of its own work, kept in the run folder for the report."""

from __future__ import annotations

from ...envs.core.errors import PacesetterError
from ...leaders.leader import Guide
from ..runs.run_folder import RunFolder
from ..runs.whole_files import write_json, write_whole

WARNINGS, ESTIMATOR, FIGURES = "warnings.txt", "estimator.txt", "leader.json"


class EstimatorNote:
    """How a leader's derivatives are taken and why: said once, and again where that changes.

    Args:
        run: whose ``estimator.txt`` keeps it, a line for every change.
        quiet: show nothing.
    """

    def __init__(self, run: RunFolder, quiet: bool):
        self._path, self._quiet = run.path / ESTIMATOR, quiet
        self._lines = _lines(run, ESTIMATOR)

    def add(self, text: str) -> None:
        """Take note of an iteration's; empty where there is none."""
        if not text or self._lines[-1:] == [text]:
            return
        self._lines.append(text)
        write_whole(self._path, "\n".join([*self._lines, ""]))
        if not self._quiet:
            print(text, flush=True)


def keep_warnings(run: RunFolder, guide: Guide) -> None:
    """Keep what a user must know of the leader's answer, and the figures that belong to it."""
    if found := guide.warnings():
        write_whole(run.path / WARNINGS, "\n".join([*found, ""]))
    else:  # of an earlier end of the same run
        (run.path / WARNINGS).unlink(missing_ok=True)
    if figures := guide.figures():
        write_json(run.path / FIGURES, figures)


def kept_notes(run: RunFolder) -> list[str]:
    """Both, as sentences for the report."""
    warnings = [f"warning: {text}" for text in _lines(run, WARNINGS)]
    return [*_lines(run, ESTIMATOR), *warnings]


def _lines(run: RunFolder, name: str) -> list[str]:
    path = run.path / name
    try:
        return path.read_text(encoding="utf-8", errors="replace").splitlines()
    except FileNotFoundError:
        return []
    except OSError as error:
        raise PacesetterError(
            f"{path}: cannot be read ({error.strerror}); move it elsewhere."
        ) from error
