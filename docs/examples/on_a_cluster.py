"""A job on a Ray cluster: the same experiment, with workers that sample elsewhere.

On a real cluster its address is in RAY_ADDRESS (``auto`` on one of its machines), and this file can
be a job: ``ray job submit --working-dir . -- env RAY_ADDRESS=auto python on_a_cluster.py``; nodes
need Pacesetter installed. Without an address Ray starts on this machine. Needs
``pip install 'pacesetter[train]'``.
"""

import os
import tempfile

import pacesetter

address = os.environ.get("RAY_ADDRESS")
with tempfile.TemporaryDirectory() as folder:
    run = pacesetter.train(
        "duopoly_bayesian",
        ["training.env_runners=1", "training.pretrain_iterations=4", "training.iterations=8"],
        runs=folder,
        address=address,
    )
    print("finished:", run.finished, "answer:", run.answer)
    assert run.finished
