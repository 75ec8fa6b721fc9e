"""Runs whose answer is a distribution: kept, resumed, calibrated and drawn, without Ray."""

from __future__ import annotations

import json
import signal
import sys
from dataclasses import replace

import numpy as np
import pytest
from small_markets import FastLine, LeastSquares, NoisyLine, RuleBased

from pacesetter.envs.core.errors import PacesetterError
from pacesetter.leaders.gradient.recipes import NormalPrior
from pacesetter.leaders.gradient.trust import coverage
from pacesetter.leaders.gradient.variational import VariationalLeader
from pacesetter.leaders.gradient.variational_guide import DivergedError
from pacesetter.leaders.objectives.calibration import Calibration
from pacesetter.leaders.objectives.general import Volatility
from pacesetter.leaders.objectives.references import Planted
from pacesetter.training.cli import main
from pacesetter.training.evaluation import posterior as posterior_module
from pacesetter.training.evaluation.posterior import planted_truth
from pacesetter.training.experiments.experiment import Experiment
from pacesetter.training.experiments.settings import TrainingSettings
from pacesetter.training.loop.amortised import given
from pacesetter.training.loop.inference import infer, observe, trials
from pacesetter.training.loop.weights import Weights
from pacesetter.training.runs.history import History, read_history
from pacesetter.training.runs.posterior_file import (
    RECORD,
    WEIGHTS,
    load_amortised,
    load_posterior,
)
from pacesetter.training.runs.run_folder import RunFolder

LINE = """
market: {name: "small_markets:NoisyLine"}
objective:
  name: "small_markets:LeastSquares"
  reference: {name: planted, theta: {level: 1.0, slope: -0.5}, number: 20}
leader: {name: variational, w: 20, draws: 64, family: normal}
training: {copies: 2, rollout_steps: 20, iterations: 200, checkpoint_every: 50}
evaluation: {copies: 2, episodes: 1}
"""


@pytest.fixture
def no_ray(monkeypatch):
    """A process that cannot import Ray."""
    for name in [name for name in sys.modules if name.partition(".")[0] == "ray"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "ray", None)


@pytest.fixture
def line(tmp_path):
    path = tmp_path / "line.yaml"
    path.write_text(LINE)
    return ["train", str(path), "--runs", str(tmp_path), "--quiet"]


FAR_AWAY = NormalPrior(mean={"level": 4.0, "slope": 0.0}, deviation={"level": 0.01})


def experiment(iterations=200, market=None, **options):
    market = market or FastLine()
    settings = {"w": 20.0, "family": "normal", "draws": 32} | options
    return Experiment(
        name="line",
        market=market,
        objective=LeastSquares(Planted({"level": 1.0, "slope": -0.5}, number=20)),
        leader=VariationalLeader(**settings),
        training=TrainingSettings(iterations=iterations),
    )


def test_a_run_ends_with_the_posterior_of_the_textbook(line, tmp_path, no_ray, capsys):
    assert main([*line, "leader.draws=256", "--name", "run"]) == 0
    run = RunFolder.open(tmp_path / "run")
    prices = run.experiment.bound().samples["price"]
    mean, covariance = run.experiment.market.exact(prices)
    posterior = load_posterior(run.path)
    deviation = np.sqrt(np.diag(covariance))
    np.testing.assert_allclose(posterior.mean(), mean, atol=0.03 * deviation.max())
    draws = posterior.sample(50_000, seed=0)
    np.testing.assert_allclose(draws.std(axis=0), deviation, rtol=0.03)
    answer = json.loads((run.path / "answer.json").read_text())
    np.testing.assert_allclose(list(answer.values()), posterior.mean(), rtol=1e-12)
    results = run.read_results()
    truth = planted_truth(run.experiment)
    apart = truth - mean
    exact = -0.5 * apart @ np.linalg.solve(covariance, apart)
    exact -= np.log(2 * np.pi) + 0.5 * np.linalg.slogdet(covariance)[1]
    assert results["posterior/log_density_of_truth"] == pytest.approx(exact, abs=0.1)
    assert results["posterior/deviation/level"] == pytest.approx(deviation[0], rel=0.03)
    shown = capsys.readouterr().out
    assert "posterior: deviation of level" in shown and "log density of the truth" in shown
    drawn = {path.stem for path in (run.path / "figures").iterdir()}
    assert drawn == {"training", "theta", "posterior", "posterior_losses"}
    (run.path / "figures" / "posterior.png").unlink()
    assert main(["report", str(run.path)]) == 0
    assert (run.path / "figures" / "posterior.png").stat().st_size > 10_000
    assert main(["certify", str(run.path), "--retrain"]) == 0
    alone = infer(run.experiment)
    np.testing.assert_array_equal(alone.sample(9, 0), posterior.sample(9, 0))


