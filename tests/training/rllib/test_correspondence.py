"""The array route computes what RLlib's own pieces compute, only faster."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import numpy as np
import pytest
import ray
import torch
from gymnasium.spaces import Box, Discrete
from ray.rllib.algorithms.ppo.torch.ppo_torch_learner import PPOTorchLearner
from ray.rllib.core.columns import Columns
from ray.rllib.env.single_agent_episode import SingleAgentEpisode
from ray.rllib.evaluation.postprocessing import Postprocessing
from ray.rllib.policy.sample_batch import MultiAgentBatch, SampleBatch
from torch.distributions import Categorical, Independent, Normal, kl_divergence

from pacesetter.envs.registry import make
from pacesetter.leaders.objectives.general import Welfare
from pacesetter.leaders.policy.ppo import PPOLeader
from pacesetter.leaders.registry import LEADERS
from pacesetter.training.experiments.experiment import Experiment
from pacesetter.training.experiments.settings import FollowerSettings, TrainingSettings
from pacesetter.training.policies.network import ACTIVATIONS, FastTanh, network
from pacesetter.training.policies.policies import distributions
from pacesetter.training.policies.specification import LEADER, module_spaces
from pacesetter.training.ppo.advantages import module_columns
from pacesetter.training.ppo.columns import INFORMATION_PRICE
from pacesetter.training.ppo.gradients import backward, forward
from pacesetter.training.ppo.rollout import ArrayRollout, ModuleRollout
from pacesetter.training.ppo.update import FlatParameters, NonFiniteTrainingError
from pacesetter.training.rllib.backend import build, start_ray
from pacesetter.training.rllib.config import array_config
from pacesetter.training.rllib.connector import ArrayAdvantages
from pacesetter.training.rllib.learner import ArrayPPOLearner
from pacesetter.training.rllib.runner import GameRunner
from pacesetter.training.rllib.stock import stock_config


def experiment_on(market: str, leader=None, options=None, **followers) -> Experiment:
    followers = {"hidden_layers": (16, 16), "minibatch_size": 32, "epochs": 1} | followers
    return Experiment(
        name=market,
        market=make(market, **(options or {})),
        objective=Welfare(),
        leader=leader or LEADERS["random"](),
        followers=FollowerSettings(**followers),
        training=TrainingSettings(copies=4, rollout_steps=11),
    )


def learner_of(config, experiment, learner_class):
    spec = config.get_multi_rl_module_spec(spaces=module_spaces(experiment))
    learner = learner_class(config=config, module_spec=spec)
    learner.build()
    return learner


def runner_of(experiment) -> GameRunner:
    return GameRunner(config=array_config(experiment), worker_index=0, num_workers=0)


def parameters(learner, name: str) -> torch.Tensor:
    module = learner.module[name].unwrapped()
    return torch.cat([p.detach().reshape(-1).clone() for p in module.parameters()])


# Advantages --------------------------------------------------------------------------------------


def random_rollout(generator, space, observation_space, inputs: int) -> ModuleRollout:
    """Trajectories that terminate, are truncated, or are cut by the end of the rollout."""
    steps, rows, width = 17, 6, observation_space.shape[0]
    ended = generator.random((steps, rows)) < 0.25
    ended[:, 0] = False  # one row is cut by the end of the rollout alone
    terminated = ended & (generator.random((steps, rows)) < 0.5)
    look_up = ended & ~terminated
    look_up[-1] = ~terminated[-1]
    boot = np.stack(np.nonzero(look_up))
    if isinstance(space, Discrete):
        actions = generator.integers(0, space.n, (steps, rows))
    else:
        actions = generator.standard_normal((steps, rows, *space.shape)).astype(np.float32)

    def normal(*shape: int):
        return generator.standard_normal(shape).astype(np.float32)

    return ModuleRollout(
        observations=normal(steps, rows, width),
        actions=actions,
        log_probability=-np.abs(normal(steps, rows)),
        rewards=normal(steps, rows),
        terminated=terminated,
        ended=ended,
        boot_index=boot,
        boot_observations=normal(boot.shape[1], width),
        distribution_inputs=normal(steps, rows, inputs),
    )


def episodes_of(rollout: ModuleRollout, name: str) -> list[SingleAgentEpisode]:
    """The same trajectories as RLlib's episodes, row by row."""
    final = {(int(t), int(r)): i for i, (t, r) in enumerate(rollout.boot_index.T)}
    episodes = []
    steps, rows = rollout.rewards.shape
    for row in range(rows):
        ends = [*np.flatnonzero(rollout.ended[:, row]).tolist(), steps - 1]
        start = 0
        for end in dict.fromkeys(ends):
            part = slice(start, end + 1)
            terminated = bool(rollout.terminated[end, row])
            last = (
                np.zeros_like(rollout.observations[0, 0])
                if terminated
                else rollout.boot_observations[final[end, row]]
            )
            episodes.append(
                SingleAgentEpisode(
                    agent_id=f"{name}_{row}",
                    module_id=name,
                    observations=[*rollout.observations[part, row], last],
                    actions=list(rollout.actions[part, row]),
                    rewards=list(rollout.rewards[part, row]),
                    infos=[{}] * (end - start + 2),
                    terminated=terminated,
                    truncated=bool(rollout.ended[end, row]) and not terminated,
                    extra_model_outputs={
                        Columns.ACTION_LOGP: list(rollout.log_probability[part, row]),
                        Columns.ACTION_DIST_INPUTS: list(rollout.distribution_inputs[part, row]),
                    },
                    len_lookback_buffer=0,
                ).to_numpy()
            )
            start = end + 1
    return episodes


