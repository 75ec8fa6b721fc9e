"""The last phase of training: followers adapt to each of a set of θ, and the best of them is kept.

A leader that learns beside its followers measures θ on followers who lag behind it. Here they do
not: at every θ of the set they learn at it alone. What is handed over is the answer or a better θ,
with the followers that have adapted to it; the conditional policies stay beside them.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from ..evaluation.evaluate import ADAPTED, REFINED, load_trained, read_refined, write_answer
from ..runs.run_folder import RunFolder
from ..runs.whole_files import write_json
from .leader import Effort, LeadersGap, leaders_gap
from .points import ANSWER, DEFAULT
from .subject import Subject
from .work import Work

FOLDER = "refine"
SOBOL, NEAR, SEEDS = 8, 4, 3


def refine(run: RunFolder, say: Callable[[str], None] = lambda text: None) -> dict[str, Any] | None:
    """Refine the answer of a run whose training is over; an interrupted phase goes on.

    Writes ``policies_at_answer``, ``refined.json`` and ``answer.json``.

    Args:
        run: with the leader's own answer in ``answer.json``.
        say: is told what is being done.

    Returns:
        What ``refined.json`` holds: both answers, by how much the one that is handed over is
        better, what every declared θ and rule gives beside it (mean and interval), and which of
        them are still better for sure. None where there is nothing to
        refine: the answer is a known distribution, or the only θ there is.
    """
    trained = replace(load_trained(run), adapted=None, constant=False)
    experiment = trained.experiment
    subject = Subject.of(trained)
    if not subject.chooses:
        return None
    done, followers = read_refined(run), subject.record()["followers"]
    if done and (done["answer"], done["followers"]) == (subject.answer, followers):
        return done
    effort = Effort(experiment.training.refine, SOBOL, NEAR, SEEDS)
    effort.points(subject)
    say(f"refining the answer: at most {effort.most_iterations(1 + _declared(subject))} iterations")
    work = Work.begin(run.path / FOLDER, subject.record(), say, replaces=True)
    found = leaders_gap(subject, effort, work)
    best = found.best.gain.value > 0.0
    chosen = found.rival if best else next(p for p in found.points if p.name == ANSWER)
    theta = chosen.theta
    if experiment.market.groups:
        found.adapted[chosen.name].save(run.path / ADAPTED)
    declared = _declared_gains(found, chosen.name)
    record = {
        "before": subject.answer,
        "answer": experiment.market.characteristics.named(theta),
        "chosen": chosen.name,
        "constant": best or subject.leader is None,
        "gain": list(found.best.gain) if best else [0.0, 0.0, 0.0],
        "declared": declared,
        "worse_than": [name for name, (_, low, _) in declared.items() if low > 0.0],
        "followers": followers,
    }
    write_json(run.path / REFINED, record)
    write_answer(run, theta)
    return record


def _declared(subject: Subject) -> int:
    training = subject.experiment.training
    return len(training.baselines) + len(training.rules)


def _declared_gains(found: LeadersGap, chosen: str) -> dict[str, list[float]]:
    """What every declared θ and rule gives over what is handed over: mean and interval.

    Followers have adapted to each. What was chosen is beside itself, and so is the market's default
    where it is the answer and was not asked twice.
    """
    gaps = found.baselines if chosen == ANSWER else found.beside_rival
    gains = {name: list(gap.gain) for name, gap in gaps.items()}
    names = {point.name for point in found.points}
    if chosen == DEFAULT or (DEFAULT not in names and chosen == ANSWER):
        gains[DEFAULT] = [0.0, 0.0, 0.0]
    elif DEFAULT not in names:
        mean, low, high = found.best.gain
        gains[DEFAULT] = [-mean, -high, -low]
    return gains
