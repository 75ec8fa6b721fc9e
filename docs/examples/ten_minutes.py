"""Ten minutes with Pacesetter: a market, an experiment, a run, and what to ask of it.

A leader of a duopoly sets its quantity first; a follower sees it and answers. Who anticipates the
answer produces 6 (von Stackelberg 1934), who does not produces 4 (Cournot).
"""

import tempfile

import pacesetter

# A market is a game in many copies, stepped as arrays; θ is what a leader sets.
market = pacesetter.make("duopoly")
print("θ:", market.characteristics.names, "agents:", [group.name for group in market.groups])
state = market.reset(seed=0, copies=4, theta={"leader_quantity": 6.0})
print("what followers see:", market.observe(state)["follower"][:, 0, 0])

# An experiment is a market, what the leader wants, who leads, and how long; this one is shipped.
experiment = pacesetter.load_experiment("duopoly_bayesian", ["training.route=local"])
with tempfile.TemporaryDirectory() as runs:
    run = pacesetter.train(experiment, runs=runs)
    print("the leader's answer:", run.answer, "expected: 6")
    print("figures of the evaluation:", len(run.results), "for instance", list(run.results)[:3])
    print("pictures:", list(run.figures()))
    answer = run.policies["follower"].act([0.0], {"leader_quantity": 6.0})
    print("a follower's answer to 6:", answer, "expected: 3")
    what_if = pacesetter.counterfactual(run, {"leader_quantity": 2.0})
    print("had the leader produced 2:", what_if.outcomes["price"])
    assert abs(run.answer["leader_quantity"] - 6.0) < 0.6
    assert abs(answer[0] - 3.0) < 0.4
