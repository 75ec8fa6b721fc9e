"""Evaluation: play the trained policies out, measure, and write results, figures and events."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray
from torch.utils.tensorboard import SummaryWriter

from ...envs.core.errors import PacesetterError
from ...leaders.search.fixed import FixedLeader
from ..experiments.experiment import Experiment
from ..loop.notes import FIGURES
from ..policies.play import Theta, play
from ..policies.policies import Policies, Trained
from ..runs.array_file import read_arrays, write_arrays
from ..runs.history import HISTORY, event_writer, read_history
from ..runs.run_folder import POLICIES, RESULTS, RunFolder, prepare_folder, read_numbers
from ..runs.whole_files import full_disk_is_told_once, write_json
from ..runs.world_file import load_world
from ..studies.catalogue import study_of
from ..studies.charts import pixels, save
from ..studies.statistics import clustered_standard_error, finite, half_width
from ..studies.study import Arrays, Findings
from .curves import training_figures
from .posterior import PREFIXES, posterior_figures, posterior_findings, posterior_lines
from .told import LEAST_ERROR, least_errors, told

ANSWER, ARRAYS = "answer.json", "evaluation.npz"
PLAYED = ("answer", "default_theta")  # θ that the followers are measured under
ADAPTED, REFINED = "policies_at_answer", "refined.json"  # of a run whose answer was refined
STANDARD_ERROR = "theta_standard_error"
LEADERS_OWN = ("misfit/", "discriminator_loss/", "world/")  # what a leader says of its answer


def write_answer(run: RunFolder, theta: NDArray[np.float64]) -> None:
    """Keep the leader's answer beside the policies, name -> value."""
    write_json(run.path / ANSWER, run.experiment.market.characteristics.named(theta))


def read_answer(run: RunFolder) -> NDArray[np.float64]:
    """The leader's answer, ``(d,)``.

    Raises:
        PacesetterError: the run has not come to its end, or the file is damaged.
    """
    path = run.path / ANSWER
    characteristics = run.experiment.market.characteristics
    try:
        named = json.loads(path.read_text(encoding="utf-8"))
        if not isinstance(named, dict) or set(named) != set(characteristics.names):
            raise ValueError(f"it must hold {', '.join(characteristics.names)} and no other names")
        return characteristics.validate(named)[0]
    except FileNotFoundError:
        raise PacesetterError(
            f"{run.path}: training has not finished (no {ANSWER}); go on with "
            f"'pacesetter train --resume {run.path}'."
        ) from None
    except (OSError, ValueError, TypeError) as error:
        raise PacesetterError(
            f"{path}: is not the answer of this run ({error}). 'pacesetter train --resume "
            f"{run.path}' writes it again."
        ) from error


def load_trained(run: RunFolder) -> Trained:
    """The trained experiment in a run folder; nothing in it is unpickled."""
    run.check_unchanged()
    theta = read_answer(run)
    policies = Policies.load(run.experiment, run.path / POLICIES)
    refined = read_refined(run)
    adapted = None
    if refined and run.experiment.market.groups:
        alone = replace(run.experiment, leader=FixedLeader())
        adapted = Policies.load(alone, run.path / ADAPTED)
    constant = bool(refined and refined["constant"])
    return Trained(run.experiment, policies, theta, load_world(run.path), adapted, constant)


def read_refined(run: RunFolder) -> dict[str, Any] | None:
    """What became of the answer in the last phase of training; None: there was none.

    Raises:
        PacesetterError: the file is damaged.
    """
    path = run.path / REFINED
    try:
        found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        raise PacesetterError(f"{path}: cannot be read ({error}); resume the run.") from error
    return found


def refined_figures(run: RunFolder) -> dict[str, float]:
    """By how much the refined answer is better than before, and than every declared θ and rule.

    Means and intervals of 95 %, all with followers who have adapted; ``refined/above/NAME…``.
    """
    found = read_refined(run)
    if not found:
        return {}
    declared: dict[str, list[float]] = found.get("declared", {})  # earlier versions kept none
    gains = {"before": found["gain"]}
    gains |= {name: [-x for x in (v, high, low)] for name, (v, low, high) in declared.items()}
    ends = ("", "_low", "_high")
    return {
        f"refined/above/{name}{end}": float(value)
        for name, three in gains.items()
        for end, value in zip(ends, three, strict=True)
    }


