"""The world agent in torch against the compiled loop and plain NumPy, and fits of known agents."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from pacesetter.envs.core.errors import PacesetterError
from pacesetter.envs.core.rollouts import Decisions
from pacesetter.envs.order_book.world import WorldAgent, mirror_actions, mirror_features
from pacesetter.envs.order_book.world.alphabet import HEADS
from pacesetter.envs.order_book.world.features import COUNT, LAGS_AT
from pacesetter.envs.order_book.world.layout import LAG_ENTRIES, LAGS
from pacesetter.envs.order_book.world.network import (
    HIDDEN,
    LOGITS,
    MASKED,
    MEMORY_PARTS,
    NORMALS,
    PARAMETERS,
    PARTS,
    SHAPES,
    WEIGHTS,
    log_probabilities,
)
from pacesetter.envs.order_book.world.recurrent import (
    ROOM,
    infer_recurrent,
    normals_in,
    recalled,
    seen_now,
)
from pacesetter.leaders.world.adversary import (
    REMEMBERED,
    AdversarialFit,
    Critic,
    RecurrentCritic,
)
from pacesetter.leaders.world.agent import AgentNetwork
from pacesetter.leaders.world.keeping import packed, unpacked
from pacesetter.leaders.world.likelihood import LikelihoodFit, mean_loss

TRAINED = [name for name in SHAPES if name != "rate" and not name.endswith("_mask")]
HISTORY = (LAGS_AT, LAGS, LAG_ENTRIES)


def drawn(number, seed=0):
    """Decisions of a law that is easy to know: events by the first feature, all else even."""
    generator = np.random.default_rng(seed)
    features = generator.standard_normal((number, COUNT)).astype(np.float32)
    actions = np.stack([generator.integers(bins, size=number) for bins in HEADS], axis=1)
    buys = 1 / (1 + np.exp(-2 * features[:, 0]))
    actions[:, 0] = np.where(generator.random(number) < buys, 0, 1)
    actions[:, 3] = actions[:, 2]  # the time is told by the size
    return Decisions(features, actions)


def network(decisions, seed=0):
    agent = WorldAgent.initial(seed, decisions.actions, 2.0)
    return AgentNetwork({name: agent.part(name) for name in PARTS}, TRAINED)


def recurrent(decisions, seed=0):
    agent = WorldAgent.initial(seed, decisions.actions, 2.0, recurrent=True)
    return AgentNetwork({name: agent.part(name) for name in SHAPES}, TRAINED, HISTORY)


def test_torch_and_loop_agree():
    decisions = drawn(300)
    agent = WorldAgent.initial(1, decisions.actions, 2.0)
    generator = np.random.default_rng(2)
    agent = agent.with_parameters(agent.parameters + 0.1 * generator.standard_normal(PARAMETERS))
    ours = AgentNetwork({name: agent.part(name) for name in PARTS}, TRAINED)
    found = ours.log_likelihood(
        torch.from_numpy(decisions.features), torch.from_numpy(decisions.actions)
    )
    exact = log_probabilities(agent.weights, decisions.features, decisions.actions)
    assert np.abs(found.detach().numpy() - exact).max() < 1e-5 * max(1, np.abs(exact).max())
    assert sum(p.numel() for p in ours.parameters()) == PARAMETERS
    assert WorldAgent.of(ours.weights()).weights.tolist() == agent.weights.tolist()


def test_a_fit_finds_what_decides():
    decisions, unseen = drawn(20_000), drawn(4_000, seed=1)
    fitted = network(decisions)
    fit = LikelihoodFit(fitted, decisions, None, steps=300, batch=256, rate=0.02)
    first = fit.step(1)
    fit.step(299)
    entropy = np.log(HEADS[1]) + np.log(HEADS[2])
    feature = unseen.features[:, 0].astype(np.float64)
    chance = 1 / (1 + np.exp(-2 * feature))
    entropy -= np.mean(chance * np.log(chance) + (1 - chance) * np.log(1 - chance))
    assert entropy - 0.02 < mean_loss(fitted, unseen) < entropy + 0.5 < first
    with pytest.raises(PacesetterError, match="at least 500"):
        LikelihoodFit(fitted, drawn(10), None, steps=1)


def test_a_fit_goes_on_as_it_would_have():
    decisions = drawn(2_000)
    straight, broken = network(decisions), network(decisions)
    whole = LikelihoodFit(straight, decisions, None, steps=6, batch=64)
    part = LikelihoodFit(broken, decisions, None, steps=6, batch=64)
    for _ in range(2):
        whole.step(3)
    part.step(3)
    again = network(decisions)
    again.load(unpacked(packed(broken.weights())))
    resumed = LikelihoodFit(again, decisions, None, steps=6, batch=64)
    resumed.restore(part.state())
    resumed.step(3)
    for name in straight.weights():
        assert np.array_equal(straight.weights()[name], again.weights()[name]), name


def test_a_mirrored_market_gets_mirrored_decisions():
    """Trained on decisions and their mirror images, an agent hardly knows the sides apart."""
    decisions = drawn(20_000)
    mirrored = Decisions(mirror_features(decisions.features), mirror_actions(decisions.actions))
    fitted = network(Decisions(decisions.features, np.vstack([decisions.actions])))
    LikelihoodFit(fitted, decisions, mirrored, steps=200, batch=256).step(200)
    here, there = mean_loss(fitted, decisions), mean_loss(fitted, mirrored)
    assert abs(here - there) < 0.02


def test_a_symmetrised_head_is_its_mirror_image():
    """Half the logits of a state, half those of its mirror image with sides swapped: exactly."""
    decisions = drawn(50)
    agent = network(decisions)
    swapped = np.arange(HEADS[0]) ^ 1

    def events(features):
        with torch.no_grad():
            of = [agent.outputs(torch.from_numpy(f))[0] for f in (features, mirrored(features))]
        return 0.5 * (of[0] + of[1][:, swapped])

    def mirrored(features):
        return np.ascontiguousarray(mirror_features(features))

    here, there = events(decisions.features), events(mirrored(decisions.features))
    assert torch.equal(here, there[:, swapped])
    assert not torch.allclose(here, here[:, swapped], atol=1e-3)


@pytest.mark.parametrize("history", [None, HISTORY])
@pytest.mark.parametrize("made", [network, recurrent])
def test_the_adversary_draws_what_is_allowed(history, made):
    decisions = drawn(2_000)
    generator = made(decisions)
    before = generator.weights()
    fit = AdversarialFit(generator, decisions, None, batch=64, history=history)
    fit.step(3)
    after = generator.weights()
    moved = {name for name in after if not np.array_equal(before[name], after[name])}
    assert moved == {name for name in TRAINED if name in after}
    again = AdversarialFit(made(decisions), decisions, None, batch=64, history=history)
    again.restore(fit.state())
    assert again.done == fit.done == 3
    _, actions = fit.samples(500)
    masked = generator.event_mask.numpy() == np.float32(MASKED)
    assert masked.any()
    assert not masked[actions[:, 0].numpy()].any()


def test_a_recurrent_critic_reads_the_past_as_the_library_s_own_lstm():
    """From the oldest state on; what is not past is read as by a plain critic."""
    torch.manual_seed(0)
    critic, history = RecurrentCritic(62 + 56, (LAGS_AT, LAGS, LAG_ENTRIES)), LAGS * LAG_ENTRIES
    whole = torch.nn.LSTM(LAG_ENTRIES, REMEMBERED, batch_first=True)
    names = {name: getattr(critic.cell, name.removesuffix("_l0")) for name in whole.state_dict()}
    whole.load_state_dict(names)
    inputs = torch.randn(7, 62 + 56)
    past = inputs[:, LAGS_AT : LAGS_AT + history].reshape(7, LAGS, LAG_ENTRIES).flip(1)
    with torch.no_grad():
        remembered = whole(past)[1][0][0]
        parts = [inputs[:, :LAGS_AT], remembered, inputs[:, LAGS_AT + history :]]
        expected = Critic.forward(critic, torch.cat(parts, dim=1))
        torch.testing.assert_close(critic(inputs), expected)


def test_a_recurrent_agent_is_one_in_the_loop_in_torch_and_in_numpy():
    """Of the same states and normals, all three have the same logits; the LSTM is the library's."""
    decisions = drawn(60)
    agent = WorldAgent.initial(1, decisions.actions, 2.0, recurrent=True)
    generator = np.random.default_rng(2)
    agent = agent.with_parameters(agent.parameters + 0.1 * generator.standard_normal(PARAMETERS))
    ours = AgentNetwork({name: agent.part(name) for name in SHAPES}, TRAINED, HISTORY)
    normals = generator.standard_normal((60, NORMALS)).astype(np.float32)
    ours.normals = lambda number: torch.from_numpy(normals)
    features = torch.from_numpy(decisions.features)
    with torch.no_grad():
        found = ours.log_likelihood(features, torch.from_numpy(decisions.actions)).numpy()
        logits = torch.cat(ours.outputs(features), dim=1).numpy()
    more = recalled(agent.weights, decisions.features, normals)
    now = seen_now(decisions.features)
    exact = log_probabilities(agent.weights, now, decisions.actions, more)
    assert np.abs(found - exact).max() < 1e-5 * np.abs(exact).max()
    room, hidden, deeper = (np.zeros(size, dtype=np.float32) for size in (ROOM, HIDDEN, HIDDEN))
    for row in range(60):
        normals_in(room)[:] = normals[row]
        in_loop = np.zeros(LOGITS, dtype=np.float32)
        infer_recurrent(agent.weights, decisions.features[row], room, hidden, deeper, in_loop)
        np.testing.assert_allclose(in_loop, logits[row], atol=2e-5)
    library = torch.nn.LSTM(LAG_ENTRIES, len(agent.part("cell_memory")), batch_first=True)
    with torch.no_grad():
        library.weight_ih_l0.copy_(torch.tensor(agent.part("cell_inputs").T))
        library.weight_hh_l0.copy_(torch.tensor(agent.part("cell_memory").T))
        library.bias_ih_l0.copy_(torch.tensor(agent.part("cell_bias")))
        library.bias_hh_l0.zero_()
        past = features[:, LAGS_AT : LAGS_AT + LAGS * LAG_ENTRIES].reshape(60, LAGS, -1).flip(1)
        remembered = library(past)[1][0][0].numpy()
    moved = np.concatenate([remembered, normals], axis=1) @ agent.part("first_memory")
    np.testing.assert_allclose(moved, more, atol=2e-5)


def test_a_recurrent_agent_is_kept_and_the_plain_one_is_what_it_was(tmp_path):
    decisions = drawn(60)
    agent = WorldAgent.initial(3, decisions.actions, 2.0, recurrent=True)
    plain = WorldAgent.initial(3, decisions.actions, 2.0)
    assert set(plain.names) == set(PARTS)
    assert set(agent.names) - set(plain.names) == set(MEMORY_PARTS)
    np.testing.assert_array_equal(plain.part("second"), agent.part("second"))
    agent.save(tmp_path / "world.safetensors")
    again = WorldAgent.load(tmp_path / "world.safetensors")
    assert again.weights.tolist() == agent.weights.tolist()
    parts = {name: agent.part(name) for name in SHAPES if name != "cell_bias"}
    with pytest.raises(PacesetterError, match=r"'cell_bias' .* are missing"):
        WorldAgent.of(parts)
    with pytest.raises(PacesetterError, match="a recurrent one"):
        WorldAgent(agent.weights[: WEIGHTS + 1])
