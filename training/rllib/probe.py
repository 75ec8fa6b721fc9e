"""Asks every node of a Ray cluster what it has; run as a program of its own, which can be ended.

Connecting to what is no cluster, or to one behind a firewall, may take for ever; whoever asks ends
this process then. It says what it found as one line of JSON. What runs on the nodes needs nothing
but Ray there, and so imports nothing of ours.
"""

from __future__ import annotations

import json
import logging
import sys
from typing import Any

import ray
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy


def what_is_there(packages: list[str], modules: list[str]) -> dict[str, Any]:
    """On a node: versions of distributions, and the files that modules are found in."""
    import importlib.metadata
    import importlib.util
    from pathlib import Path

    versions: dict[str, str | None] = {}
    for name in packages:
        try:
            versions[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            versions[name] = None
    found = {}
    for name in modules:
        try:
            spec = importlib.util.find_spec(name)
            found[name] = None if spec is None else str(Path(str(spec.origin)).resolve())
        except (ImportError, ValueError):
            found[name] = None
    return {"versions": versions, "modules": found}


def probe(address: str, packages: list[str], modules: list[str]) -> list[dict[str, Any]]:
    """What every node of a cluster has; see `what_is_there`."""
    ray.init(address=address, logging_level=logging.ERROR, log_to_driver=False)
    task = ray.remote(num_cpus=0, max_retries=0)(what_is_there)
    nodes = [node for node in ray.nodes() if node["Alive"]]
    answers = ray.get(
        [
            task.options(
                scheduling_strategy=NodeAffinitySchedulingStrategy(node["NodeID"], soft=False)
            ).remote(packages, modules)
            for node in nodes
        ]
    )
    return [
        {"node": node["NodeManagerAddress"], **answer}
        for node, answer in zip(nodes, answers, strict=True)
    ]


def main() -> None:
    """Print what was found, or why nothing was, as one line of JSON."""
    address, packages, modules = json.loads(sys.argv[1])
    try:
        said: dict[str, Any] = {"nodes": probe(address, packages, modules)}
    except BaseException as error:  # whatever Ray raises: what it says is the answer
        said = {"error": (str(error) or type(error).__name__).strip()}
    print("\n" + json.dumps(said), flush=True)


if __name__ == "__main__":
    main()
