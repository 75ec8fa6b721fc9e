"""Policies that act on NumPy, and as ONNX graphs, decide what the torch policies decide."""

from __future__ import annotations

import json
import sys

import numpy as np
import onnxruntime
import pytest
import torch
from gymnasium.spaces import Discrete
from safetensors.numpy import load_file, save_file
from timing import least_printed, least_processor_seconds

import pacesetter
from pacesetter.envs.core.errors import PacesetterError
from pacesetter.training.cli import main
from pacesetter.training.experiments.load import load_experiment
from pacesetter.training.experiments.shipped import shipped_experiments
from pacesetter.training.policies.actions import to_action_space
from pacesetter.training.policies.distributions import most_likely
from pacesetter.training.policies.policies import Policies
from pacesetter.training.policies.specification import LEADER, module_spaces
from pacesetter.training.runs.run_folder import RunFolder

KINDS = {
    "discrete, with a leader": ("cobweb_unstable_ppo",),
    "normal": ("market_maker_preferences",),
    "smooth": ("duopoly_gradient",),
    "relu": ("duopoly_fixed", "followers.activation=relu"),
    "silu": ("duopoly_fixed", "followers.activation=silu"),
    "two entries": ("household_tax_ppo", "market.households=3"),
    "orders": ("execution_conditional",),
    "entry": ("market_entry_ppo",),
    "hours": ("labour_tax_ppo",),
    "prices": ("shops_leader_ppo",),
    "base stock": ("shops_base_stock",),
    "shops and customers": ("shops_learning",),
    "makers and investors": ("dealers_both",),
    "ladders": ("fx_dealer_learning",),
    "quotes": ("otc_rfq_learning",),
    "savings": ("aiyagari",),
}
"""A run of every kind of network, action and market that is shipped."""


def trained_run(parent, experiment, *overrides):
    """A run as training leaves it, with weights that are far from their beginning."""
    run = RunFolder.create(parent, load_experiment(experiment, overrides), "run")
    policies = Policies.untrained(run.experiment)
    generator = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for module in policies.modules.values():
            for weights in module.parameters():
                weights += 0.3 * torch.randn(weights.shape, generator=generator)
    policies.save(run.path / "policies")
    return run, policies


def observations_of(policy, number=64):
    policy.observation_space.seed(0)
    drawn = np.stack([policy.observation_space.sample() for _ in range(number)])
    return np.clip(np.nan_to_num(drawn), -3.0, 3.0).astype(np.float32)


def test_every_market_in_which_somebody_learns_is_among_the_kinds():
    learn = {
        experiment.market.name
        for experiment in map(load_experiment, shipped_experiments())
        if module_spaces(experiment)
    }
    assert learn == {load_experiment(name, rest).market.name for name, *rest in KINDS.values()}


@pytest.mark.parametrize("kind", KINDS)
def test_numpy_and_onnx_equal_torch(kind, tmp_path):
    run, policies = trained_run(tmp_path, *KINDS[kind])
    served = pacesetter.load_policies(run.path)
    assert list(served) == list(policies.modules)
    assert main(["export", str(run.path), "--onnx"]) == 0
    for name, policy in served.items():
        observations = observations_of(policy)
        with torch.inference_mode():
            inputs = policies.modules[name].distribution_inputs(torch.from_numpy(observations))
        discrete = isinstance(policy.action_space, Discrete)
        mode = most_likely(inputs, discrete).numpy()
        of_torch = inputs.numpy() if discrete else mode
        np.testing.assert_allclose(policy.outputs(observations), of_torch, atol=1e-5, rtol=1e-5)
        if name == LEADER:
            expected = policy.market.characteristics.from_action(mode)
        else:
            bounds = run.experiment.followers_of(name).action_bounds
            expected = to_action_space(mode, policy.action_space, bounds)
        np.testing.assert_allclose(policy.act(observations), expected, atol=1e-5, rtol=1e-5)
        one = policy.act(observations[0])
        np.testing.assert_allclose(one, expected[0], atol=1e-5, rtol=1e-5)

        session = onnxruntime.InferenceSession(str(run.path / "onnx" / f"{name}.onnx"))
        outputs = {output.name for output in session.get_outputs()}
        found = session.run(None, {"observation": observations})
        by_name = dict(zip([o.name for o in session.get_outputs()], found, strict=True))
        np.testing.assert_allclose(
            by_name["logits" if discrete else "mean"], of_torch, atol=1e-5, rtol=1e-5
        )
        assert ("action" in outputs) == (name != LEADER)
        if name != LEADER:
            np.testing.assert_allclose(by_name["action"], expected, atol=1e-5, rtol=1e-5)


def test_draws_have_the_policy_s_distribution(tmp_path):
    run, _ = trained_run(tmp_path, "market_entry_ppo")
    policy = pacesetter.load_policy(run.path)
    row = observations_of(policy, 1)
    drawn = policy.act(np.repeat(row, 20_000, axis=0), draw=True, seed=0)
    share, (_, entering) = drawn.mean(), policy.probabilities(row[0])
    assert abs(share - entering) < 4 * (entering * (1 - entering) / 20_000) ** 0.5
    again = policy.act(np.repeat(row, 20_000, axis=0), draw=True, seed=0)
    np.testing.assert_array_equal(drawn, again)

    run, _ = trained_run(tmp_path / "normal", "market_maker_preferences")
    policy = pacesetter.load_policy(run.path)
    row = observations_of(policy, 1)
    spread = policy.act(np.repeat(row, 5_000, axis=0), draw=True, seed=0)
    assert spread.shape == (5_000, 1) and np.ptp(spread) > 0
    assert (spread >= policy.action_space.low).all() and (spread <= policy.action_space.high).all()
    with pytest.raises(PacesetterError, match="no probability"):
        policy.probabilities(row)


