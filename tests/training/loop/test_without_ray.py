"""Training, reports and certificates without Ray, in one process."""

from __future__ import annotations

import json
import signal
import sys

import pytest

from pacesetter.leaders.registry import LEADERS
from pacesetter.training.cli import main
from pacesetter.training.runs.history import History, read_history
from pacesetter.training.runs.run_folder import RunFolder

TINY = (
    "training.copies=8",
    "training.rollout_steps=8",
    "training.iterations=8",
    "training.checkpoint_every=3",
    "evaluation.copies=4",
    "evaluation.episodes=2",
)
RULE_BASED = """
market: {name: "small_markets:RuleBased"}
objective: {name: volatility}
leader: {name: random}
training: {rollout_steps: 20}
"""
OF_STATISTICS = """
market: {name: "small_markets:RuleBased"}
objective:
  name: statistics
  reference: {name: planted, theta: {speed: 0.6, noise: 1.3}, number: 200, seed: 3}
  statistics: [{quantity: price, kind: square}, {quantity: price, kind: autocovariance, at: [1, 2]}]
leader: {name: moments, copies_per_start: 100}
training: {rollout_steps: 20}
"""


@pytest.fixture
def no_ray(monkeypatch):
    """A process that cannot import Ray."""
    for name in [name for name in sys.modules if name.partition(".")[0] == "ray"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "ray", None)


@pytest.fixture
def rule_based(tmp_path):
    path = tmp_path / "rule_based.yaml"
    path.write_text(RULE_BASED)
    return path


@pytest.fixture
def of_statistics(tmp_path):
    path = tmp_path / "of_statistics.yaml"
    path.write_text(OF_STATISTICS)
    return path


def figures(folder):
    """Everything in the history but the speed, and the results."""
    history = [
        {name: str(value) for name, value in row.items() if not name.startswith("speed/")}
        for row in read_history(folder)
    ]
    return history, json.loads((folder / "results.json").read_text())


@pytest.mark.parametrize(
    "leader", [name for name in sorted(LEADERS) if not LEADERS[name].wants_laboratory]
)
def test_where_nobody_learns_every_leader_trains_without_ray(
    leader, rule_based, of_statistics, tmp_path, no_ray
):
    run = tmp_path / "run"
    chosen = (*TINY, f"leader.name={leader}")
    file = str(of_statistics if LEADERS[leader].wants_statistics else rule_based)
    assert main(["train", file, *chosen, "--runs", str(tmp_path), "--name", "run"]) == 0
    assert main(["report", str(run)]) == 0
    assert main(["certify", str(run), "--retrain"]) == 0
    again = json.loads((run / "retrained.json").read_text())
    assert again["leader_gap"] == pytest.approx(
        again["objective/as_trained"] - again["objective/fresh_episodes"]
    )
    assert main(["certify", str(run), "--quiet"]) == 0
    certificate = json.loads((run / "certificate.json").read_text())
    assert certificate["answer"] == json.loads((run / "answer.json").read_text())
    assert set(certificate["verdicts"]) == ({"leader"} if certificate["points"] else set())
    assert abs(again["leader_gap"]) < 6 * again["leader_gap/standard_error"]
    assert len(read_history(run)) == 8
    assert list((run / "tensorboard").glob("events*"))
    drawn = {path.stem for path in (run / "figures").iterdir()}
    of_posterior = {"posterior", "posterior_losses"} if leader == "variational" else set()
    assert drawn == {"training", "theta"} | of_posterior


def test_the_best_leader_finds_the_calmest_market(rule_based, tmp_path, no_ray):
    """The price is calmest where it returns at once (speed 1) and noise is least."""
    search = ("leader.name=bayesian", "training.iterations=25", "training.copies=16")
    line = ["train", str(rule_based), *search, "--runs", str(tmp_path), "--name", "run", "--quiet"]
    assert main(line) == 0
    answer = json.loads((tmp_path / "run" / "answer.json").read_text())
    assert answer["speed"] == pytest.approx(1.0, abs=0.3)  # a flat optimum
    assert answer["noise"] == pytest.approx(0.5, abs=0.1)


@pytest.mark.parametrize("leader", ["bayesian", "ppo", "gradient", "moments", "adversarial"])
def test_an_interrupted_run_goes_on_without_ray(
    leader, of_statistics, tmp_path, no_ray, monkeypatch
):
    line = ["train", str(of_statistics), *TINY, f"leader.name={leader}", "--runs", str(tmp_path)]
    assert main([*line, "--name", "whole", "--quiet"]) == 0
    add = History.add

    def add_and_interrupt(history, iteration, scalars):
        add(history, iteration, scalars)
        if iteration == 4:
            signal.raise_signal(signal.SIGINT)

    monkeypatch.setattr(History, "add", add_and_interrupt)
    assert main([*line, "--name", "parts", "--quiet"]) == 130
    assert not (tmp_path / "parts" / "results.json").exists()
    monkeypatch.setattr(History, "add", add)
    assert main(["train", "--resume", str(tmp_path / "parts"), "--quiet"]) == 0
    assert figures(tmp_path / "parts") == figures(tmp_path / "whole")