@pytest.mark.parametrize("family", ["normal", "flow"])
def test_an_interrupted_fit_goes_on_to_the_last_digit(family, line, tmp_path, no_ray, monkeypatch):
    line = [
        *line,
        f"leader.family={family}",
        "training.iterations=12",
        "training.checkpoint_every=5",
    ]
    assert main([*line, "--name", "whole"]) == 0
    add = History.add

    def add_and_interrupt(history, iteration, scalars):
        add(history, iteration, scalars)
        if iteration == 6:
            signal.raise_signal(signal.SIGINT)

    monkeypatch.setattr(History, "add", add_and_interrupt)
    assert main([*line, "--name", "parts"]) == 130
    assert not (tmp_path / "parts" / RECORD).exists()
    with pytest.raises(PacesetterError, match="there is no posterior"):
        load_posterior(tmp_path / "parts")
    monkeypatch.setattr(History, "add", add)
    assert main(["train", "--resume", str(tmp_path / "parts"), "--quiet"]) == 0
    for name in (RECORD, WEIGHTS, "answer.json"):
        assert (tmp_path / "parts" / name).read_bytes() == (tmp_path / "whole" / name).read_bytes()
    columns = [
        [{k: str(v) for k, v in row.items() if "speed" not in k} for row in read_history(path)]
        for path in (tmp_path / "parts", tmp_path / "whole")
    ]
    assert columns[0] == columns[1]


def test_a_calibration_is_reported_and_drawn(line, tmp_path, no_ray, capsys):
    options = ["leader.calibrate_posterior=6", "training.iterations=40", "leader.draws=8"]
    assert main([*line, *options, "--name", "run"]) == 0
    results = RunFolder.open(tmp_path / "run").read_results()
    assert results["posterior/trust/trials"] == 6
    assert "coverage of 80 %, slope" in capsys.readouterr().out
    drawn = {path.stem for path in (tmp_path / "run" / "figures").iterdir()}
    assert {"posterior_ranks", "posterior_coverage"} <= drawn


def test_an_amortised_posterior_stands_beside(line, tmp_path, no_ray, capsys, monkeypatch):
    monkeypatch.setattr(posterior_module, "AMORTISED_TRIALS", 20)
    options = ["leader.amortised_simulations=600", "leader.calibrate_posterior=2"]
    options += ["training.iterations=30", "leader.draws=8"]
    assert main([*line, *options, "--name", "run"]) == 0
    run = RunFolder.open(tmp_path / "run")
    results = run.read_results()
    assert results["amortised/trust/trials"] == 20
    assert results["amortised/deviation/level"] < 0.9
    assert "amortised: log density of the truth" in capsys.readouterr().out
    drawn = {path.stem for path in (run.path / "figures").iterdir()}
    assert {"posterior_ranks", "amortised_ranks", "amortised_coverage"} <= drawn
    posterior = given(load_amortised(run.path), run.experiment.samples)
    assert posterior.sample(20_000, 1)[:, 0].std() == pytest.approx(
        results["amortised/deviation/level"], rel=1e-6
    )
    with pytest.raises(PacesetterError, match="amortised_simulations"):
        load_amortised(tmp_path)


def test_the_right_weight_covers_and_a_wrong_one_does_not():
    """20 prices, each with half of a squared distance: w = 20 is Bayes' own."""
    short = experiment(100)
    right = trials(short, 40)
    share, error = coverage(right.truths, right.draws, 0.8)
    assert (np.abs(share - 0.8) < 3.0 * error).all()
    assert (right.density > right.prior_density).mean() > 0.8
    weights = Weights(short)
    assert weights.covered(400.0, 12) < 0.6 < weights.covered(20.0, 12)
    assert weights.covered(1.0, 12) > 0.84


def test_a_fit_that_begins_at_another_weight_ends_where_a_whole_one_does():
    """A quarter of the iterations is enough: intervals are those of the textbook's posterior."""
    planted = experiment(300)
    exact = np.linalg.eigvalsh(planted.market.exact(planted.bound().samples["price"])[1])
    weights = Weights(planted)
    for w in (10.0, 20.0):
        found = weights.trials(w, 3).draws
    for draws in found:
        spread = np.linalg.eigvalsh(np.cov(draws.T))
        np.testing.assert_allclose(spread, exact, rtol=0.25)
    begun = infer(replace(planted, training=TrainingSettings(iterations=1)), infer(planted))
    assert np.linalg.det(np.cov(begun.sample(2000, 0).T)) < 2.0 * np.prod(exact)


