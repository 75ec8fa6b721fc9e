"""Your own PettingZoo environment as a market: checked, trained, and asked for its answer.

`fishery.py` beside this file is all that is yours; nothing in it imports Pacesetter.
"""

import tempfile
from pathlib import Path

import pacesetter
from pacesetter.envs.check.report import check_market

EXPERIMENT = """
market: {name: "fishery:Fishery"}
objective: {name: welfare}
leader: {name: bayesian, candidates: 8}
training: {route: local, copies: 16, rollout_steps: 40, pretrain_iterations: 10, iterations: 20}
"""

report = check_market(pacesetter.make("fishery:Fishery"))
print(report)
assert report.ok
with tempfile.TemporaryDirectory() as folder:
    path = Path(folder, "fishery.yaml")
    path.write_text(EXPERIMENT, encoding="utf-8")
    run = pacesetter.train(path, runs=folder)
    print("the tax:", run.answer, "welfare:", run.results["objective/answer"])
    # θ is the last entry of what every boat sees, so that one policy serves every tax.
    boats = run.policies["boat"]
    print("effort, full sea, by tax:", [boats.act([1.0, 0.0], [t])[0] for t in (0.0, 0.5, 1.0)])
