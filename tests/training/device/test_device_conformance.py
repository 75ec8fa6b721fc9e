"""Mistakes about devices are told before anything is done, with their cure."""

from __future__ import annotations

import pytest
import torch

from pacesetter.envs.core.errors import PacesetterError
from pacesetter.training.api import prepare
from pacesetter.training.experiments.load import load_experiment
from pacesetter.training.loop.backends import backend_for
from pacesetter.training.ppo.device import place


@pytest.mark.parametrize(
    ("name", "overrides", "said"),
    [
        ("execution_fixed", [], "has no transition in torch: it runs in numpy alone"),
        ("household_taxai_ppo", [], "may end an episode before its horizon"),
        ("otc_rfq_learning", [], "decide in some states only"),
        ("stock_market_bayesian", [], "has no group that learns"),
        ("duopoly_bayesian", ["training.route=stock"], "choose route: array"),
        ("duopoly_bayesian", ["training.env_runners=2"], "must be 0, got 2"),
        ("duopoly_bayesian", ["training.tf32=true"], "set training.device: cuda"),
    ],
)
def test_what_cannot_stay_on_a_device_is_refused_with_the_reason(name, overrides, said):
    with pytest.raises(PacesetterError, match=r"training\.") as refused:
        load_experiment(name, ["training.device=cpu", *overrides])
    assert said in str(refused.value)


def test_an_unknown_device_is_refused_with_those_there_are():
    with pytest.raises(PacesetterError, match="cuda"):
        load_experiment("duopoly_bayesian", ["training.device=gpu"])


@pytest.mark.parametrize(
    ("built", "found", "said"),
    [(None, 0, "built for CUDA"), ("13.0", 0, "finds no such device"), ("13.0", 1, None)],
)
def test_a_device_that_is_absent_is_told_before_ray_starts(
    built, found, said, monkeypatch, tmp_path
):
    monkeypatch.setattr(torch.version, "cuda", built)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: found > 0)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: found)
    monkeypatch.setattr(place, "free_memory", lambda name: 1e12)
    asked = load_experiment("duopoly_bayesian", ["training.device=cuda"])
    if said is None:
        assert place.device_of(asked) == torch.device("cuda")
        return
    for begin in (lambda: backend_for(asked), lambda: prepare(asked, tmp_path / "runs")):
        with pytest.raises(PacesetterError, match=said) as refused:
            begin()
        assert "set training.device: cpu" in str(refused.value)
    assert not (tmp_path / "runs").exists()


def test_more_memory_than_is_free_is_refused_before_it_is_asked_for(monkeypatch):
    """The number of copies that is proposed fits."""
    monkeypatch.setattr(place, "free_memory", lambda name: 2e9)
    many = ["training.device=cpu", "training.copies=100000"]
    with pytest.raises(PacesetterError, match="GB are free") as refused:
        place.device_of(load_experiment("household_tax_bayesian", many))
    proposed = str(refused.value).partition("training.copies to ")[2].split()[0]
    fewer = ["training.device=cpu", f"training.copies={proposed}"]
    assert place.device_of(load_experiment("household_tax_bayesian", fewer)).type == "cpu"


def test_the_estimate_of_memory_is_near_what_is_taken():
    """Tensors of a sampler alone, which are the larger part; the estimate has minibatches too."""
    from pacesetter.training.ppo.device.sampler import DeviceSampler

    asked = load_experiment("household_tax_bayesian", ["training.device=cpu"])
    recorder = DeviceSampler(asked.bound())._horizon.recorders["household"]
    taken = sum(
        value.numel() * value.element_size()
        for value in vars(recorder).values()
        if isinstance(value, torch.Tensor)
    )
    assert taken < place.memory_needed(asked) < 8 * taken
