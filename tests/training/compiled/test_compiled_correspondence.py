"""The compiled loops beside the torch functions that they stand in for."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
import torch
from gymnasium.spaces import Box, Discrete

from pacesetter.training.compiled import elementwise
from pacesetter.training.compiled.softmax import softmax
from pacesetter.training.compiled.vectors import LANES
from pacesetter.training.policies import inference
from pacesetter.training.policies.distributions import likelihood
from pacesetter.training.policies.network import ActorCritic
from pacesetter.training.ppo import columns as names
from pacesetter.training.ppo.blocks import BlockGradient
from pacesetter.training.ppo.gradients import LossOptions, write_gradient
from pacesetter.training.ppo.update import (
    FlatParameters,
    NonFiniteTrainingError,
    Trainee,
    UpdateOptions,
)

OBSERVATIONS = 5
SPACES = {
    "normal": Box(-1.0, 1.0, (2,), np.float32),
    "three_actions": Discrete(3),
    "forty_actions": Discrete(40),
}


def module_of(space, activation="tanh", scheduled=False, hidden=(16, 8)):
    options = {
        "seed": 3,
        "hidden_layers": list(hidden),
        "activation": activation,
        "value_scale": 2.0,
        "initial_action": None,
        "initial_action_deviation": 0.5,
        "deviation_schedule": [[0, -0.7], [9, -1.0]] if scheduled else None,
    }
    module = ActorCritic(Box(-1.0, 1.0, (OBSERVATIONS,), np.float32), space, options)
    generator = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.add_(0.3 * torch.randn(parameter.shape, generator=generator))
    return module


def batch_of(module, space, rows, prices=True):
    generator = torch.Generator().manual_seed(2)

    def normal(*shape):
        return torch.randn(shape, generator=generator)

    discrete = isinstance(space, Discrete)
    observations = normal(rows, OBSERVATIONS)
    if discrete:
        actions = torch.randint(0, int(space.n), (rows,), generator=generator)
    else:
        actions = normal(rows, *space.shape)
    with torch.no_grad():
        inputs = module.distribution_inputs(observations)
    chosen = likelihood(inputs, actions, discrete).log_probability
    columns = {
        names.OBSERVATIONS: observations,
        names.ACTIONS: actions,
        names.LOG_PROBABILITY: chosen + 0.3 * normal(rows),  # some ratios are clipped
        names.ADVANTAGES: normal(rows),
        names.VALUE_TARGETS: normal(rows),
        names.DISTRIBUTION_INPUTS: inputs + 0.1 * normal(*inputs.shape),
    }
    if prices:
        columns[names.INFORMATION_PRICE] = torch.rand(rows, generator=generator)
    return columns


@pytest.mark.parametrize("kind", SPACES)
@pytest.mark.parametrize("activation", ["tanh", "relu"])
def test_gradient_and_terms_equal_those_in_torch(kind, activation):
    space = SPACES[kind]
    for prices, kl_coefficient in product((False, True), (None, 0.3)):
        module = module_of(space, activation)
        flat = FlatParameters(module)
        columns = batch_of(module, space, 1_300, prices)
        options = LossOptions(0.2, 0.7, 0.02, kl_coefficient)
        terms = write_gradient(module, columns, options, report=True)
        expected = flat.gradient.clone()
        order = torch.randperm(1_300, generator=torch.Generator().manual_seed(4))
        write = BlockGradient(module, flat.buffer.data, flat.gradient).of(columns, order, options)
        flat.gradient.fill_(np.nan)
        assert write(0, 1_300, True) == pytest.approx(terms, rel=1e-4, abs=1e-6)
        torch.testing.assert_close(flat.gradient, expected, rtol=1e-4, atol=1e-6)


def test_scheduled_deviations_are_left_alone():
    module = module_of(SPACES["normal"], scheduled=True)
    flat = FlatParameters(module)
    columns = batch_of(module, SPACES["normal"], 64)
    write = BlockGradient(module, flat.buffer.data, flat.gradient).of(
        columns, torch.arange(64), LossOptions(0.2, 1.0, 0.0, None)
    )
    write(0, 64, False)
    assert (flat.gradient[:2] == 0.0).all() and (flat.gradient[2:] != 0.0).any()


def test_threads_share_the_blocks_and_leave_the_result():
    space = SPACES["three_actions"]
    module = module_of(space)
    flat = FlatParameters(module)
    columns, order = batch_of(module, space, 4_500), torch.arange(4_500)
    options, results = LossOptions(0.2, 1.0, 0.01, None), []
    for threads in (1, 3):
        blocks = BlockGradient(module, flat.buffer.data, flat.gradient, threads)
        for _ in range(6):  # alone and together, as the crew tries both
            blocks.of(columns, order, options)(0, 4_500, False)
            results.append(flat.gradient.clone())
    for result in results[1:]:
        assert torch.equal(result, results[0])


@pytest.mark.parametrize("kind", SPACES)
def test_an_update_equals_that_in_torch(kind):
    space, results = SPACES[kind], []
    for compiled in (True, False):
        module = module_of(space)
        flat = FlatParameters(module)
        optimizer = flat.optimizer()
        optimizer.param_groups[0]["lr"] = 1e-3
        trainee = Trainee("followers", module, flat, optimizer)
        assert trainee.compiled
        if not compiled:
            trainee.through_torch()
        options = UpdateOptions(2, 256, 0.5, LossOptions(0.2, 1.0, 0.01, None))
        columns = batch_of(module, space, 1_000)
        terms = trainee.update(columns, options, torch.Generator().manual_seed(5))
        results.append((flat.buffer.detach().clone(), terms))
    (ours, our_terms), (theirs, their_terms) = results
    torch.testing.assert_close(ours, theirs, rtol=0.0, atol=1e-5)
    assert our_terms == pytest.approx(their_terms, rel=1e-3, abs=1e-5)


def test_what_is_not_finite_is_told_and_not_taken():
    space = SPACES["normal"]
    module = module_of(space)
    flat = FlatParameters(module)
    trainee = Trainee("households", module, flat, flat.optimizer())
    columns = batch_of(module, space, 64)
    columns[names.ADVANTAGES][7] = np.nan
    before = flat.buffer.detach().clone()
    options = UpdateOptions(1, None, 0.5, LossOptions(0.2, 1.0, 0.0, None))
    with pytest.raises(NonFiniteTrainingError, match="'households' is not finite"):
        trainee.update(columns, options, torch.Generator())
    assert torch.equal(flat.buffer, before)


def test_networks_are_evaluated_as_in_torch():
    for activation, rows in product(("tanh", "relu", "silu"), (0, 1, 700, 3_000)):
        module = module_of(SPACES["normal"], activation)
        seen = torch.randn((rows, OBSERVATIONS), generator=torch.Generator().manual_seed(6))
        with torch.no_grad():
            expected = module.distribution_inputs(seen), module.values(seen)
        ours = inference.distribution_inputs(module, seen), inference.values(module, seen)
        torch.testing.assert_close(ours, expected, rtol=1e-4, atol=1e-5)


def test_loops_know_what_they_can_go_through():
    assert BlockGradient.knows(module_of(SPACES["normal"], "relu"))
    assert not BlockGradient.knows(module_of(SPACES["normal"], "silu"))
    assert not BlockGradient.knows(module_of(SPACES["normal"]).double())


def test_tanh_and_exp_theory():
    values = np.linspace(-12.0, 12.0, 4_001, dtype=np.float32)
    found = np.array([elementwise.tanh(value) for value in values])
    np.testing.assert_allclose(found, np.tanh(values.astype(float)), atol=5e-7)
    assert np.isnan(elementwise.tanh(np.float32(np.nan)))
    result, whole = np.empty_like(values), np.empty(len(values), np.int32)
    elementwise.exp_beyond(np.float32(12.0), 7.0 * values - 72.0, result, whole)
    exact = np.exp(7.0 * values.astype(float) - 84.0)
    inside = 7.0 * values - 84.0 > -86.0
    np.testing.assert_allclose(result[inside], exact[inside], rtol=3e-5)
    assert (result[~inside] <= np.exp(-85.0)).all()
    elementwise.exp_beyond(np.float32(0.0), 7.0 * values, result, whole)
    within = np.abs(7.0 * values) < 80.0
    np.testing.assert_allclose(result[within], np.exp(7.0 * values[within]), rtol=3e-6)
    beyond = np.array([100.0, 88.3, np.inf, np.nan], np.float32)
    elementwise.exp_beyond(np.float32(0.0), beyond, beyond, whole[:4])
    assert (beyond[:3] > 1e38).all() and np.isnan(beyond[3])


@pytest.mark.parametrize("count", [1, 3, LANES, LANES + 1, 5 * LANES - 1, 101])
def test_softmax_theory(count):
    generator = np.random.default_rng(count)
    values = 8.0 * generator.standard_normal(3 * count + 2).astype(np.float32)
    result, first = np.full_like(values, -1.0), count + 1
    most, total, weighted = softmax(values, first, count, result, first)
    own = values[first : first + count].astype(float)
    exact = np.exp(own - own.max())
    assert most == own.max()
    np.testing.assert_allclose(result[first : first + count], exact, rtol=3e-6)
    np.testing.assert_allclose([total, weighted], [exact.sum(), exact @ own], rtol=1e-5)
    assert (result[:first] == -1.0).all() and (result[first + count :] == -1.0).all()
    values[first] = np.nan
    assert np.isnan(softmax(values, first, count, result, first)[1])
