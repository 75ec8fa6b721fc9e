"""The adversarial leader and its discriminator: slopes, units, and what a user is told."""

from __future__ import annotations

import json
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from pacesetter.envs.core.characteristics import Characteristic, Characteristics
from pacesetter.leaders.gradient.adversarial import AdversarialLeader
from pacesetter.leaders.gradient.adversarial_guide import CHANCE
from pacesetter.leaders.gradient.discriminator import Discriminator, Duel
from pacesetter.leaders.gradient.recipes import NormalPrior
from pacesetter.leaders.leader import Measured, Question
from pacesetter.leaders.objectives.target import Target
from pacesetter.training.loop import inference

SPACE = Characteristics([Characteristic("mean", -5.0, 5.0, 2.0)])
SIZE = 3


def target_of(number, mean=0.0, seed=7):
    rows = mean + np.random.default_rng(seed).normal(size=(number, SIZE))
    return Target(tuple("abc"), rows.mean(axis=0), np.cov(rows.T), number, 0.0, rows)


def played(settings, target, iterations, slope=1.0):
    """A game in which every statistic of a path is θ and noise."""
    guide = settings.guide(SPACE, 0, iterations)
    for iteration in range(iterations):
        question = guide.question()
        generator = np.random.default_rng(100 + iteration)
        noise = generator.normal(size=(question.copies, SIZE))
        rows = torch.tensor(slope * question.theta[0, 0] + noise, requires_grad=True)
        gradients = None
        if question.score is not None:
            (by_row,) = torch.autograd.grad(question.score(rows).sum(), rows)
            gradients = slope * by_row.sum(dim=1).mean()[None, None].numpy()
        guide.learn(
            Measured(
                question.theta,
                np.zeros(1),
                gradients=gradients,
                rows=rows.detach().numpy()[None],
                target=target,
            ),
            last=iteration == iterations - 1,
        )
    return guide


def test_theta_comes_to_the_real_mean_and_nobody_can_tell():
    target = target_of(800, mean=-0.5)
    guide = played(AdversarialLeader(copies=200), target, 500)
    error = 1.0 / np.sqrt(800 * SIZE)
    assert guide.answer(None)[0] == pytest.approx(target.mean.mean(), abs=6 * error)
    assert guide.warnings() == []
    figures = guide.figures()
    for name in ("training", "held_out"):
        assert figures[f"discriminator_loss/{name}"] == pytest.approx(CHANCE, abs=0.02)


def test_the_answer_is_the_mean_of_the_last_part():
    guide = AdversarialLeader(averaged_share=0.3).guide(SPACE, 0, 10)
    seen = []
    for iteration in range(10):
        question = guide.question()
        rows = np.random.default_rng(iteration).normal(size=(1, 50, SIZE))
        gradients = None if question.score is None else np.full((1, 1), -1.0)
        guide.learn(
            Measured(question.theta, np.zeros(1), gradients, rows=rows, target=target_of(50)),
            last=False,
        )
        seen.append(guide.next_theta(1)[0, 0])
    assert guide.answer(None)[0] == pytest.approx(np.mean(seen[-3:]))
    assert seen[0] == 2.0 and seen[-1] < seen[1] < 2.0


def test_a_network_that_memorises_is_told():
    settings = AdversarialLeader(
        copies=100, hidden=(64, 64), inputs="standardised", rate=0.01, step=0.0001
    )
    guide = played(settings, target_of(40, mean=2.0), 300)
    (said,) = guide.warnings()
    assert said.startswith("the discriminator memorises") and "Use fewer statistics" in said


def test_a_theta_that_nothing_depends_on_is_told():
    guide = played(AdversarialLeader(copies=50), target_of(100), 30, slope=0.0)
    assert guide.answer(None)[0] == 2.0
    assert any("the derivative was zero in the last" in text for text in guide.warnings())


def test_a_bound_is_told():
    guide = played(AdversarialLeader(copies=50, step=0.1), target_of(100, mean=9.0), 60)
    assert guide.answer(None)[0] == pytest.approx(5.0, abs=1e-6)
    assert any(text.startswith("θ was at a bound in") for text in guide.warnings())


