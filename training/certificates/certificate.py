"""The certificate of a run: does its answer hold once everybody has had time to answer it?

See `certified` for what that means.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from pathlib import Path

import numpy as np

from ..evaluation.evaluate import load_trained, read_answer
from ..policies.policies import Trained
from ..runs.run_folder import CERTIFICATE, CERTIFIED, RunFolder
from ..runs.whole_files import write_json, write_whole
from .certified import HIDDEN, LATER, NOT_FINITE, NOTHING_AT_STAKE, Certificate
from .followers import FollowersGap, followers_gap
from .leader import LeadersGap, leaders_gap
from .picture import draw, note_events
from .plan import Plan, plan
from .points import shows_theta
from .subject import Subject
from .table import markdown
from .work import Work

FILE, TABLE, PICTURE = CERTIFICATE, "certificate.md", CERTIFIED
TOLERANCE = 1.0  # percent of what is at stake


def certify(
    run: RunFolder,
    tolerance: float = TOLERANCE,
    budget: float | None = None,
    anew: bool = False,
    say: Callable[[str], None] = lambda text: None,
) -> Certificate:
    """Certify the answer of a finished run.

    Finished pieces are kept in ``RUN.certificate`` beside the run and not made again. Only a
    certificate that comes to its end writes into the run: ``certificate.json``, ``.md`` and
    ``.png``, and the same numbers and picture for TensorBoard.

    Args:
        run: a finished run.
        tolerance: of every gap, in percent of what is at stake.
        budget: in minutes; None: as much as is due.
        anew: throw away what was kept of an earlier certificate.
        say: is told the cost, and then what is being done.

    Raises:
        PacesetterError: the run has no answer, or one that is no θ; the budget is too small; the
            market cannot restart at a θ; a baseline is not allowed; or the work that was kept is
            of another answer, experiment or version.
    """
    with run.locked():
        return _certify(run, tolerance, budget, anew, say)


def _certify(
    run: RunFolder,
    tolerance: float,
    budget: float | None,
    anew: bool,
    say: Callable[[str], None],
) -> Certificate:
    found = certificate_of(load_trained(run), work_folder(run), tolerance, budget, anew, say)
    figure = draw(found.followers, found.leader, found.subject, tolerance)
    write_whole(run.path / TABLE, markdown(found))
    note_events(run.path / "tensorboard", found.figures(), figure, run.path / PICTURE)
    write_json(run.path / FILE, found.record())  # last: its presence says that all is there
    return found


def kept_verdict(run: RunFolder) -> str:
    """What the certificate in a run folder says, in a sentence; empty if there is none."""
    try:
        kept = json.loads((run.path / FILE).read_text(encoding="utf-8"))
        verdict, answer = kept["verdict"], kept["answer"]
        tolerance = kept["tolerance_percent"]
    except (OSError, ValueError, KeyError):
        return ""
    if answer != run.experiment.market.characteristics.named(read_answer(run)):
        return "certificate: of an earlier answer; 'pacesetter certify RUN --anew' makes another"
    return f"certificate: {verdict} (tolerance {tolerance:g} % of what is at stake)"


def work_folder(run: RunFolder) -> Path:
    """Where pieces are kept, beside the run."""
    path = run.path.resolve()
    return path.with_name(f"{path.name}.certificate")


def certificate_of(
    trained: Trained,
    folder: Path,
    tolerance: float = TOLERANCE,
    budget: float | None = None,
    anew: bool = False,
    say: Callable[[str], None] = lambda text: None,
    planned: Plan | None = None,
) -> Certificate:
    """Certify a trained experiment, with pieces kept in a folder.

    The arguments are those of `certify`; `planned` says how much is done, whatever it costs.
    """
    subject = Subject.of(trained)
    experiment = subject.experiment
    what = subject.record() | {"budget": budget}
    before = None if anew else Work.subject(folder)
    if planned is not None:
        planned.effort.points(subject)  # what is wrong with them is said now
    elif before is not None and {k: before.get(k) for k in what} == what and "plan" in before:
        planned = Plan(**before["plan"])  # an interrupted one goes on as it began
    else:
        planned = plan(subject, budget)
    work = Work.begin(folder, what | {"plan": planned.record()}, say, anew)
    say(f"certificate of {experiment.name}: {planned}")
    with np.errstate(invalid="ignore"):
        followers = {
            group.name: followers_gap(
                subject, group.name, planned.response_iterations, planned.seeds, work
            )
            for group in experiment.market.groups
        }
        able = all(gap.finite for gap in followers.values())  # else nobody can adapt
        leader = leaders_gap(subject, planned.effort, work) if subject.chooses and able else None
    flags = _flags(subject, followers, leader, planned, tolerance)
    return Certificate(subject, tolerance, followers, leader, flags, planned)


def _flags(
    subject: Subject,
    followers: dict[str, FollowersGap],
    leader: LeadersGap | None,
    planned: Plan,
    tolerance: float,
) -> dict[str, str]:
    """What is wrong with the game itself."""
    market, flags = subject.experiment.market, {}
    points = leader.points if leader is not None else planned.effort.points(subject)
    if market.groups and len(points) > 1 and not shows_theta(market, points):
        flags[HIDDEN] = (
            "followers do not see θ at the start of an episode: they cannot answer the leader, who "
            "then cannot anticipate them."
        )
    for name, gap in followers.items():
        if not gap.finite:
            flags[f"{NOT_FINITE}: {name}"] = f"rewards of {name} are not all finite numbers."
        elif not gap.moves:
            flags[f"{NOTHING_AT_STAKE}: {name}"] = (
                f"the reward of {name} does not depend on what it does: any behaviour would hold."
            )
        elif gap.later(tolerance):
            flags[f"{LATER}: {name}"] = (
                f"no step of {name} could gain what one that has learned gains over an episode: "
                "what it does moves later steps, which its discount of 0 does not count."
            )
    if leader is not None:
        values = list(leader.after.values())
        if not all(map(math.isfinite, values)):
            flags[f"{NOT_FINITE}: leader"] = "the objective is not a finite number at some θ."
        elif np.ptp(values) <= 1e-12:
            flags[f"{NOTHING_AT_STAKE}: leader"] = "the objective is the same at every θ."
    return flags
