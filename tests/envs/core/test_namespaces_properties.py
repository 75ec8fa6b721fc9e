"""Whatever namespace θ comes in, everything stays in it, on its device and with its gradient."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from pacesetter.envs.check.play import ActionSource
from pacesetter.envs.core.arrays import convert, detached, interpolated, is_tensor, surely_none
from pacesetter.envs.core.characteristics import (
    Characteristic,
    Characteristics,
    LinearConstraint,
)
from pacesetter.envs.core.errors import PacesetterError
from pacesetter.envs.core.random_streams import RandomStream
from pacesetter.envs.parallel import parallel_env
from pacesetter.envs.registry import MARKETS, make

COPIES = 3
SPACE = Characteristics(
    [Characteristic("tax", -1.0, 3.0, 0.5, "EUR"), Characteristic("fee", 0.0, 2.0, 1.0)],
    constraints=[LinearConstraint({"tax": 1.0, "fee": 1.0}, 4.0)],
    because="Lower one of them.",
)
IN_TORCH = [
    (name, options)
    for name, found in MARKETS.items()
    if "torch" in found.namespaces
    for options in found.variants
]
IN_NUMPY_ALONE = [name for name, found in MARKETS.items() if "torch" not in found.namespaces]
ON_TORCH = pytest.mark.parametrize(("name", "options"), IN_TORCH)


def leaf(values, dtype=torch.float64):
    return torch.tensor(values, dtype=dtype, requires_grad=True)


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
@pytest.mark.parametrize("values", [[0.25, 1.5], [[0.25, 1.5]] * COPIES])
def test_a_tensor_is_checked_and_goes_on_with_its_gradient(values, dtype):
    theta = leaf(values, dtype)
    found = SPACE.validate(theta, COPIES)
    assert found.dtype == torch.float64 and found.device == theta.device
    np.testing.assert_array_equal(found.detach(), SPACE.validate(values, COPIES))
    found.sum().backward()
    assert (theta.grad == COPIES / (theta.numel() / 2)).all()
    with torch.no_grad():
        theta += 1.0  # what was checked is not what the caller holds
    np.testing.assert_array_equal(found.detach(), SPACE.validate(values, COPIES))


def test_tensors_by_name_go_on_with_their_gradients():
    fee = leaf(1.5)
    found = SPACE.validate({"fee": fee}, COPIES)
    np.testing.assert_array_equal(found.detach(), SPACE.validate({"fee": 1.5}, COPIES))
    found.sum().backward()
    assert fee.grad == COPIES
    with pytest.raises(PacesetterError, match="did you mean 'fee'"):
        SPACE.validate({"fees": fee})


@pytest.mark.parametrize(
    "values",
    [
        [0.5, 5.0],
        [0.5, float("nan")],
        [3.0, 1.5],
        [0.5, 1.0, 1.0],
        [[0.5, 1.0]] * (COPIES + 1),
        [[[0.5, 1.0]] * COPIES] * 2,
    ],
)
def test_a_tensor_is_refused_like_an_array(values):
    with pytest.raises(PacesetterError) as of_array:
        SPACE.validate(values, COPIES)
    for theta in (leaf(values), torch.tensor(values)):
        with pytest.raises(PacesetterError) as of_tensor:
            SPACE.validate(theta, COPIES)
        said, expected = (str(e.value).split("; got")[0] for e in (of_tensor, of_array))
        assert said == expected


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 2**32))
def test_maps_of_theta_do_the_same_to_tensors(seed):
    generator = np.random.default_rng(seed)
    unit, action = generator.random((4, 2)), generator.uniform(-1.3, 1.3, (4, 2))
    maps = [(SPACE.from_unit, unit), (SPACE.to_unit, SPACE.from_unit(unit))]
    maps.append((SPACE.from_action, action))
    for function, values in maps:
        tensor = leaf(values)
        found = function(tensor)
        np.testing.assert_allclose(found.detach(), function(values), rtol=1e-12, atol=1e-12)
        (slopes,) = torch.autograd.grad(found.sum(), tensor)
        up, down = (function(values + sign * 1e-7).sum() for sign in (1, -1))
        assert float(slopes.sum()) == pytest.approx((up - down) / 2e-7, rel=1e-5, abs=1e-6)


def arrays_of(state):
    return [value for value in vars(state).values() if not isinstance(value, RandomStream)]


@ON_TORCH
def test_a_play_stays_in_the_namespace_of_theta(name, options):
    market = make(name, **options)
    source = ActionSource(market, range(COPIES))
    theta = leaf(market.characteristics.draw(np.random.default_rng(0), COPIES))
    with_default = market.reset(0, COPIES, like=theta)
    states = [market.reset(0, COPIES, theta), market.set_characteristics(with_default, theta)]
    # A state of NumPy's follows a tensor; one in torch keeps what it is given there.
    states.append(market.set_characteristics(market.reset(0, COPIES), theta))
    states.append(market.reset(0, COPIES, theta, like=np.zeros(1)))
    for state in states:
        step = market.step(state, source.draw())
        for finished in (np.array([True, False, True]), torch.tensor([True, True, True])):
            state = market.restart(step.state, finished)
            assert all(map(is_tensor, arrays_of(state)))
            assert state.theta.requires_grad and state.theta.dtype == torch.float64
            assert detached(state.clock).tolist() == (~np.asarray(finished)).astype(int).tolist()
        numbers = market.set_characteristics(state, market.characteristics.default)
        assert is_tensor(numbers.theta) and not numbers.theta.requires_grad
        (slopes,) = torch.autograd.grad(state.theta.sum(), theta)
        assert (slopes == 1).all()


@ON_TORCH
def test_a_play_stays_on_its_device(name, options):
    """The meta device has no values, and refuses to be mixed with any other."""
    market = make(name, **options)
    source, like = ActionSource(market, range(COPIES)), torch.empty(1, device="meta")
    state = market.reset(0, COPIES, like=like)
    for _ in range(2):
        step = market.step(state, source.draw())
        seen = [*market.observe(step.state).values(), market.leader_observe(step.state)]
        brought = [*step.rewards.values(), *step.quantities.values(), step.terminated]
        for array in [*seen, *brought, *arrays_of(step.state)]:
            assert array.device == like.device
        state = market.restart(step.state, np.array([True, False, True]))
        state = market.set_characteristics(state, market.characteristics.default)


@pytest.mark.parametrize("name", IN_NUMPY_ALONE)
def test_a_market_of_numpy_alone_refuses_tensors(name):
    market = make(name)
    theta = torch.tensor(market.characteristics.default)
    state = market.reset(0, 1)
    for call in (
        lambda: market.reset(0, 1, theta),
        lambda: market.reset(0, 1, like=theta),
        lambda: market.set_characteristics(state, theta),
    ):
        with pytest.raises(PacesetterError, match=r"runs in numpy alone.*theta\.detach\(\)\.cpu"):
            call()


def test_the_dictionary_view_stays_with_numbers():
    view = parallel_env("duopoly", theta=torch.tensor([3.0]))
    view.set_characteristics(leaf([5.0]))
    observations, _ = view.reset(seed=0)
    assert isinstance(observations["follower_0"], np.ndarray)
    assert view.theta == {"leader_quantity": 5.0}


def test_a_state_moves_and_is_put_back_together_with_its_gradient():
    market = make("labour_tax", households=4)
    theta = leaf([[0.2], [0.4], [0.6]])
    state = market.reset(0, COPIES, theta)
    mixed = market.reset(7, COPIES, like=theta).put(np.array([2, 0]), state.take(np.array([0, 1])))
    (slopes,) = torch.autograd.grad(mixed.theta.sum(), theta)
    assert slopes[:, 0].tolist() == [1.0, 1.0, 0.0]
    np.testing.assert_array_equal(mixed.theta.detach()[:, 0], [0.4, 0.0, 0.2])


def test_nothing_is_moved_into_numpy():
    tensor, array = torch.ones(2, dtype=torch.float64), np.ones(2)
    assert convert(tensor, array) is tensor and convert(array, array) is array
    assert is_tensor(convert(array, tensor))
    assert not any(map(is_tensor, (1.0, [1.0], {"a": 1.0}, np.float64(1.0), array)))
    assert surely_none(np, np.array([False])) and not surely_none(np, np.array([True]))
    assert not surely_none(torch, torch.tensor([False]))


@settings(max_examples=50, deadline=None)
@given(seed=st.integers(0, 2**32), corners=st.integers(2, 9))
def test_interpolation_is_that_of_numpy(seed, corners):
    generator = np.random.default_rng(seed)
    places = np.sort(generator.normal(size=corners))
    values = generator.normal(size=corners)
    points = np.concatenate([2 * generator.normal(size=30), places])[None]
    expected = interpolated(np, points, places, values)
    np.testing.assert_array_equal(expected, np.interp(points, places, values, left=0.0, right=0.0))
    tensors = (torch.tensor(x) for x in (points, places, values))
    found = interpolated(torch, *tensors)
    np.testing.assert_allclose(found, expected, rtol=1e-9, atol=1e-9)