def test_the_weight_of_a_run_can_be_chosen(line, tmp_path, no_ray, capsys, monkeypatch):
    from pacesetter.leaders.gradient import variational_guide

    monkeypatch.setattr(variational_guide, "TRIALS", 10)
    monkeypatch.setattr(variational_guide, "FACTORS", (1 / 50, 8))
    options = ["leader.w=calibrated", "leader.draws=32", "market.name=small_markets:FastLine"]
    assert main([*line, *options, "--name", "run"]) == 0
    assert "is chosen, and not given" in capsys.readouterr().out
    record = load_posterior(tmp_path / "run").description
    assert (record["w"], record["w_chosen"]) == (20.0, True)


def test_a_fast_path_gives_the_same_posterior():
    """Its loss and derivative are those of the steps."""
    for estimator in ("pathwise", "score"):
        fast, slow = (
            infer(experiment(20, market=market, estimator=estimator))
            for market in (FastLine(), NoisyLine())
        )
        np.testing.assert_allclose(fast.sample(50, 0), slow.sample(50, 0), rtol=1e-6)


def test_observations_are_as_long_as_the_reference():
    market = RuleBased()
    found = observe(market, np.array([[1.0, 1.0], [0.5, 1.0]]), {"price": 50}, seed=3)
    assert found["price"].shape == (2, 50)
    again = observe(market, np.array([[1.0, 2.0], [0.5, 2.0]]), {"price": 50}, seed=3)
    np.testing.assert_allclose(again["price"], 2.0 * found["price"])


def test_a_market_of_rules_and_a_distance_are_inferred_from():
    """Noise is seen in the spread of prices; where nothing is, the prior stands."""
    sample = {"price": np.random.default_rng(0).normal(0.0, 1.5, 400)}
    rules = replace(
        experiment(150, market=RuleBased(), w=300.0, draws=16),
        objective=Calibration(Planted({"noise": 1.5}), distance="energy"),
        samples=sample,
    )
    deviation = infer(rules).sample(4000, 0).std(axis=0)
    assert deviation[1] < 0.8 * 1.5 / 8


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"objective": Volatility()}, "compares with no sample"),
    ],
)
def test_what_cannot_be_calibrated_is_refused(changed, said):
    with pytest.raises(PacesetterError, match=said):
        trials(replace(experiment(), **changed), 3)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["leader.w=-1"], "leader.w"),
        (["leader.w=often"], "leader.w"),
        (["leader.draws=1"], "leader.draws"),
        (["leader.family=spline"], "leader.family"),
        (["leader.prior.mean.levl=1"], "did you mean 'level'"),
        (["leader.interval=5"], "leader.interval"),
    ],
)
def test_bad_options_are_refused_before_the_run(options, said, line, tmp_path, capsys):
    assert main([*line, *options]) == 2
    assert said in capsys.readouterr().err


@pytest.mark.parametrize(
    "option", ["w=calibrated", "calibrate_posterior=5", "amortised_simulations=1000"]
)
def test_a_calibration_that_cannot_be_is_refused_before_the_run(option, line, tmp_path, capsys):
    chosen = ["leader.name=variational", f"leader.{option}", "--runs", str(tmp_path / "runs")]
    assert main(["train", "duopoly_ppo", *chosen]) == 2
    assert "would have to learn anew" in capsys.readouterr().err
    free = tmp_path / "free.yaml"
    free.write_text(
        LINE.replace(
            """objective:
  name: "small_markets:LeastSquares"
  reference: {name: planted, theta: {level: 1.0, slope: -0.5}, number: 20}
""",
            "objective: {name: volatility}\n",
        )
    )
    assert main(["train", str(free), *chosen]) == 2
    assert "compares with no sample" in capsys.readouterr().err
    assert not (tmp_path / "runs").exists()


def test_truths_without_a_posterior_are_counted():
    """A fit that diverges, and an observation that the objective refuses."""

    def posterior_of(planted):
        if planted.samples["price"][0] > 0.5:
            raise DivergedError("lost")
        return infer(planted)

    line = experiment(5)
    found = trials(line, 8, posterior_of)
    whole = trials(line, 8)
    assert (whole.lost, found.lost + len(found.truths)) == (0, 8)
    assert 0 < found.lost < 7 and found.figures()["trials_lost"] == found.lost
    with pytest.raises(PacesetterError, match="0 of 2 θ drawn"):
        trials(replace(line, leader=replace(line.leader, prior=FAR_AWAY)), 2, posterior_of)


def test_a_damaged_posterior_says_so(line, tmp_path, no_ray):
    assert main([*line, "training.iterations=3", "--name", "run"]) == 0
    run = tmp_path / "run"
    (run / WEIGHTS).write_bytes((run / WEIGHTS).read_bytes()[:100])
    with pytest.raises(PacesetterError, match="cannot be read"):
        load_posterior(run)