def test_a_leaders_own_figures_join_the_results(of_statistics, tmp_path, no_ray, capsys):
    line = ["train", str(of_statistics), *TINY, "--runs", str(tmp_path), "--name", "run"]
    assert main(line) == 0
    capsys.readouterr()
    run = tmp_path / "run"
    own = json.loads((run / "leader.json").read_text())
    assert main(["evaluate", str(run)]) == 0
    results = json.loads((run / "results.json").read_text())
    answer = json.loads((run / "answer.json").read_text())
    assert own.items() <= results.items()
    assert "theta_standard_error/speed" in own and "misfit/p_value" in own
    shown = capsys.readouterr().out
    assert f"(standard error {own['theta_standard_error/speed']:.2g})" in shown
    assert "misfit, p value" in shown
    for name, true in (("speed", 0.6), ("noise", 1.3)):
        assert abs(answer[name] - true) < 4 * own[f"theta_standard_error/{name}"]
    # What it compares with is in the folder, path by path, and is not simulated again.
    held = RunFolder.open(run).experiment
    assert held.samples["price"].shape == (200, 20)


@pytest.mark.parametrize("leader", ["moments", "adversarial"])
def test_leaders_of_statistics_refuse_what_declares_none(leader, rule_based, tmp_path, capsys):
    line = ["train", str(rule_based), f"leader.name={leader}", "--runs", str(tmp_path / "runs")]
    assert main(line) == 2
    message = capsys.readouterr().err
    assert f"objective: leader {leader!r} compares statistics of paths" in message
    assert "use the objective 'statistics'" in message
    assert not (tmp_path / "runs").exists()


def test_a_discriminator_needs_the_paths_themselves(of_statistics, tmp_path, capsys):
    table = tmp_path / "table.csv"
    table.write_text("statistic,value,standard_error\nsquare(price),1,0.1\n")
    line = ["train", str(of_statistics), "leader.name=adversarial", "--runs", str(tmp_path / "r")]
    options = ["objective.reference.name=statistics", f"objective.reference.path={table}"]
    few = "objective.statistics=[{quantity: price, kind: square}]"
    assert main([*line, *options, few]) == 2
    assert "needs the reference path by path" in capsys.readouterr().err


def test_a_run_with_followers_is_trained_evaluated_and_certified_without_ray(
    tmp_path, no_ray, capsys
):
    options = (*TINY, "training.pretrain_iterations=2", "followers.minibatch_size=32")
    line = ["train", "duopoly_ppo", *options, "--runs", str(tmp_path), "--name", "run", "--quiet"]
    assert main(line) == 0
    assert "Ray is not installed" in capsys.readouterr().out
    run = tmp_path / "run"
    before = json.loads((run / "results.json").read_text())
    assert main(["evaluate", str(run)]) == 0
    assert json.loads((run / "results.json").read_text()) == before
    assert main(["report", str(run)]) == 0
    assert main(["certify", str(run), "--quiet", "--retrain"]) == 0
    assert "leader_gap" in json.loads((run / "retrained.json").read_text())


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["training.pretrain_iterations=5"], "training.pretrain_iterations: nobody in market"),
        (["training.random_theta_share=0.5"], "training.random_theta_share: nobody in market"),
        (["training.env_runners=2"], "training.env_runners: nobody in market"),
        (["training.route=stock"], "training.route: nobody in market"),
        (["followers.learning_rate=0.1"], "followers: nobody in market"),
        (["objective.name=welfare"], "objective: "),
        (["--address", "auto"], "leave the address out"),
    ],
)
def test_what_learners_alone_have_is_refused_before_the_run(
    options, said, rule_based, tmp_path, capsys
):
    assert main(["train", str(rule_based), *options, "--runs", str(tmp_path / "runs")]) == 2
    assert said in capsys.readouterr().err
    assert not (tmp_path / "runs").exists()


@pytest.mark.parametrize("options", [["training.env_runners=1"], ["training.route=stock"]])
def test_what_needs_ray_says_so(options, tmp_path, no_ray, capsys):
    options = [*options, "followers.final_action_deviation=null"]
    assert main(["train", "duopoly_bayesian", *options, "--runs", str(tmp_path)]) == 2
    assert "Ray is not installed" in capsys.readouterr().err
    assert not list(tmp_path.iterdir())