@pytest.mark.parametrize("market", ["cobweb", "duopoly"])
def test_value_targets_and_advantages_equal_rllibs(market):
    experiment = experiment_on(market, discount=0.9, gae_lambda=0.8)
    stock = learner_of(stock_config(experiment), experiment, PPOTorchLearner)
    (name,) = stock.module.keys()
    observation_space, space = module_spaces(experiment)[name]
    inputs = space.n if isinstance(space, Discrete) else 2 * space.shape[0]
    rollout = random_rollout(np.random.default_rng(3), space, observation_space, inputs)
    assert rollout.terminated.any()
    assert (rollout.ended & ~rollout.terminated).any()

    module = stock.module[name]
    connector = ArrayAdvantages({name: (0.9, 0.8)})
    ours = connector(
        rl_module=stock.module,
        batch={},
        episodes=[ArrayRollout({name: rollout}, 17, 17 * 6)],
    )[name]

    theirs = stock._learner_connector(
        rl_module=stock.module,
        batch={},
        episodes=episodes_of(rollout, name),
        shared_data={},
        metrics=stock.metrics,
    )[name]
    mask = torch.as_tensor(theirs[Columns.LOSS_MASK])
    # RLlib's rows are episode after episode; ours are time-major.
    for key, tolerance in ((Postprocessing.VALUE_TARGETS, 1e-4), (Columns.OBS, 0.0)):
        mine = ours[key].reshape(17, 6, *ours[key].shape[1:]).transpose(0, 1).flatten(0, 1)
        torch.testing.assert_close(
            torch.as_tensor(theirs[key])[mask], mine, atol=tolerance, rtol=0.0
        )
    # RLlib standardises over the artificial last steps of its episodes too; before that they agree.
    plain = module_columns(module, rollout, 0.9, 0.8)[Postprocessing.ADVANTAGES]
    standardised = ours[Postprocessing.ADVANTAGES]
    torch.testing.assert_close(standardised * plain.std(correction=0) + plain.mean(), plain)


# The update --------------------------------------------------------------------------------------