def test_the_start_is_given_or_drawn():
    drawn = [
        AdversarialLeader(start="prior").guide(SPACE, seed, 1).next_theta(1)[0, 0]
        for seed in range(3)
    ]
    assert len(set(drawn)) == 3
    given = AdversarialLeader(start="prior", initial_theta={"mean": 1.25}).guide(SPACE, 0, 1)
    assert given.next_theta(2).tolist() == [[1.25], [1.25]]


def test_a_discriminator_sees_whitened_statistics():
    generator = np.random.default_rng(0)
    rows = generator.normal(size=(500, 2)) @ np.array([[5.0, 1.0, 6.0], [0.0, 0.1, 0.1]]) + 100.0
    target = replace(target_of(500), mean=rows.mean(axis=0), covariance=np.cov(rows.T), rows=rows)
    seen = Discriminator.of(target, "whitened", (), 0)
    shown = (torch.from_numpy(rows) - seen.shift) @ seen.matrix
    assert shown.shape == (500, 2)  # the third is the sum of the others
    np.testing.assert_allclose(np.cov(shown.numpy().T), np.eye(2), atol=1e-8)
    plain = Discriminator.of(target, "standardised", (), 0)
    shown = (torch.from_numpy(rows) - plain.shift) @ plain.matrix
    np.testing.assert_allclose(shown.std(dim=0).numpy(), 1.0, rtol=1e-9)


def test_a_logistic_discriminator_starts_knowing_nothing_and_has_known_slopes():
    target = target_of(100)
    logistic = Discriminator.of(target, "whitened", (), 0)
    rows = torch.from_numpy(target.rows).requires_grad_()
    shown = logistic.shown(rows)
    assert float(logistic.loss(shown, shown).detach()) == pytest.approx(CHANCE)
    weights = torch.tensor([[1.0, -2.0, 0.5]], dtype=torch.float64)
    with torch.no_grad():
        logistic.layers[0].weight.copy_(weights)
    (slopes,) = torch.autograd.grad(logistic.score(rows).sum(), rows)
    chance_of_fake = torch.sigmoid(-logistic(rows))[:, None]
    np.testing.assert_allclose(
        slopes, (chance_of_fake * (weights @ logistic.matrix.T)).detach(), rtol=1e-10
    )


@pytest.mark.parametrize("hidden", [(), (4, 3)])
def test_what_was_written_down_is_the_same_discriminator(hidden):
    one = Discriminator.of(target_of(100), "whitened", hidden, 3)
    other = Discriminator.restored(one.state(), hidden)
    rows = np.random.default_rng(1).normal(size=(9, SIZE))
    assert torch.equal(one(rows), other(rows))
    twin = Discriminator.of(target_of(100), "whitened", hidden, 4)
    assert torch.equal(one(rows), twin(rows)) == (not hidden)


def test_a_second_game_is_about_the_answer_of_the_first():
    """And it has a new discriminator, of the statistics that the estimate gives."""
    settings = AdversarialLeader(copies=100, sharpened_after=0.5, sharp_step=0.001)
    guide, twin = settings.guide(SPACE, 0, 40), settings.guide(SPACE, 0, 40)
    seen, answers = [], []
    for iteration in range(40):
        question = guide.question()
        seen.append(question)
        size = SIZE if question.about is None else 2 * SIZE
        noise = np.random.default_rng(iteration).normal(size=(1, 100, size))
        real = np.random.default_rng(99).normal(size=(200, size))
        target = Target(
            tuple(f"{n}" for n in range(size)), real.mean(axis=0), np.cov(real.T), 200, 0.0, real
        )
        gradients = None if question.score is None else -question.theta
        rows = question.theta[0, 0] + noise
        guide.learn(Measured(question.theta, np.zeros(1), gradients, rows=rows, target=target), 0)
        answers.append(guide.answer(None)[0])
        twin.restore(json.loads(json.dumps(guide.state())))
        for name in ("about", "theta", "copies"):
            mine, its = getattr(guide.question(), name), getattr(twin.question(), name)
            np.testing.assert_array_equal(mine, its)
    assert [question.about is None for question in seen] == [True] * 20 + [False] * 20
    assert [question.score is None for question in seen].count(True) == 2
    np.testing.assert_allclose(seen[20].about, answers[19])
    assert abs(seen[-1].theta[0, 0] - answers[19]) <= 20 * 0.001 * 10.0