def measure(trained: Trained) -> Findings:
    """The objective and rewards under the leader's answer and under default θ; then the study."""
    experiment, characteristics = trained.experiment, trained.experiment.market.characteristics
    findings = Findings()
    for name, value in characteristics.named(trained.theta).items():
        findings.results[f"theta/{name}"] = value
    under = (
        (leader_of(trained), trained.adapted or trained.policies),
        (characteristics.default, trained.policies),
    )
    for label, (theta, followers) in zip(PLAYED, under, strict=True):
        played = play(experiment, followers, theta)
        findings.results[f"objective/{label}"] = float(played.objective.mean())
        paid, episode = played.objective, played.episode
        errors = {
            f"objective/{label}_standard_error": clustered_standard_error(paid, episode),
            f"objective/{label}_half_width_95": half_width(paid, clusters=episode),
        }
        findings.results.update(finite(errors))
        for group, rewards in played.rewards.items():
            findings.results[f"reward/{label}/{group}"] = float(np.nanmean(rewards))
    study = study_of(experiment.market)
    if study is not None:
        try:
            own = study.measure(trained)
        except ArithmeticError as error:  # what was measured so far is not lost for that
            _left_out(f"the study of market {experiment.market.name!r}", error)
        else:
            findings.results.update(own.results)
            findings.arrays.update(own.arrays)
    return findings


def _left_out(what: str, why: object) -> None:
    print(f"warning: {what} is left out of the results: {why}.", flush=True)


def _finite(results: dict[str, float]) -> dict[str, float]:
    """The results that are numbers; what is none is named and left out."""
    wrong = [name for name, value in results.items() if not np.isfinite(value)]
    for name in wrong:
        _left_out(name, f"it is {results[name]}; more evaluation.copies may make it a number")
    return {name: value for name, value in results.items() if name not in wrong}


def leader_of(trained: Trained) -> Theta:
    """What sets θ in an evaluation: a policy, a known distribution, or else the one answer."""
    experiment = trained.experiment
    if trained.policies.has_leader and sets_theta(experiment) and not trained.constant:
        return trained.policies.theta
    draw = experiment.leader.drawn_answer(experiment.market.characteristics, experiment.seed)
    return trained.theta if draw is None else lambda state: draw(len(state.theta))


def sets_theta(experiment: Experiment) -> bool:
    """Whether θ is what its leader's policy acts; where it takes steps, they come to rest at θ."""
    policy = experiment.leader.policy
    return policy is not None and policy.largest_step is None


def evaluate(run: RunFolder) -> dict[str, float]:
    """Measure a finished run and write ``results.json``, figures and TensorBoard events."""
    with run.locked(), full_disk_is_told_once():
        return _evaluate(run)


def _evaluate(run: RunFolder) -> dict[str, float]:
    trained = load_trained(run)
    findings = measure(trained)
    own = posterior_findings(run)
    findings.results.update(own.results)
    findings.arrays.update(own.arrays)
    findings.results.update(leader_figures(run))
    findings.results.update(refined_figures(run))
    findings.results.update(least_errors(told(run, trained)))
    results = _finite(findings.results)
    write_arrays(run.path / ARRAYS, findings.arrays)
    drawn = draw(run, results, findings.arrays)
    with event_writer(run.path) as events:
        write_events(events, results, drawn, len(read_history(run.path)))
    # Last, because their presence says that the evaluation is complete.
    run.write_results(results)
    return results


def leader_figures(run: RunFolder) -> dict[str, float]:
    """What the leader says of its own answer, such as its standard errors; often nothing."""
    path = run.path / FIGURES
    if not path.exists():
        return {}
    found = read_numbers(path, f"'pacesetter train --resume {run.path}' writes it again.")
    return dict(found)