def test_theta_replaces_what_the_observation_says(tmp_path):
    run, _ = trained_run(tmp_path, "market_maker_preferences")
    policy = pacesetter.load_policy(run.path)
    market = policy.market
    weights = np.array([[0.0], [0.3], [1.0]])
    seen = market.observe(market.reset(0, 3, weights))["market_maker"][:, 0]
    blank = np.array(seen)
    blank[:, -1] = 9.0
    np.testing.assert_array_equal(policy.act(blank, weights), policy.act(seen))
    for row, weight in zip(seen, weights, strict=True):
        np.testing.assert_array_equal(
            policy.act(np.append(row[:-1], 9.0), {"profit_weight": weight[0]}), policy.act(row)
        )
    for theta, said in (
        ({"profit_weight": 1.5}, "must lie in"),
        ({"profit_wait": 0.5}, "did you mean 'profit_weight'"),
        ([np.nan], "must lie in"),
        ([0.1, 0.2], "must be 1 number"),
    ):
        with pytest.raises(PacesetterError, match=said):
            policy.act(seen, theta)


def test_what_cannot_be_an_observation_is_refused(tmp_path):
    run, _ = trained_run(tmp_path, "cobweb_unstable_ppo")
    policy = pacesetter.load_policy(run.path)
    for bad, said in (
        (np.zeros(3), r"has 4 entries, shape \(4,\) or \(n, 4\); got shape \(3,\)"),
        (np.zeros((2, 2, 4)), "has 4 entries"),
        ("much", "has 4 entries"),
        (1.0, "has 4 entries"),
        (np.array([0.0, np.nan, 0.0, 0.0]), r"entry \(1,\) of the observation is nan"),
        (np.full((2, 4), np.inf), "is inf, which is no finite number"),
    ):
        with pytest.raises(PacesetterError, match=said):
            policy.act(bad)
    with pytest.raises(PacesetterError, match=r"unknown policy of .*did you mean 'producer'"):
        pacesetter.load_policy(run.path, "produce")


def test_policies_of_another_version_or_market_are_refused(tmp_path, capsys):
    run, _ = trained_run(tmp_path, "cobweb_unstable_ppo")
    path = run.path / "policies" / "producer.safetensors"
    kept, stored = path.read_bytes(), load_file(path)
    save_file(stored | {"actor.0.weight": np.zeros((64, 9), np.float32)}, path)
    with pytest.raises(PacesetterError, match=r"is \(64, 9\).*of another market"):
        pacesetter.load_policy(run.path)
    path.write_bytes(kept[:100])
    with pytest.raises(PacesetterError, match="cannot be read"):
        pacesetter.load_policy(run.path)
    path.unlink()
    with pytest.raises(PacesetterError, match="The run has not finished"):
        pacesetter.load_policy(run.path)
    path.write_bytes(kept)

    versions = json.loads((run.path / "versions.json").read_text())
    (run.path / "versions.json").write_text(json.dumps(versions | {"pacesetter": "0.0.7"}))
    with pytest.raises(PacesetterError, match=r"was made by Pacesetter 0\.0\.7, and this is"):
        pacesetter.load_policy(run.path)
    assert main(["export", str(run.path), "--onnx"]) == 2
    assert "0.0.7" in capsys.readouterr().err
    assert pacesetter.load_policy(run.path, any_version=True).name == "producer"


def test_an_export_without_the_extra_says_what_to_install(tmp_path, monkeypatch, capsys):
    run, _ = trained_run(tmp_path, "duopoly_fixed")
    monkeypatch.setitem(sys.modules, "onnx", None)
    assert main(["export", str(run.path), "--onnx"]) == 2
    assert "pip install 'pacesetter[onnx]'" in capsys.readouterr().err
    assert not (run.path / "onnx").exists()


def test_a_policy_acts_without_ray_or_torch_soon_and_often(tmp_path):
    """From a cold start within a second, then within 50 µs a call, of this processor's time."""
    run, _ = trained_run(tmp_path, "cobweb_unstable_ppo")
    program = f"""
import sys, time
class Missing:
    def find_spec(self, name, *_):
        if name.partition(".")[0] in ("ray", "torch"):
            raise ModuleNotFoundError(name=name)
sys.meta_path.insert(0, Missing())
import numpy as np
import pacesetter
policy = pacesetter.load_policy({str(run.path)!r})
policy.act(np.zeros(4), {{"mean_information_cost": 0.2}})
print(time.process_time())
"""
    assert least_printed(program, 1.0) < 1.0
    policy = pacesetter.load_policy(run.path)
    theta, row = {"mean_information_cost": 0.2}, np.zeros(4, np.float32)
    policy.act(row, theta)

    def often():
        for _ in range(1000):
            policy.act(row, theta)

    assert least_processor_seconds(often, 50e-3) < 50e-3
