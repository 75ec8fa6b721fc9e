"""What runs on a device does what runs on the processor: markets, minibatches, advantages."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from pacesetter.envs.core.arrays import detached
from pacesetter.envs.core.state import changed
from pacesetter.envs.registry import make
from pacesetter.training.experiments.load import load_experiment
from pacesetter.training.policies.network import ActorCritic
from pacesetter.training.policies.specification import model_config, module_spaces
from pacesetter.training.ppo import columns as names
from pacesetter.training.ppo.advantages import module_columns
from pacesetter.training.ppo.device.mirror import mirror_of, padded
from pacesetter.training.ppo.device.sampler import DeviceSampler
from pacesetter.training.ppo.device.trainee import DeviceTrainee
from pacesetter.training.ppo.gradients import LossOptions
from pacesetter.training.ppo.rollout import ModuleRollout
from pacesetter.training.ppo.update import (
    FlatParameters,
    NonFiniteTrainingError,
    Trainee,
    UpdateOptions,
)

MARKETS = {
    "household_economy": {"households": 12},
    "cobweb": {},
    "market_maker": {},
    "duopoly": {"followers": 3},
    "labour_tax": {"households": 30},
    "market_entry": {},
    "dealers": {},
    "shops": {},
}
COPIES, STEPS = 5, 6
CPU = torch.device("cpu")


def draws(shocks, generator, shape):
    return {
        name: generator.standard_normal((*shape, *shock.shape))
        if shock.kind == "normal"
        else generator.random((*shape, *shock.shape))
        for name, shock in shocks.items()
    }


def actions_of(market, generator):
    chosen = {}
    for group in market.groups:
        space, shape = group.action_space, (COPIES, group.size)
        if hasattr(space, "n"):
            chosen[group.name] = generator.integers(0, space.n, shape)
        else:
            share = generator.random((*shape, *space.shape), dtype=np.float32)
            chosen[group.name] = space.low + (0.3 + 0.4 * share) * (space.high - space.low)
    return chosen


def single(values):
    return {
        name: torch.as_tensor(v, dtype=None if v.dtype == np.int64 else torch.float32)
        for name, v in values.items()
    }


@pytest.mark.parametrize("name", MARKETS)
def test_a_market_under_given_shocks_is_that_of_numpy(name):
    """Single precision on the device against double in NumPy: 1e-5 of the size of what is told."""
    market, generator = make(name, **MARKETS[name]), np.random.default_rng(4)
    theta = market.characteristics.draw(generator, COPIES)
    first = draws(market.reset_shocks, generator, (COPIES,))
    state = market.begin(theta, first)
    other = market.begin(torch.as_tensor(theta, dtype=torch.float32), single(first))
    for _ in range(min(STEPS, market.steps_per_episode)):
        seen, also = market.observe(state), market.observe(other)
        for group in market.groups:
            close(also[group.name], seen[group.name])
        actions, shocks = (
            actions_of(market, generator),
            draws(market.step_shocks, generator, (COPIES,)),
        )
        step = market.transition(state, actions, shocks)
        beside = market.transition(other, single(actions), single(shocks))
        for group in market.groups:
            close(beside.rewards[group.name], step.rewards[group.name])
        for quantity, value in step.quantities.items():
            close(beside.quantities[quantity], value)
        assert beside.state.theta.dtype == torch.float32
        state, other = step.state, beside.state


def close(found, expected):
    expected = np.asarray(expected, dtype=np.float64)
    scale = max(1.0, float(np.abs(expected).max()))
    np.testing.assert_allclose(detached(found) / scale, expected / scale, atol=1e-5, rtol=0)


def experiment(name="household_tax_bayesian", *more):
    small = ["market.households=6", "market.periods=7"] if name.startswith("household") else []
    return load_experiment(
        name,
        [
            *small,
            "training.route=local",
            "training.device=cpu",
            "training.copies=4",
            "training.rollout_steps=10",
            "followers.hidden_layers=[9, 8]",
            "followers.minibatch_size=70",
            *more,
        ],
    )


def module_of(asked):
    (group,) = asked.market.groups
    observation, action = module_spaces(asked)[group.name]
    return ActorCritic(observation, action, model_config(asked, group.name)).eval()


def batch(asked, rows=300):
    generator = torch.Generator().manual_seed(3)
    (group,) = asked.market.groups
    module = module_of(asked)
    seen = torch.randn((rows, group.observation_space.shape[0]), generator=generator)
    with torch.no_grad():
        inputs = module.distribution_inputs(seen)
    discrete = module.log_deviation is None
    actions = (
        torch.randint(0, inputs.shape[1], (rows,), generator=generator)
        if discrete
        else inputs.chunk(2, -1)[0]
        + 0.3 * torch.randn(inputs.chunk(2, -1)[0].shape, generator=generator)
    )
    columns = {
        names.OBSERVATIONS: seen,
        names.ACTIONS: actions,
        names.LOG_PROBABILITY: torch.full((rows,), -0.5 if not discrete else -4.6),
        names.ADVANTAGES: torch.randn(rows, generator=generator),
        names.VALUE_TARGETS: torch.randn(rows, generator=generator),
    }
    if discrete:
        columns[names.INFORMATION_PRICE] = torch.rand(rows, generator=generator)
    return columns


@pytest.mark.parametrize("name", ["household_tax_bayesian", "cobweb_unstable_bayesian"])
@pytest.mark.parametrize("activation", ["tanh", "relu", "silu"])
def test_an_update_is_that_of_the_processor(name, activation):
    """Twice, so that weights and moments have been to main memory and back."""
    asked = experiment(name, f"followers.activation={activation}")
    loss = LossOptions(0.2, 1.0, 0.01, None)
    options, columns = UpdateOptions(3, 70, 0.5, loss), batch(asked)
    wide = dict(columns)
    width = columns[names.OBSERVATIONS].shape[1]
    wide[names.OBSERVATIONS] = torch.zeros((300, padded(width)))
    wide[names.OBSERVATIONS][:, :width] = columns[names.OBSERVATIONS]
    told, flats = [], []
    for kind, data in ((Trainee, columns), (DeviceTrainee, wide)):
        module = module_of(asked)
        flat = FlatParameters(module)
        place = (CPU,) if kind is DeviceTrainee else ()
        trainee = kind("group", module, flat, flat.optimizer(), *place)
        shuffle = torch.Generator().manual_seed(1)
        told.append([trainee.update(dict(data), options, shuffle) for _ in range(2)])
        state = trainee.optimizer.state[flat.buffer]
        flats.append((flat.buffer.detach(), state["exp_avg"], state["exp_avg_sq"]))
        assert float(state["step"]) == 2 * 3 * 4
    for one, other in zip(*flats, strict=True):
        torch.testing.assert_close(other, one, rtol=1e-4, atol=2e-6)
    for one, other in zip(*told, strict=True):
        assert other == pytest.approx(one, rel=1e-3, abs=1e-5)


def test_a_gradient_that_is_not_finite_moves_nothing():
    asked = experiment()
    module, columns = module_of(asked), batch(asked)
    columns[names.ADVANTAGES][5] = torch.nan
    width = columns[names.OBSERVATIONS].shape[1]
    assert padded(width) == width
    flat = FlatParameters(module)
    before = flat.buffer.detach().clone()
    trainee = DeviceTrainee("household", module, flat, flat.optimizer(), CPU)
    options = UpdateOptions(1, None, 0.5, LossOptions(0.2, 1.0, 0.0, None))
    with pytest.raises(NonFiniteTrainingError, match="'household' is not finite"):
        trainee.update(columns, options, torch.Generator().manual_seed(0))
    torch.testing.assert_close(flat.buffer.detach(), before, rtol=0, atol=0)


@pytest.mark.parametrize("name", ["household_tax_bayesian", "cobweb_unstable_bayesian"])
def test_advantages_are_those_of_the_same_rollout_in_numpy(name):
    """Episodes are cut within the rollout and at its end."""
    asked = experiment(name, *(["market.periods=7"] if "cobweb" in name else []))
    module = module_of(asked)
    (group,) = asked.market.groups
    rollout = DeviceSampler(asked.bound()).sample({group.name: module}).modules[group.name]
    width = group.observation_space.shape[0]
    fields = {n: None if v is None else np.array(v) for n, v in vars(rollout).items()}
    fields["observations"] = np.ascontiguousarray(fields["observations"][..., :width])
    fields["boot_observations"] = np.ascontiguousarray(fields["boot_observations"][..., :width])
    assert fields["boot_index"].shape == (2, 2 * 4 * group.size)
    expected = module_columns(module, ModuleRollout(**fields), 0.9, 0.8)
    found = module_columns(module, rollout, 0.9, 0.8)
    assert found.keys() == expected.keys()
    for name, column in found.items():
        column = column[:, :width] if name == names.OBSERVATIONS else column
        torch.testing.assert_close(column, expected[name], rtol=1e-4, atol=1e-5)


def test_a_mirror_decides_as_its_module():
    asked = experiment("cobweb_unstable_bayesian")
    module = module_of(asked)
    mirror = mirror_of(module, CPU)
    seen = torch.randn((7, 4))
    torch.testing.assert_close(mirror.inputs_of_actions(seen), module.distribution_inputs(seen))
    torch.testing.assert_close(mirror.looked_up(seen), module.values(seen))
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.mul_(1.5)
    assert mirror_of(module, CPU) is mirror
    torch.testing.assert_close(mirror.looked_up(seen), module.values(seen))


def test_states_whose_fields_follow_each_other_are_kept():
    """A price that was another field's tensor is read before it is overwritten."""
    asked = experiment("market_maker_preferences")
    sampler = DeviceSampler(asked.bound())
    horizon = sampler._horizon
    old = horizon.state
    old.price.fill_(7.0)
    horizon.keep(changed(old, price=old.price + 1.0, previous_price=old.price))
    assert (horizon.state.price == 8.0).all() and (horizon.state.previous_price == 7.0).all()