@pytest.mark.parametrize("market", ["cobweb", "duopoly"])
@pytest.mark.parametrize("kl", [0.0, 0.7], ids=["", "kl"])
@pytest.mark.parametrize("bonus", [0.0, 0.05], ids=["", "entropy"])
def test_parameters_after_an_epoch_equal_rllibs(market, kl, bonus):
    experiment = experiment_on(
        market,
        kl_coefficient=kl,
        entropy_coefficient=bonus,
        information_cost=False,
        minibatch_size=8,
    )
    config = array_config(experiment)
    ours = learner_of(config, experiment, ArrayPPOLearner)
    theirs = learner_of(config, experiment, PPOTorchLearner)
    theirs.module.set_state(ours.module.get_state())
    (name,) = ours.module.keys()
    runner = runner_of(experiment)
    runner.module.set_state(ours.module.get_state())
    # A sampling policy other than the one trained, so that ratios and the KL term matter.
    with torch.no_grad():
        for parameter in runner.module[name].parameters():
            parameter += 0.02 * torch.randn(
                parameter.shape, generator=torch.Generator().manual_seed(1)
            )
    (rollout,) = runner.sample()
    columns = ours._learner_connector(
        rl_module=ours.module, batch={}, episodes=[rollout], shared_data={}, metrics=ours.metrics
    )[name]
    rows = len(columns[Columns.ACTION_LOGP])
    # RLlib's loss reads the inputs of the sampling policy even where it does not use them.
    if Columns.ACTION_DIST_INPUTS not in columns:
        inputs = theirs.module[name].distribution_inputs(columns[Columns.OBS]).detach()
        columns = {**columns, Columns.ACTION_DIST_INPUTS: inputs}
    before = parameters(ours, name)

    ours.update(episodes=[rollout])

    order = torch.randperm(rows, generator=torch.Generator().manual_seed(config.seed))
    starts = list(range(0, rows // 8 * 8, 8))
    for start in starts:
        part = order[start : rows if start == starts[-1] else start + 8]
        minibatch = SampleBatch({key: column[part] for key, column in columns.items()})
        theirs._update(MultiAgentBatch({name: minibatch}, len(part)).policy_batches)
    after = parameters(ours, name)
    assert (after - before).abs().max() > 1e-3
    torch.testing.assert_close(after, parameters(theirs, name), atol=1e-5, rtol=0.0)


def test_an_equal_price_of_information_is_an_entropy_bonus():
    price = 0.03
    experiment = experiment_on("cobweb")
    (rollout,) = runner_of(experiment).sample()
    name = "producer"
    priced = learner_of(array_config(experiment), experiment, ArrayPPOLearner)
    with_bonus = replace(
        experiment, followers=replace(experiment.followers, entropy_coefficient=price)
    )
    rewarded = learner_of(array_config(with_bonus), with_bonus, ArrayPPOLearner)
    rewarded.module.set_state(priced.module.get_state())
    columns = module_columns(priced.module[name], rollout.modules[name], 0.95, 0.95)
    columns = {key: column.detach() for key, column in columns.items()}
    columns[INFORMATION_PRICE] = torch.full_like(columns[INFORMATION_PRICE], price)
    priced._train_module(name, columns)
    del columns[INFORMATION_PRICE]
    rewarded._train_module(name, columns)
    torch.testing.assert_close(parameters(priced, name), parameters(rewarded, name))


def test_large_rewards_counted_in_large_units_train_the_same_networks():
    plain = experiment_on("duopoly", epochs=3)
    coarse = experiment_on("duopoly", epochs=3, value_scale=128.0)  # a power of 2: no rounding
    (rollout,) = runner_of(plain).sample()
    learners = [learner_of(array_config(e), e, ArrayPPOLearner) for e in (plain, coarse)]
    learners[1].module.set_state(learners[0].module.get_state())
    learners[0].update(episodes=[rollout])
    rollout.modules["follower"].rewards *= 128.0
    learners[1].update(episodes=[rollout])
    trained = [parameters(learner, "follower") for learner in learners]
    torch.testing.assert_close(*trained)
    values = [
        learner.module["follower"]
        .unwrapped()
        .compute_values(
            {Columns.OBS: torch.from_numpy(rollout.modules["follower"].observations[0])}
        )
        for learner in learners
    ]
    torch.testing.assert_close(values[1], 128.0 * values[0])


def count_steps(trainee, count):
    """Call `count` at every step that the trainee's optimiser takes."""
    follow = trainee.flat.follow

    def counted(optimizer):
        count()
        follow(optimizer)

    trainee.flat.follow = counted


def test_every_module_is_trained_for_its_own_epochs():
    leader = PPOLeader(interval=2, epochs=5, minibatch_size=7)
    experiment = experiment_on("cobweb", leader, {"periods": 6}, epochs=2)
    runner = runner_of(experiment)
    runner.lead(3)
    (rollout,) = runner.sample()
    learner = learner_of(array_config(experiment), experiment, ArrayPPOLearner)
    steps: Counter[str] = Counter()
    for name, trainee in learner._trainees.items():
        ((_, optimizer),) = learner.get_optimizers_for_module(name)
        assert optimizer.param_groups[0]["params"][0] is trainee.flat.buffer
        count_steps(trainee, lambda name=name: steps.update([name]))
    learner.update(episodes=[rollout])
    decisions = int(rollout.modules[LEADER].valid.sum())
    # Eleven steps: two episodes of three intervals, less the cut one; in three of four copies.
    assert decisions == 3 * 5
    assert steps == {"producer": 2 * (4 * 6 * 11 // 32), LEADER: 5 * (decisions // 7)}


def test_a_loss_that_is_not_finite_is_an_error_and_takes_no_step():
    experiment = experiment_on("cobweb")
    (rollout,) = runner_of(experiment).sample()
    learner = learner_of(array_config(experiment), experiment, ArrayPPOLearner)
    before = parameters(learner, "producer")
    rollout.modules["producer"].rewards[3, 2] = np.nan
    with pytest.raises(NonFiniteTrainingError, match="gradient of module 'producer'"):
        learner.update(episodes=[rollout])
    torch.testing.assert_close(parameters(learner, "producer"), before)


# Distributions -----------------------------------------------------------------------------------


def test_discrete_distributions_equal_torchs():
    generator = torch.Generator().manual_seed(0)
    logits = 3.0 * torch.randn((50, 101), generator=generator)
    other = torch.randn((50, 101), generator=generator)
    drawn = distributions.sample(logits, True, generator, with_information=True)
    torchs = Categorical(logits=logits)
    expected = torchs.log_prob(drawn.actions)
    torch.testing.assert_close(drawn.log_probability, expected)
    torch.testing.assert_close(
        drawn.information, np.log(101) - torchs.entropy(), atol=1e-5, rtol=0.0
    )
    ours = distributions.likelihood(logits, drawn.actions, True)
    torch.testing.assert_close(ours.log_probability, expected)
    torch.testing.assert_close(ours.entropy, torchs.entropy())
    torch.testing.assert_close(
        distributions.divergence(logits, other, True),
        kl_divergence(torchs, Categorical(logits=other)),
    )
    torch.testing.assert_close(distributions.most_likely(logits, True), torchs.probs.argmax(-1))


def test_normal_distributions_equal_torchs():
    generator = torch.Generator().manual_seed(0)
    inputs, other = torch.randn((2, 50, 6), generator=generator)
    drawn = distributions.sample(inputs, False, generator)

    def torchs(values):
        mean, log_deviation = values.chunk(2, dim=-1)
        return Normal(mean, log_deviation.exp())

    expected = torchs(inputs).log_prob(drawn.actions).sum(-1)
    torch.testing.assert_close(drawn.log_probability, expected, atol=1e-5, rtol=1e-5)
    ours = distributions.likelihood(inputs, drawn.actions, False)
    torch.testing.assert_close(ours.log_probability, expected, atol=1e-5, rtol=1e-5)
    torch.testing.assert_close(ours.entropy, torchs(inputs).entropy().sum(-1))
    torch.testing.assert_close(
        distributions.divergence(inputs, other, False),
        kl_divergence(torchs(inputs), torchs(other)).sum(-1),
        atol=1e-4,
        rtol=1e-4,
    )


def test_actions_are_drawn_with_their_probabilities():
    logits = torch.tensor([[0.0, 1.0, -2.0, -200.0]])
    drawn = distributions.sample(logits.expand(40_000, 4), True, torch.Generator().manual_seed(0))
    shares = torch.bincount(drawn.actions, minlength=4) / 40_000
    torch.testing.assert_close(shares, torch.softmax(logits, -1)[0], atol=0.01, rtol=0.0)
    assert torch.isfinite(drawn.log_probability).all()


def torchs_distribution(inputs: torch.Tensor, discrete: bool):
    if discrete:
        return Categorical(logits=inputs)
    mean, log_deviation = inputs.chunk(2, dim=-1)
    return Independent(Normal(mean, log_deviation.exp()), 1)


@pytest.mark.parametrize("discrete", [True, False])
def test_gradients_of_distributions_equal_automatic_differentiation(discrete):
    generator = torch.Generator().manual_seed(0)
    double = {"generator": generator, "dtype": torch.float64}
    inputs, old = torch.randn((4, 6), **double).requires_grad_(), torch.randn((4, 6), **double)
    actions = torch.tensor([0, 3, 5, 2]) if discrete else torch.randn((4, 3), **double)
    by_chosen, by_entropy = torch.randn((2, 4), **double)
    theirs = torchs_distribution(inputs, discrete)

    def gradient(function: torch.Tensor) -> torch.Tensor:
        return torch.autograd.grad(function, inputs, retain_graph=True)[0]

    mine = distributions.likelihood(inputs.detach(), actions, discrete)
    chosen = (by_chosen * theirs.log_prob(actions)).sum()
    torch.testing.assert_close(mine.gradient(by_chosen, None), gradient(chosen))
    both = chosen + (by_entropy * theirs.entropy()).sum()
    torch.testing.assert_close(mine.gradient(by_chosen, by_entropy), gradient(both))
    change = kl_divergence(torchs_distribution(old, discrete), theirs).sum()
    torch.testing.assert_close(
        distributions.divergence_gradient(old, inputs.detach(), discrete), gradient(change)
    )


@pytest.mark.parametrize("activation", sorted(ACTIVATIONS))
def test_gradients_of_networks_equal_automatic_differentiation(activation):
    generator = torch.Generator().manual_seed(0)
    layers = network(3, (5, 4), 2, activation)
    values = torch.randn((7, 3), generator=generator)
    by_output = torch.randn((7, 2), generator=generator)
    outputs = layers(values)
    expected = torch.autograd.grad((by_output * outputs).sum(), list(layers.parameters()))
    FlatParameters(layers)
    with torch.no_grad():
        kept = forward(layers, values)
        torch.testing.assert_close(kept[-1], outputs)
        backward(layers, kept, by_output)
    for parameter, gradient in zip(layers.parameters(), expected, strict=True):
        torch.testing.assert_close(parameter.grad, gradient)


def test_fast_tanh_is_tanh():
    values = torch.linspace(-3.0, 3.0, 7, dtype=torch.float64, requires_grad=True)
    torch.testing.assert_close(FastTanh()(values), torch.tanh(values))
    assert torch.autograd.gradcheck(FastTanh(), values)


# Runners and learners of their own ---------------------------------------------------------------


def test_a_restored_runner_goes_on_as_the_first_would_have():
    experiment = experiment_on("cobweb", PPOLeader(interval=4), {"periods": 6})
    first, second = runner_of(experiment), runner_of(experiment)
    first.lead(3)
    first.sample()
    second.set_state(first.get_state())
    np.testing.assert_array_equal(second.sampler.game.led, [True, True, True, False])
    np.testing.assert_array_equal(
        second.sampler.game.market_state.theta, first.sampler.game.market_state.theta
    )
    (one,), (other,) = first.sample(), second.sample()
    assert set(one.modules) == set(other.modules) == {"producer", LEADER}
    for name, part in one.modules.items():
        np.testing.assert_array_equal(part.observations, other.modules[name].observations)
        np.testing.assert_array_equal(part.actions, other.modules[name].actions)
        np.testing.assert_array_equal(part.rewards, other.modules[name].rewards)


@pytest.fixture(scope="module")
def session():
    experiment = experiment_on("cobweb")
    largest = replace(experiment.training, env_runners=1, learners=1)
    start_ray(replace(experiment, training=largest))
    yield
    ray.shutdown()


@pytest.mark.usefixtures("session")
@pytest.mark.parametrize("remote", [0, 1])
def test_runners_get_the_learners_weights(remote):
    experiment = experiment_on("cobweb", PPOLeader(interval=5))
    experiment = replace(
        experiment, training=replace(experiment.training, env_runners=remote, learners=remote)
    )
    algorithm = build(experiment)
    try:
        local = remote == 0
        group = algorithm.env_runner_group
        group.foreach_env_runner(lambda runner: runner.lead(3), local_env_runner=local)
        untrained = algorithm.learner_group.get_weights()["producer"]["actor.0.weight"].copy()
        result = algorithm.train()
        assert result["env_runners"]["num_env_steps_sampled"] == 4 * 11
        trained = algorithm.learner_group.get_weights()
        assert np.abs(trained["producer"]["actor.0.weight"] - untrained).max() > 0
        everywhere = [
            *group.foreach_env_runner(
                lambda runner: runner.module.get_state(), local_env_runner=local
            ),
            group.local_env_runner.module.get_state(),  # what the trainer reads policies from
        ]
        for state in everywhere:
            for name in ("producer", LEADER):
                actor = {k: v for k, v in trained[name].items() if not k.startswith("critic")}
                assert set(state[name]) == set(actor), "runners hold actors alone"
                for key, weights in actor.items():
                    np.testing.assert_array_equal(np.asarray(state[name][key]), weights)
    finally:
        algorithm.stop()


def test_spaces_of_modules_are_normalised():
    spaces = module_spaces(experiment_on("duopoly", PPOLeader()))
    for _, action in spaces.values():
        assert isinstance(action, Box)
        assert action.low.min() == -1.0
        assert action.high.max() == 1.0
