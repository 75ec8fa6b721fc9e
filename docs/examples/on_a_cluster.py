"""A job on a Ray cluster: the same experiment, with workers that sample elsewhere.

On a real cluster give its address (``auto`` on one of its machines) and submit this file, e.g.
``ray job submit --working-dir . -- python on_a_cluster.py auto``; nodes need Pacesetter installed.
Without an address Ray starts on this machine. Needs ``pip install 'pacesetter[train]'``.
"""

import sys
import tempfile

import pacesetter

address = sys.argv[1] if len(sys.argv) > 1 else None
with tempfile.TemporaryDirectory() as folder:
    run = pacesetter.train(
        "duopoly_bayesian",
        ["training.env_runners=1", "training.pretrain_iterations=4", "training.iterations=8"],
        runs=folder,
        address=address,
    )
    print("finished:", run.finished, "answer:", run.answer)
    assert run.finished
