"""The gradient leader ends where theory says, with followers who learn beside it."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest

from pacesetter.envs.core.errors import PacesetterError
from pacesetter.envs.registry import make
from pacesetter.leaders.gradient.gradient import GradientLeader
from pacesetter.leaders.leader import Measured
from pacesetter.training.cli import main
from pacesetter.training.runs.history import read_history
from pacesetter.training.runs.run_folder import RunFolder

SMALL = (
    "training.route=local",
    "training.copies=64",
    "training.rollout_steps=1",
    "training.pretrain_iterations=150",
    "training.iterations=150",
    "followers.minibatch_size=64",
    "followers.activation=silu",
    "evaluation.copies=4",
    "evaluation.episodes=1",
)
DUOPOLY = make("duopoly")


def answer(folder):
    return json.loads((folder / "answer.json").read_text())


def trained(tmp_path, *options, name="run"):
    line = ["train", "duopoly_ppo", "leader.name=gradient", *SMALL, *options]
    assert main([*line, "--runs", str(tmp_path), "--name", name, "--quiet"]) == 0
    return answer(tmp_path / name)["leader_quantity"]


def test_it_leads(tmp_path):
    """Stackelberg's 6, from four starts, in 19,200 steps."""
    assert trained(tmp_path) == pytest.approx(6.0, abs=0.2)


def test_it_does_not_lead_if_its_followers_answer_is_left_out(tmp_path):
    """Cournot's 4."""
    assert trained(tmp_path, "leader.slope=none") == pytest.approx(4.0, abs=0.1)


def test_an_interrupted_climb_goes_on_where_it_was(tmp_path, monkeypatch):
    import signal

    from pacesetter.training.runs.history import History

    short = ("training.pretrain_iterations=5", "training.iterations=20", "leader.judge_every=4")
    whole = trained(tmp_path, *short, name="whole")
    add = History.add

    def add_and_interrupt(history, iteration, scalars):
        add(history, iteration, scalars)
        if iteration == 14:
            signal.raise_signal(signal.SIGINT)

    monkeypatch.setattr(History, "add", add_and_interrupt)
    line = ["train", "duopoly_ppo", "leader.name=gradient", *SMALL, *short]
    assert main([*line, "--runs", str(tmp_path), "--name", "parts", "--quiet"]) == 130
    monkeypatch.setattr(History, "add", add)
    assert main(["train", "--resume", str(tmp_path / "parts"), "--quiet"]) == 0
    assert answer(tmp_path / "parts")["leader_quantity"] == whole


def climb(settings, slope, iterations=100):
    """A climb on a concave function with the derivative `slope` of θ on [0, 12]."""
    guide = settings.guide(DUOPOLY.characteristics, 3, iterations)
    for number in range(iterations):
        question, last = guide.question(), number == iterations - 1
        if question is None:  # then it is told of its intervals
            guide.learn(Measured(np.zeros((1, 1)), np.zeros(1)), last)
            continue
        gradients = slope(question.theta)
        value = -np.abs(gradients[:, 0])
        guide.learn(Measured(question.theta, value, gradients), last)
    return guide


def test_it_finds_the_top_from_every_start():
    guide = climb(GradientLeader(judge_every=0), lambda theta: 7.0 - theta)
    assert guide.answer(lambda: None)[0] == pytest.approx(7.0, abs=0.05)
    assert guide.warnings() == []


def test_an_optimum_at_a_bound_is_said():
    guide = climb(GradientLeader(judge_every=0, step=0.1), lambda theta: 1.0 + 0.0 * theta)
    assert guide.answer(lambda: None)[0] == pytest.approx(12.0)
    assert any("at a bound" in text for text in guide.warnings())


def test_hidden_characteristics_are_said():
    guide = climb(GradientLeader(judge_every=0, starts=1), lambda theta: 0.0 * theta)
    assert any("the derivative was zero" in text for text in guide.warnings())


def test_starts_that_disagree_are_said():
    guide = climb(
        GradientLeader(judge_every=0), lambda theta: np.where(theta < 6, 3 - theta, 9 - theta)
    )
    assert any("different θ" in text for text in guide.warnings())


def contradicted(judge_rules):
    """A guide that is told three times that its derivative is minus that by differences."""
    guide = GradientLeader(judge_every=1).guide(DUOPOLY.characteristics, 0, 100)
    for _ in range(3):
        theta = guide.question().theta
        assert guide.question().judge
        error, one = np.full_like(theta, 0.01), np.ones_like(theta)
        told = Measured(theta, theta[:, 0], 2 * one, error, -one, error, judge_rules=judge_rules)
        guide.learn(told, last=False)
    return guide