def evaluate_during_training(trained: Trained, events: SummaryWriter, iteration: int) -> None:
    """Measure policies that are still learning; the results go to TensorBoard alone."""
    findings, study = measure(trained), study_of(trained.experiment.market)
    drawn = study.figures(trained.experiment, findings.results, findings.arrays) if study else {}
    write_events(events, findings.results, drawn, iteration)


def write_events(
    events: SummaryWriter, results: dict[str, float], drawn: dict[str, Figure], step: int
) -> None:
    """Results as TensorBoard scalars and figures as images, under ``evaluation/``."""
    for name, value in results.items():
        events.add_scalar(f"evaluation/{name}", value, step)
    for name, figure in drawn.items():
        events.add_image(f"evaluation/{name}", pixels(figure), step, dataformats="HWC")


def draw(run: RunFolder, results: dict[str, float], arrays: Arrays) -> dict[str, Figure]:
    """Draw every figure of a run and save it as PNG in ``figures/``."""
    folder = run.path / "figures"
    prepare_folder(folder)
    drawn = training_figures(run.experiment, read_history(run.path))
    study = study_of(run.experiment.market)
    drawn |= posterior_figures(run.experiment, arrays)
    of_study = {name: array for name, array in arrays.items() if not name.startswith(PREFIXES)}
    if study is not None and of_study:
        drawn |= study.figures(run.experiment, results, of_study)
    for name, figure in drawn.items():
        save(figure, folder / f"{name}.png")
    return drawn


def draw_again(run: RunFolder) -> dict[str, float]:
    """Draw the figures of a run from what its evaluation left; returns the stored results.

    Raises:
        PacesetterError: there is nothing yet, or what is there is damaged or of another run.
    """
    run.check_unchanged()
    results, cure = run.read_results(), f"'pacesetter evaluate {run.path}' writes it again."
    names = [f"theta/{name}" for name in run.experiment.market.characteristics.names]
    if missing := [n for n in (*names, *map("objective/{}".format, PLAYED)) if n not in results]:
        raise PacesetterError(
            f"{run.path / RESULTS}: is not of this run: it has no {', '.join(missing)}. {cure}"
        )
    arrays = evaluated_arrays(run)
    try:
        draw(run, results, arrays)
    except PacesetterError:
        raise
    except Exception as error:  # from whatever stands where figures of this run should
        raise PacesetterError(
            f"{run.path}: {HISTORY}, {ARRAYS} or {RESULTS} is of another run or version of the "
            f"software, and the figures cannot be drawn ({type(error).__name__}: {error}). {cure}"
        ) from error
    return results


def evaluated_arrays(run: RunFolder) -> Arrays:
    """What the figures are drawn from; empty if the run has not been evaluated."""
    return read_arrays(run.path / ARRAYS, "Evaluate the run again.") or {}


def result_lines(experiment: Experiment, results: dict[str, float]) -> list[tuple[str, str, str]]:
    """The result table: label, ours, expected (with its source)."""
    lines = []
    for name in experiment.market.characteristics.names:
        error = results.get(f"{STANDARD_ERROR}/{name}")
        shown = f"{results[f'theta/{name}']:.4g}"
        if error is not None:
            shown += f" (standard error {error:.2g})"
        least = results.get(f"{LEAST_ERROR}/{name}")
        if least is not None:
            shown += f" (data allow ± {least:.2g})"
        lines.append((f"θ: {name}", shown, ""))
    for name, value in results.items():
        if name.startswith(LEADERS_OWN):
            lines.append((name.replace("_", " ").replace("/", ", "), f"{value:.4g}", ""))
    for label in PLAYED:
        value = results[f"objective/{label}"]
        half = results.get(f"objective/{label}_half_width_95")
        shown = f"{value:.5g}" + (f" ± {half:.2g}" if half is not None else "")
        lines.append((f"objective, {label.replace('_', ' ')}", shown, ""))
    lines += posterior_lines(experiment, results)
    study = study_of(experiment.market)
    for row in study.rows(experiment) if study else []:
        if row.ours in results:
            expected = f"{row.expected} ({row.source})" if row.source else row.expected
            lines.append((row.label, f"{results[row.ours]:.4g}", expected))
    return lines
