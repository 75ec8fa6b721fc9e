"""Certificates of the duopoly, whose gaps are known: right answers hold, wrong ones are found out.

Followers are linear policies that were written down and not learned: q = (12 − θ) / 2 is theirs.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, replace

import numpy as np
import pytest
import torch

from pacesetter.envs.core.errors import PacesetterError
from pacesetter.envs.duopoly.market import FOLLOWER, Duopoly
from pacesetter.training.certificates import followers as responses
from pacesetter.training.certificates import learning
from pacesetter.training.certificates import plan as planning
from pacesetter.training.certificates.certificate import (
    FILE,
    certificate_of,
    kept_verdict,
    work_folder,
)
from pacesetter.training.certificates.certified import HIDDEN, NOT_FINITE, NOTHING_AT_STAKE
from pacesetter.training.certificates.gaps import FAILS, HOLDS, UNSURE
from pacesetter.training.certificates.market import Deviation, Led
from pacesetter.training.certificates.plan import Plan
from pacesetter.training.certificates.refine import refine
from pacesetter.training.certificates.subject import Subject
from pacesetter.training.certificates.work import VERSION, Work
from pacesetter.training.cli import main
from pacesetter.training.evaluation.evaluate import load_trained, write_answer
from pacesetter.training.experiments.load import load_experiment
from pacesetter.training.policies.policies import Policies, Trained
from pacesetter.training.runs.run_folder import RunFolder

QUICK = (
    *("followers.hidden_layers=[8]", "followers.activation=relu", "training.copies=64"),
    *("followers.learning_rate=1e-2", "followers.minibatch_size=512", "training.rollout_steps=8"),
    *("training.pretrain_iterations=0", "training.iterations=150", "training.route=local"),
    *("evaluation.copies=500", "evaluation.episodes=2", "training.checkpoint_every=1000"),
)


def duopoly(theta=6.0, intercept=6.0, slope=-0.5, market=None, options=()):
    """A leader fixed at θ, and followers who answer ``intercept + slope · θ``."""
    experiment = load_experiment(
        "duopoly_fixed", [*QUICK, f"leader.theta.leader_quantity={theta}", *options]
    )
    experiment = replace(experiment, market=market or experiment.market)
    policies = Policies.untrained(experiment)
    module = policies.modules[FOLLOWER]
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.zero_()
        hidden, _, last = module.actor
        # What is seen is 2 θ / 12 − 1; one unit keeps it positive, and actions are q / 6 − 1.
        hidden.weight[0, 0], hidden.bias[0] = 6.0, 6.0
        last.weight[0, 0], last.bias[0] = slope / 6.0, intercept / 6.0 - 1.0
        module.log_deviation.fill_(np.log(0.02))
    return Trained(experiment, policies, np.array([theta]))


PLAN = Plan(40, 20, sobol=4, near=2, seeds=3, iterations=0, minutes=0.0)


SHORT = Plan(2, 4, sobol=2, near=2, seeds=1, iterations=0, minutes=0.0)


def certified(trained, folder, **options):
    options = options or {"planned": PLAN}
    return certificate_of(trained, folder / "work", **options)


def test_the_stackelberg_answer_holds(tmp_path):
    found = certified(duopoly(), tmp_path)
    assert found.verdict == HOLDS, found.record()
    assert not found.flags
    gap = found.followers[FOLLOWER]
    assert gap.exact and gap.bound is not None
    noise = (6.0 * 0.02) ** 2 / 9.0  # of a follower that trembles, in units of its profit of 9
    assert gap.bound.gain.value == pytest.approx(noise, rel=0.1)
    assert gap.alone.gain.value <= gap.bound.gain.value + 1e-3
    one, other = np.random.default_rng(0).uniform(0.0, 12.0, (2, 100_000))
    swing = np.abs((6.0 - one) * one - (6.0 - other) * other).mean() / 9.0
    assert swing > (9.0 + 12.0) / 9.0  # what the best makes over chance, E (6 − q) q = −12
    assert gap.alone.stake == pytest.approx(swing, rel=0.2)
    assert found.leader.baselines["default"].gain.value == pytest.approx(-2.0, abs=0.2)


def test_the_cournot_answer_does_not(tmp_path):
    """At 4 the leader makes 16 and not 18."""
    found = certified(duopoly(4.0), tmp_path)
    assert found.verdicts == {f"followers/{FOLLOWER}": HOLDS, "leader": FAILS}
    assert found.verdict == FAILS
    assert found.leader.best.gain.value == pytest.approx(2.0, abs=0.2)
    assert found.leader.rival.theta[0] == pytest.approx(6.0, abs=0.5)
    assert found.leader.place > 1


def test_followers_who_have_not_learned_are_found_out(tmp_path):
    """They supply 6 whatever the leader does, which at θ = 6 leaves them nothing."""
    trained = duopoly(intercept=6.0, slope=0.0)
    found = certified(trained, tmp_path)
    assert found.verdicts[f"followers/{FOLLOWER}"] == FAILS
    assert found.followers[FOLLOWER].alone.gain.value == pytest.approx(1.0, abs=0.1)


def test_a_response_that_still_gains_goes_on(tmp_path, monkeypatch):
    """Twenty iterations of small steps do not take a follower from 6 to 3."""
    trained = duopoly(intercept=6.0, slope=0.0, options=("followers.learning_rate=2e-3",))
    gains = []
    for further in (0, 4):
        monkeypatch.setattr(responses, "FURTHER", further)
        work = Work.begin(tmp_path / f"further_{further}", {}, lambda text: None)
        gap = responses.followers_gap(Subject.of(trained), FOLLOWER, 20, 1, work)
        assert gap.exact and gap.bound is not None
        gains.append(gap.alone.gain.value / gap.bound.gain.value)
    assert gains[0] < 0.9 and gains[1] > gains[0] + 0.05


def test_a_hidden_theta_is_found_out(tmp_path):
    """Followers who see nothing answer 4 by 4; with time to adapt, 6 would have been better."""
    market = Duopoly(largest_leader_quantity=10.0, theta_visible=False)
    found = certified(duopoly(4.0, intercept=7.0, market=market), tmp_path)
    assert HIDDEN in found.flags
    assert found.verdicts["leader"] == FAILS


@dataclass(frozen=True)
class Broken(Duopoly):
    """A duopoly that pays its followers alike, or nothing that is a number."""

    numbers: bool = True

    def transition(self, state, actions, shocks):
        step = super().transition(state, actions, shocks)
        pay = 0.5 if self.numbers else np.nan
        return replace(step, rewards={FOLLOWER: np.full_like(step.rewards[FOLLOWER], pay)})


@pytest.mark.parametrize(("numbers", "flag"), [(True, NOTHING_AT_STAKE), (False, NOT_FINITE)])
def test_a_broken_reward_is_found_out(numbers, flag, tmp_path):
    market = Broken(largest_leader_quantity=10.0, numbers=numbers)
    short = ("training.iterations=20", "evaluation.copies=20")
    found = certified(duopoly(market=market, options=short), tmp_path, planned=SHORT)
    assert f"{flag}: {FOLLOWER}" in found.flags
    assert found.verdicts[f"followers/{FOLLOWER}"] == UNSURE
    assert found.verdict != HOLDS
    json.dumps(found.record(), allow_nan=False)


# Runs --------------------------------------------------------------------------------------------


def finished(folder, **options):
    """The folder of a run that ended with what `duopoly` writes down."""
    trained = duopoly(**options)
    run = RunFolder.create(folder, trained.experiment, "run")
    trained.policies.save(run.path / "policies")
    write_answer(run, trained.theta)
    return run


def contents(folder):
    files = (p for p in folder.rglob("*") if p.is_file() and p.name != ".lock")
    return {p.relative_to(folder): p.read_bytes() for p in files}


def test_a_run_is_certified_and_goes_on_where_it_was_interrupted(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(planning, "SIZES", ((2, 2, 3),))
    monkeypatch.setattr(planning, "ENOUGH", 20)
    run = finished(tmp_path, options=("training.iterations=80",))
    before, trained = contents(run.path), []

    def until_tired(*arguments, learned=learning.learned):
        trained.append(arguments)
        if len(trained) == 9:
            raise KeyboardInterrupt
        return learned(*arguments)

    for module in ("followers", "leader"):
        monkeypatch.setattr(f"pacesetter.training.certificates.{module}.learned", until_tired)
    assert main(["certify", str(run.path)]) == 130
    assert contents(run.path) == before
    assert "iterations, " in capsys.readouterr().out  # the cost comes first
    assert main(["certify", str(run.path), "--tolerance", "2"]) == 0
    shown, number = capsys.readouterr().out, len(trained)
    found = json.loads((run.path / FILE).read_text())
    assert f"\n{found['verdict']} (tolerance 2 %" in shown
    assert found["verdict"] != FAILS and found["answer"] == {"leader_quantity": 6.0}
    assert (run.path / "certificate.png").stat().st_size > 10_000
    assert "| leader: best rival" in (run.path / "certificate.md").read_text()
    assert list((run.path / "tensorboard").glob("events*"))
    assert main(["certify", str(run.path), "--tolerance", "2", "--quiet"]) == 0
    assert len(trained) == number  # nobody learned again
    assert main(["certify", str(run.path), "--tolerance", "2", "--quiet", "--anew"]) == 0
    assert len(trained) > number
    assert (
        kept_verdict(run) == f"certificate: {found['verdict']} (tolerance 2 % of what is at stake)"
    )
    write_answer(run, np.array([5.0]))
    assert "of an earlier answer" in kept_verdict(run)
    plan = Plan(**found["plan"])
    whole = certified(duopoly(options=("training.iterations=80",)), tmp_path, planned=plan)
    assert whole.figures() == pytest.approx(found["figures"], rel=1e-12)


@pytest.mark.parametrize(
    ("arguments", "subject", "said"),
    [
        (["--budget", "0.0001"], None, "too small for any statement.*Give that many"),
        ([], {"version": 0}, "is of version 0, and this software makes.*--anew"),
        (
            [],
            {"version": VERSION, "answer": {"leader_quantity": 5.0}},
            "of another answer .*--anew",
        ),
        ([], "something else", "holds something else.*move it elsewhere"),
        (["--retrain", "--budget", "3"], None, "--budget goes without --retrain"),
        (["--around", "0.1"], None, "--around goes with --retrain"),
        (["--tolerance", "-1"], None, "must be a number above 0"),
    ],
)
def test_bad_input_leaves_the_run_as_it_was(arguments, subject, said, tmp_path, capsys):
    run = finished(tmp_path)
    if subject is not None:
        work_folder(run).mkdir()
        record = {**subject, "budget": None} if isinstance(subject, dict) else subject
        (work_folder(run) / "subject.json").write_text(json.dumps(record))
    before = contents(tmp_path)
    assert main(["certify", str(run.path), *arguments]) == 2
    message = capsys.readouterr().err
    assert len(message.strip().splitlines()) == 1
    assert re.search(said, message)
    assert contents(tmp_path) == before


def test_a_run_without_an_answer_is_refused(tmp_path, capsys):
    run = finished(tmp_path)
    (run.path / "answer.json").unlink()
    assert main(["certify", str(run.path)]) == 2
    assert "training has not finished" in capsys.readouterr().err


def test_baselines_out_of_bounds_are_refused(capsys):
    line = ["train", "duopoly_ppo", "training.baselines=[{leader_quantity: 40}]"]
    assert main(line) == 2
    assert "training.baselines.0: characteristic 'leader_quantity' must" in capsys.readouterr().err


@dataclass(frozen=True)
class Stubborn(Duopoly):
    """A duopoly that does not begin at every θ that it says it has."""

    def observe(self, state):
        if state.theta.max() > 5.0:
            raise RuntimeError("too much")
        return super().observe(state)


def test_a_market_that_cannot_restart_at_a_theta_is_refused(tmp_path):
    trained = duopoly(market=Stubborn(largest_leader_quantity=10.0))
    with pytest.raises(PacesetterError, match=r"cannot restart at θ = .*too much.*Let the market"):
        certified(trained, tmp_path)
    assert not (tmp_path / "work").exists()


def test_a_budget_narrows_what_is_done(monkeypatch):
    """At 0.02 s an iteration and 0.01 s an evaluation; a machine that is busy would be slower."""
    cost = planning._Cost(responding=0.02, adapting=0.02, playing=0.01, groups=1)
    monkeypatch.setattr(planning._Cost, "measured", lambda subject: cost)
    subject = Subject.of(duopoly())
    full = planning.plan(subject, None)
    assert (full.sobol, full.near, full.seeds, full.adapt_iterations) == (8, 4, 3, 40)
    assert planning.plan(subject, 2.0 * full.minutes) == full
    before = full
    for share in (0.8, 0.5, 0.3):
        found = planning.plan(subject, share * full.minutes)
        assert found.minutes <= share * full.minutes
        assert found.iterations < before.iterations
        assert found.adapt_iterations >= planning.LEAST_ITERATIONS
        before = found
    with pytest.raises(PacesetterError, match="too small") as refused:
        planning.plan(subject, 0.01 * full.minutes)
    least = float(str(refused.value).partition("takes about ")[2].split()[0])
    assert planning.plan(subject, least).minutes <= least


# Refinement --------------------------------------------------------------------------------------


def test_refining_mends_a_wrong_answer_and_hands_over_adapted_followers(tmp_path):
    run = finished(tmp_path, theta=4.0, options=("training.refine=20",))
    found = refine(run)
    assert found["before"] == {"leader_quantity": 4.0} and found["worse_than"] == []
    trained = load_trained(run)
    assert trained.theta[0] == pytest.approx(6.0, abs=0.5)
    assert trained.adapted is not None and trained.constant
    state = trained.experiment.market.reset(0, 1, trained.theta)
    q = trained.adapted.act(state, torch.Generator(), greedy=True)[FOLLOWER]
    assert q.item() == pytest.approx(6.0 - trained.theta[0] / 2.0, abs=0.2)
    assert refine(run) == found  # and again, from the leader's own answer
    assert found["gain"][1] > 0.0


def test_refining_leaves_a_right_answer_nearly_where_it_is(tmp_path):
    run = finished(tmp_path, options=("training.refine=20",))
    refine(run)
    assert load_trained(run).theta[0] == pytest.approx(6.0, abs=0.3)


# The market of a deviator -------------------------------------------------------------------------


def test_a_deviator_stands_among_the_rest_and_all_draws_are_paired():
    market = Duopoly(followers=3)
    trained = duopoly(market=market)
    alone = Deviation(market, rest=trained.policies, group=FOLLOWER)
    quantities = []
    for own in (0.0, 2.0):
        state = alone.reset(7, 5, [6.0])
        assert alone.observe(state)[FOLLOWER].shape == (5, 1, 1)
        step = alone.step(state, {FOLLOWER: np.full((5, 1, 1), own)})
        assert step.rewards[FOLLOWER].shape == (5, 1)
        price = step.quantities["price"]
        np.testing.assert_allclose(step.rewards[FOLLOWER][:, 0] * market.reward_unit, price * own)
        quantities.append(3.0 * step.quantities["follower_quantity"])
    np.testing.assert_allclose(quantities[1] - quantities[0], 2.0, rtol=1e-6)
    everybody = Deviation(market, rest=trained.policies, group=FOLLOWER, alone=False)
    state = everybody.reset(7, 5, [6.0])
    step = everybody.step(state, {FOLLOWER: np.full((5, 3, 1), 1.0)})
    np.testing.assert_allclose(step.quantities["follower_quantity"], 1.0)


class Clock:
    """A leader that sets θ to how late it is."""

    def theta(self, state):
        return np.asarray(state.clock, dtype=float)[:, None] / 1000.0


def test_a_leader_that_moves_theta_goes_on_moving_it():
    from pacesetter.envs.registry import make

    market = make("market_entry")
    led = Led(market, Clock(), interval=2)
    state, seen = led.reset(0, 1, [0.1]), []
    for _ in range(4):
        state = led.with_theta(state, state.theta)
        seen.append(float(state.theta[0, 0]))
        state = led.step(state, {"trader": np.zeros((1, 20), dtype=int)}).state
    assert seen == [0.0, 0.0, 0.002, 0.002]
