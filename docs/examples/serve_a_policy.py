"""A trained policy in a process that has neither Ray nor torch, and as an ONNX graph."""

import subprocess
import sys
import tempfile

import pacesetter

SERVER = """
import sys, time
began = time.perf_counter()
import numpy as np, pacesetter
policy = pacesetter.load_policy(sys.argv[1])
quantity = policy.act([0.0], {"leader_quantity": 6.0})
print(f"the first answer, {quantity[0]:.2f}, after {time.perf_counter() - began:.2f} s")
began = time.perf_counter()
for _ in range(1000):
    policy.act([0.0], {"leader_quantity": 6.0})
print(f"then {(time.perf_counter() - began) * 1e3:.0f} µs each")
batch = policy.act(np.zeros((3, 1)), [[0.0], [5.0], [10.0]])
print("many at once, each under its own θ:", batch.ravel().round(2))
print("drawn, as in training:", policy.act([0.0], draw=True, seed=0).round(2))
assert not {"ray", "torch"} & set(sys.modules)
"""

with tempfile.TemporaryDirectory() as folder:
    run = pacesetter.train(
        "duopoly_fixed", ["training.route=local", "training.pretrain_iterations=40"], runs=folder
    )
    subprocess.run([sys.executable, "-c", SERVER, str(run.path)], check=True)
    # For programs that are not in Python; needs pip install 'pacesetter[onnx]'.
    command = [sys.executable, "-m", "pacesetter.training.cli", "export", str(run.path), "--onnx"]
    subprocess.run(command, check=True)
