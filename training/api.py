"""Pacesetter from Python and notebooks, on one page; the command line is a layer over it.

    experiment = pacesetter.load_experiment("cobweb_unstable_ppo", ["training.iterations=50"])
    run = pacesetter.train(experiment, runs="runs")
    run.answer, run.results, run.history["leader/objective"], run.figures(), run.policies
    pacesetter.certify(run)
    pacesetter.counterfactual(run, {"mean_information_cost": 0.1})

Nothing heavy is imported before it is used.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ..envs.core.errors import PacesetterError
from .beforehand import check_beforehand
from .course import carry_out, measured, teller
from .experiments.experiment import Experiment
from .experiments.load import load_experiment
from .experiments.place import WAIT, check_place
from .runs.run_folder import CERTIFICATE, RESULTS, RunFolder

if TYPE_CHECKING:
    from .certificates.certified import Certificate
    from .evaluation.counterfactual import Counterfactual
    from .evaluation.page import Pictures
    from .policies.served import ServedPolicy


@dataclass(frozen=True)
class Run:
    """A run on disk: what was asked, what came out, and who learned what.

    In a notebook it shows itself as its result table and pictures.

    Attributes:
        folder: its files.
    """

    folder: RunFolder

    def __repr__(self) -> str:
        return f"Run({str(self.path)!r}{'' if self.finished else ', not finished'})"

    @classmethod
    def open(cls, path: str | Path) -> Run:
        """The run in a folder, finished or not.

        Raises:
            PacesetterError: it is not the folder of a run.
        """
        return cls(RunFolder.open(path))

    @property
    def path(self) -> Path:
        """The run folder."""
        return self.folder.path

    @property
    def experiment(self) -> Experiment:
        """What was asked."""
        return self.folder.experiment

    @property
    def finished(self) -> bool:
        """Whether the run came to its end and was evaluated; if not, `resume` it."""
        return (self.path / RESULTS).exists()

    @property
    def results(self) -> dict[str, float]:
        """Every figure of the evaluation, name -> number.

        Raises:
            PacesetterError: there are none yet.
        """
        return self.folder.read_results()

    @property
    def history(self) -> dict[str, NDArray[np.float64]]:
        """The path of training, column -> one number per iteration; NaN where there is none."""
        from .runs.history import read_history

        rows = read_history(self.path)
        return {name: np.array([row[name] for row in rows]) for name in (rows[0] if rows else ())}

    @property
    def answer(self) -> dict[str, float]:
        """The leader's answer, characteristic -> value.

        Raises:
            PacesetterError: the run has not come to its end.
        """
        from .evaluation.evaluate import read_answer

        return self.experiment.market.characteristics.named(read_answer(self.folder))

    @property
    def policies(self) -> dict[str, ServedPolicy]:
        """The trained policies by group, and the leader's if it has one; they act without Ray.

        Raises:
            PacesetterError: the run has not come to its end, or is of another version.
        """
        from .policies.served import load_policies

        return load_policies(self.path)

    @property
    def certificate(self) -> dict[str, Any] | None:
        """What `certify` found, as plain values; None if nobody has asked."""
        path = self.path / CERTIFICATE
        if not path.exists():
            return None
        found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        return found

    def figures(self) -> Pictures:
        """The figures by name, as Matplotlib draws them; a notebook shows them one by one.

        Raises:
            PacesetterError: the run has not been evaluated.
        """
        from .evaluation.page import drawn

        return drawn(self.folder)

    def html(self) -> str:
        """The run as one self-contained web page.

        Raises:
            PacesetterError: the run has not been evaluated.
        """
        from .evaluation.page import page

        return page(self.folder)

    def _repr_html_(self) -> str:
        from .evaluation.page import excerpt

        if not self.finished:
            return f"<p>{self.path}: not finished; pacesetter.resume(run) goes on with it.</p>"
        return excerpt(self.folder)


def train(
    experiment: Experiment | str | Path,
    overrides: Sequence[str] = (),
    runs: str | Path = "runs",
    name: str | None = None,
    address: str | None = None,
    quiet: bool = False,
) -> Run:
    """Train an experiment and evaluate it.

    An interrupt (Ctrl-C, a notebook's stop) saves everything; `Run.finished` is then False.

    Args:
        experiment: as loaded, or the name of a shipped one, or the path of a YAML file.
        overrides: ``key=value`` with a dotted key, where it is given by name or path.
        runs: folder for run folders.
        name: of the run folder; default: the experiment's with its seed.
        address: of a Ray cluster, or ``auto``; default: this machine.
        quiet: no progress display.

    Raises:
        PacesetterError: a mistake in the experiment, a folder that is in use, or a failure.
    """
    if not isinstance(experiment, Experiment):
        experiment = load_experiment(experiment, overrides)
    elif overrides:
        raise PacesetterError(
            "overrides change what is read from a file; give them to load_experiment, or give the "
            "experiment by its name or path."
        )
    folder = prepare(experiment, runs, name, address)
    carry_out(folder, address, quiet)
    return Run(folder)


def resume(run: Run | str | Path, address: str | None = None, quiet: bool = False) -> Run:
    """Go on with an interrupted run, as if it had not been.

    Raises:
        PacesetterError: it is not the folder of a run, or training failed.
    """
    folder = _folder(run)
    check_place(folder.experiment, address)
    carry_out(folder, address, quiet)
    return Run(folder)


def prepare(
    experiment: Experiment,
    runs: str | Path = "runs",
    name: str | None = None,
    address: str | None = None,
    wait: float = WAIT,
) -> RunFolder:
    """A new run folder, once all that can be known to be wrong has been looked for.

    Args:
        experiment, runs, name, address: as for `train`.
        wait: seconds that a cluster has to answer and to have free cores.

    Raises:
        PacesetterError: see `check_beforehand`; or the folder is in use.
    """
    check_beforehand(experiment, address, wait)
    return RunFolder.create(runs, experiment, name)


def evaluate(run: Run | str | Path) -> Run:
    """Measure a finished run again; its results and figures are written anew.

    Raises:
        PacesetterError: the run has not come to its end.
    """
    folder = _folder(run)
    measured(folder)
    return Run(folder)


def certify(
    run: Run | str | Path,
    tolerance: float = 1.0,
    budget: float | None = None,
    anew: bool = False,
    quiet: bool = False,
) -> Certificate:
    """Whether the answer of a run holds: what followers, and the leader, would gain otherwise.

    Args:
        run: finished.
        tolerance: of every gap, in percent of what is at stake.
        budget: in minutes; None: as much as is due.
        anew: throw away what was kept of an earlier certificate.
        quiet: no word of what is being done.

    Raises:
        PacesetterError: see `certificates.certificate.certify`.
    """
    from .certificates.certificate import certify as ask

    return ask(_folder(run), tolerance, budget, anew, teller(quiet))


def retrain(
    run: Run | str | Path,
    around: float | None = None,
    address: str | None = None,
    quiet: bool = False,
) -> dict[str, float] | None:
    """Train followers anew at a run's answer, and compare; None if that was interrupted.

    Args:
        run: finished.
        around: also at θ ± this share of every range, whether it is an optimum; 0: not; default:
            what the leader asks for.
        address: of a Ray cluster; default: this machine.
        quiet: no progress display.

    Returns:
        name -> number; see `evaluation.retrain.retrain`.

    Raises:
        PacesetterError: the run is not finished, or has no one answer.
    """
    from .evaluation.retrain import retrain as ask

    return ask(_folder(run), address, quiet, around)


def counterfactual(
    run: Run | str | Path, theta: Mapping[str, float], groups: Sequence[str] = ()
) -> Counterfactual:
    """What another θ would do, with nobody, each group and all adapting to it.

    Args:
        run: finished.
        theta: what changes, name -> value.
        groups: that adapt alone; default: each in turn.

    Raises:
        PacesetterError: the run is not finished, or θ or a group is not allowed.
    """
    from .evaluation.counterfactual import counterfactual as ask

    return ask(_folder(run), dict(theta), list(groups))


def _folder(run: Run | RunFolder | str | Path) -> RunFolder:
    if isinstance(run, Run):
        return run.folder
    return run if isinstance(run, RunFolder) else RunFolder.open(run)