def test_what_is_learned_by_heart_is_lost_elsewhere():
    """Of k directions and n paths: k / 4n below chance on them, as much above it on others."""
    size, number, rounds = 12, 240, 6
    losses = []
    for seed in range(rounds):
        real = np.random.default_rng(seed).normal(size=(number, size))
        names = tuple(map(str, range(size)))
        target = Target(names, real.mean(axis=0), np.cov(real.T), number, 0.0, real)
        unit = torch.zeros(1, dtype=torch.float64)
        duel = Duel.begun(AdversarialLeader(held_out=0.5), target, unit, 0.001, 250, seed)
        generator = np.random.default_rng(100 + seed)
        for _ in range(250):
            duel.play(generator.normal(size=(1000, size)), None, target)
            duel.ended(np.zeros(1))
        losses.append(duel.mean_losses())
    learned, elsewhere = np.mean(losses, axis=0) - CHANCE
    expected = size / (4 * number / 2)
    assert learned == pytest.approx(-expected, rel=0.35)
    assert elsewhere == pytest.approx(expected, rel=0.6)


def test_a_penalty_shrinks_what_the_discriminator_knows():
    """At rest its weights are the gap of means, in units, over 1 + 2 × penalty."""
    target, apart = target_of(2000), 0.1
    slopes = []
    for penalty in (0.0, 1.0):
        settings = AdversarialLeader(penalty=penalty)
        unit = torch.zeros(1, dtype=torch.float64)
        duel = Duel.begun(settings, target, unit, 0.001, 400, 0)
        for _ in range(400):
            duel.play(target.rows - apart, None, target)
            duel.ended(np.zeros(1))
        slopes.append(duel.judge.layers[0].weight.detach().numpy()[0])
    gap = duel.judge.shown(target.rows).mean(dim=0) - duel.judge.shown(target.rows - apart).mean(
        dim=0
    )
    np.testing.assert_allclose(slopes[0], gap, rtol=0.05)
    np.testing.assert_allclose(slopes[1], gap / 3.0, rtol=0.05)


def test_a_normal_start_keeps_off_zero():
    both = Characteristics(
        [Characteristic("signed", -4.0, 4.0, 1.0), Characteristic("positive", 0.0, 4.0, 1.0)]
    )
    settings = AdversarialLeader(
        start="normal",
        normal=NormalPrior(mean={"positive": 0.0}, deviation={"positive": 1.0}),
        off_zero=0.3,
    )
    drawn = np.array([settings.guide(both, seed, 1).next_theta(1)[0] for seed in range(300)])
    assert np.abs(drawn[:, 0]).min() == pytest.approx(0.3) and (drawn[:, 0] < 0).any()
    assert (drawn[:, 1] == 0.0).mean() == pytest.approx(0.5, abs=0.1)
    assert drawn[:, 0].std() == pytest.approx(1.0, abs=0.15)


def test_a_bank_of_episodes_comes_back_in_turn(monkeypatch):
    seeds = []
    monkeypatch.setattr(inference, "derive", lambda *arguments: seeds.append(arguments[-1]))
    experiment = SimpleNamespace(seed=0)
    for bank in (3, None):
        question = Question(np.zeros((1, 1)), copies=10, bank=bank)
        for iteration in range(5):
            inference.answered(experiment, None, question, iteration)
    first = seeds[0]
    assert [seed - first for seed in seeds] == [0, 10, 20, 0, 10, 0, 10, 20, 30, 40]
