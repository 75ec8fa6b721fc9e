"""What holds of every run on a device: nobody waits for it, it resumes, it draws the same law."""

from __future__ import annotations

import shutil
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode

from pacesetter.training.api import measured, train
from pacesetter.training.certificates.learning import at_theta
from pacesetter.training.experiments.load import load_experiment
from pacesetter.training.loop.backends import backend_for
from pacesetter.training.loop.trainer import train as train_run
from pacesetter.training.policies.policies import Policies
from pacesetter.training.ppo.device.graphs import Captured
from pacesetter.training.ppo.device.mirror import mirror_of
from pacesetter.training.ppo.device.sampler import DeviceSampler
from pacesetter.training.ppo.sampler import Sampler
from pacesetter.training.runs.run_folder import RunFolder

SMALL = (
    "training.route=local",
    "training.device=cpu",
    "training.copies=6",
    "followers.hidden_layers=[8]",
)
HOUSEHOLDS = ("market.households=5", "market.periods=8", "training.rollout_steps=6")
ASKS = ("_local_scalar_dense", "nonzero", "lift_fresh", "masked_select")
"""What waits for a device, or brings numbers to it: ``.item()``, sizes that depend on values, …"""


class Watched(TorchDispatchMode):
    def __init__(self):
        super().__init__()
        self.asked = set()

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        if any(name in str(function) for name in ASKS):
            self.asked.add(str(function))
        return function(*args, **(kwargs or {}))


@pytest.mark.parametrize(
    "name",
    [
        "household_tax_bayesian",
        "cobweb_unstable_bayesian",
        "market_maker_preferences",
        "duopoly_bayesian",
        "labour_tax_bayesian",
        "market_entry_bayesian",
        "dealers_makers",
        "shops_learning",
    ],
)
def test_nothing_is_asked_of_a_device_within_a_horizon(name, monkeypatch):
    asked = load_experiment(name, [*SMALL, *(HOUSEHOLDS if "household" in name else ())])
    sampler, modules = DeviceSampler(asked.bound()), Policies.untrained(asked).modules
    sampler.sample(modules)
    mirrors = {group: mirror_of(modules[group], sampler.device) for group in modules}
    watched = Watched()
    monkeypatch.setattr(torch.Tensor, "numpy", None)
    monkeypatch.setattr(torch.Tensor, "cpu", None)
    monkeypatch.setattr(torch.Tensor, "tolist", None)
    with watched:
        sampler._horizon.play(mirrors, sampler._clock, 0, asked.training.rollout_steps)
    assert not watched.asked


@pytest.mark.parametrize("name", ["household_tax_bayesian", "household_tax_ppo"])
def test_a_resumed_run_is_the_uninterrupted_one(name, tmp_path):
    """Intervals are open where it is interrupted, and both phases are."""
    asked = load_experiment(
        name,
        [
            *SMALL,
            *HOUSEHOLDS,
            "training.pretrain_iterations=3",
            "training.iterations=4",
            "training.checkpoint_every=5",
            "leader.update_every=1",
        ],
    )
    whole = RunFolder.create(tmp_path, asked, "whole")
    theta = train_run(whole, quiet=True).theta
    parts = RunFolder.create(tmp_path, asked, "parts")
    train_run(parts, quiet=True)
    _, *later = sorted((parts.path / "checkpoints").glob("iteration_*"))
    assert later
    for folder in later:
        shutil.rmtree(folder)
    again = train_run(parts, quiet=True)
    assert again.iterations == 7
    np.testing.assert_array_equal(again.theta, theta)
    assert columns(parts.path) == columns(whole.path)


def columns(path):
    lines = (path / "history.csv").read_text().splitlines()
    header = lines[0].split(",")
    timed = [n for n, name in enumerate(header) if name.startswith("speed")]
    return [[v for n, v in enumerate(line.split(",")) if n not in timed] for line in lines]


def test_a_backend_goes_on_from_what_it_saved(tmp_path):
    asked = load_experiment("household_tax_bayesian", [*SMALL, *HOUSEHOLDS])
    theta = asked.market.characteristics.draw(np.random.default_rng(0), 4)

    def go_on(backend, number):
        told = []
        for _ in range(number):
            backend.command(4, theta)
            done = backend.iterate()
            (report,) = done.reports
            told.append((report.returns, report.led_values.tolist(), done.learned))
        return told

    first = backend_for(asked)
    go_on(first, 3)  # 18 steps: an episode of 8 is open
    first.save(tmp_path / "saved")
    expected = go_on(first, 3)
    second = backend_for(asked)
    assert second.restore(tmp_path / "saved") == ""
    assert go_on(second, 3) == expected


@pytest.mark.parametrize("name", ["household_tax_bayesian", "cobweb_unstable_bayesian"])
def test_samples_are_equal_in_distribution(name):
    """Means of rewards, net rewards and path quantities over many copies, within five errors."""
    small = [*SMALL, "training.copies=400", "training.rollout_steps=5"]
    if "household" in name:
        small += ["market.households=5", "market.periods=5"]
    asked = load_experiment(name, small).bound()
    reports = []
    for kind in (DeviceSampler, Sampler):
        runs = []
        for seed in range(4):
            one = replace(asked, seed=seed)
            sampler, modules = kind(one), Policies.untrained(asked).modules
            sampler.sample(modules)
            runs.append(sampler.take_report())
        reports.append(runs)
    group = asked.market.groups[0].name
    assert reports[0][0].quantities.keys() == reports[1][0].quantities.keys()
    figures = [
        lambda report: report.returns[group],
        lambda report: report.net_returns[group],
        *(lambda r, n=n: r.quantities[n] for n in reports[0][0].quantities),
        lambda report: report.random_values.mean() if len(report.random_values) else 0.0,
    ]
    for figure in figures:
        one, other = (np.array([figure(run) for run in runs]) for runs in reports)
        spread = np.sqrt((one.var(ddof=1) + other.var(ddof=1)) / 4)
        assert abs(one.mean() - other.mean()) <= 5 * spread + 1e-5 * abs(other.mean())


def test_a_run_is_reproducible_by_its_seed():
    asked = load_experiment("cobweb_unstable_bayesian", [*SMALL, "training.rollout_steps=5"])

    def noise(seed):
        sampler = DeviceSampler(replace(asked, seed=seed).bound())
        sampler.sample(Policies.untrained(asked).modules)
        return sampler.take_report().returns["producer"]

    assert noise(3) == noise(3) != noise(4)


def test_what_is_not_captured_runs_as_it_is():
    calls = []
    work = Captured(lambda: calls.append(1), torch.device("cpu"), True, "a test")
    for _ in range(3):
        work()
    assert len(calls) == 3 and not work.captured


def test_who_is_held_to_what_he_could_do_instead_plays_in_numpy():
    asked = load_experiment("duopoly_bayesian", SMALL)
    alone = at_theta(asked, asked.market.characteristics.default, 3, 0)
    assert asked.training.device == "cpu" and alone.training.device is None
    assert not alone.training.tf32


def test_a_run_is_evaluated_with_its_networks_in_main_memory(tmp_path):
    run = train(
        "duopoly_bayesian",
        [
            *SMALL,
            "training.pretrain_iterations=2",
            "training.iterations=2",
            "evaluation.copies=4",
            "evaluation.episodes=2",
        ],
        runs=tmp_path,
        quiet=True,
    )
    assert run.finished and np.isfinite(run.results["objective/answer"])
    assert measured(run.folder) == pytest.approx(run.results)
    header, *lines = columns(run.path)
    assert len(lines) == 4 and "learning/follower_policy_loss" in header