def test_a_wrong_derivative_is_replaced_by_differences():
    guide = contradicted(judge_rules=True)
    assert guide.question().how == "differences"
    (warning,) = (text for text in guide.warnings() if "differences" in text)
    assert "-2 times as long" in warning and "differences took its place" in warning
    # Errors of the judge are at least a twentieth of the steepest slope: 3 / hypot(.01, .01) here
    # would be 212.
    assert guide.scalars() == {
        "leader/derivative_over_differences": -2.0,
        "leader/derivative_errors_apart": pytest.approx(3 / 0.05),
    }


def test_a_slope_that_is_not_the_policies_own_is_doubted_and_kept():
    guide = contradicted(judge_rules=False)
    assert guide.question().how == "auto"
    (warning,) = (text for text in guide.warnings() if "differences" in text)
    assert "pacesetter certify" in warning
    again = GradientLeader(judge_every=1).guide(DUOPOLY.characteristics, 0, 100)
    again.restore(json.loads(json.dumps(guide.state())))
    assert warning in again.warnings()


def test_a_bound_counts_updates_alone():
    settings = GradientLeader(judge_every=0, step=0.1, starts=1, update_every=4)
    guide = climb(settings, lambda theta: 1.0 + 0.0 * theta)
    (text,) = (text for text in guide.warnings() if "at a bound" in text)
    assert text.endswith("of 25 steps.")


def test_derivatives_that_are_no_numbers_stop_the_climb():
    guide = GradientLeader(starts=4, judge_every=0).guide(DUOPOLY.characteristics, 0, 100)
    theta = guide.question().theta
    one = np.where(np.arange(4)[:, None] == 1, np.nan, 1.0 + 0 * theta)
    guide.learn(Measured(theta, np.ones(4), one), last=False)
    assert any("1 derivatives were no numbers" in text for text in guide.warnings())
    with pytest.raises(PacesetterError, match="at 4 of 4 starts"):
        guide.learn(Measured(theta, np.ones(4), np.nan * theta), last=False)


@pytest.mark.parametrize(
    ("experiment", "options", "said"),
    [
        ("duopoly_ppo", ["leader.slope=network", "leader.how=pathwise"], "has kinks"),
        ("market_entry_ppo", ["leader.how=pathwise"], "Use score or differences"),
        ("cobweb_unstable_ppo", ["leader.how=forward"], "Use ordered, score or differences"),
        ("execution_fee", ["leader.how=pathwise"], "differences, or leader 'bayesian'"),
        (
            "duopoly_ppo",
            [
                *("leader.how=pathwise", "followers.activation=silu", "objective.name=callable"),
                "objective.function=numpy:sum",
            ],
            "Use differences, or leader 'bayesian'",
        ),
    ],
)
def test_a_question_without_an_answer_is_refused_before_the_run(
    experiment, options, said, tmp_path, capsys
):
    line = ["train", experiment, "leader.name=gradient", *options, "--runs", str(tmp_path / "runs")]
    assert main(line) == 2
    assert said in capsys.readouterr().err
    assert not (tmp_path / "runs").exists()


def test_a_derivative_that_is_no_number_stops_the_run_at_its_checkpoint(
    tmp_path, monkeypatch, capsys
):
    from pacesetter.training.loop import inference

    derive = inference.derive

    def broken(experiment, policies, question, seed):
        told = derive(experiment, policies, question, seed)
        calls.append(seed)
        return replace(told, gradients=np.nan * told.gradients) if len(calls) > 7 else told

    calls = []
    monkeypatch.setattr(inference, "derive", broken)
    short = ("training.pretrain_iterations=2", "training.iterations=20")
    line = ["train", "duopoly_ppo", "leader.name=gradient", *SMALL, *short]
    line += ["training.checkpoint_every=4", "--runs", str(tmp_path), "--name", "run", "--quiet"]
    assert main(line) == 2
    said = capsys.readouterr().err
    assert "no number at 4 of 4 starts" in said and "the last checkpoint stands" in said
    kept = RunFolder.open(tmp_path / "run").latest_checkpoint()
    assert json.loads((kept / "guide.json").read_text())["iteration"] == 8


def test_how_and_why_are_said_once_and_kept(tmp_path, capsys):
    """In the log, the history and the report; and nothing is asked twice of deterministic plays."""
    short = ("training.pretrain_iterations=2", "training.iterations=12", "leader.judge_every=5")
    line = ["train", "duopoly_ppo", "leader.name=gradient", *SMALL, *short]
    assert main([*line, "--runs", str(tmp_path), "--name", "run"]) == 0
    text = "derivatives: pathwise, slope of the answers: implicit (differentiable; reverse mode"
    log = capsys.readouterr().out
    assert log.count(text) == 2  # when it was chosen, and in the report at the end
    judged = [row["leader/derivative_over_differences"] for row in read_history(tmp_path / "run")]
    assert np.flatnonzero(np.isfinite(judged)).tolist() == [2, 7, 12]
    run = RunFolder.open(tmp_path / "run")
    (run.path / "warnings.txt").write_text("of a test\n")
    assert main(["report", str(run.path)]) == 0
    report = capsys.readouterr().out
    assert text in report and "warning: of a test" in report
