"""Handing an experiment to a cluster as a job of its own, and following what it says."""

from __future__ import annotations

import contextlib
import importlib.util
import os
import shlex
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from ...envs.core.errors import PacesetterError
from ..experiments.experiment import Experiment
from ..experiments.load import resolved
from ..experiments.place import in_one_process
from ..experiments.yaml_file import dump_yaml
from ..runs.whole_files import write_whole
from .cluster import own_modules, require_an_answer, stage

FILE, DATA = "experiment.yaml", "data"
SECONDS_BETWEEN_LOOKS = 1.0
HIDDEN = ("RAY_ADDRESS", "RAY_API_SERVER_ADDRESS")  # which Ray would take before what is asked
ENDED = ("SUCCEEDED", "FAILED", "STOPPED")


def place_of_dashboard(address: str) -> tuple[str, int]:
    """Host and port of where a cluster takes jobs.

    Raises:
        PacesetterError: it is no such address.
    """
    parts = urlsplit(address)
    try:
        port = parts.port
    except ValueError:
        port = None
    if parts.scheme not in ("http", "https") or not parts.hostname or port is None:
        raise PacesetterError(
            f"--address {address!r}: give the address of the cluster's dashboard, which takes "
            "jobs, such as http://10.0.0.1:8265."
        )
    return parts.hostname, port


def submit(experiment: Experiment, address: str, runs: str, name: str | None, wait: float) -> int:
    """Train an experiment as a job of a cluster and follow its log; returns an exit code.

    Args:
        experiment: sent with its data, the package and the user's modules.
        address: ``http://host:port`` of the dashboard.
        runs: folder for run folders, on the head node.
        name: of the run folder.
        wait: seconds for the dashboard to answer.

    Raises:
        PacesetterError: it does not, or Ray's job client is not installed.
    """
    place = place_of_dashboard(address)
    if importlib.util.find_spec("aiohttp") is None:
        raise PacesetterError(
            "jobs need Ray's own client and dashboard, here and on the cluster: pip install "
            "'pacesetter[cluster]', which is ray[default]."
        )
    require_an_answer(address, place, wait)
    with tempfile.TemporaryDirectory(prefix="pacesetter-") as folder:
        _pack(experiment, Path(folder))
        client = _client(address)
        job = client.submit_job(
            entrypoint=_command(experiment, runs, name), runtime_env={"working_dir": folder}
        )
    where = f"{runs}/{name or f'{experiment.name}_seed_{experiment.seed}'}"
    print(f"job {job} at {address}; run folder, on the head node: {where}", flush=True)
    try:
        status = follow(client, job, lambda text: print(text, end="", flush=True))
    except KeyboardInterrupt:
        print(
            f"\njob {job} goes on; follow it with  ray job logs --follow --address {address} {job}"
            f"\nand end it with  ray job stop --address {address} {job}"
        )
        raise
    if status != "SUCCEEDED":
        said = " ".join(str(client.get_job_info(job).message or "").split())[:300]
        print(f"job {job} has {status.lower()}: {said}")
        return 1
    print(f"job {job} has succeeded; run folder, on the head node: {where}")
    return 0


def follow(client: Any, job: str, say: Callable[[str], None]) -> str:
    """Say what a job logs until it ends; returns how it ended."""
    said = 0
    while True:
        status = client.get_job_status(job).value  # before the log, which then is complete
        log = client.get_job_logs(job)
        if len(log) > said:
            say(log[said:])
            said = len(log)
        if status in ENDED:
            return str(status)
        time.sleep(SECONDS_BETWEEN_LOOKS)


def _client(address: str) -> Any:
    from ray.job_submission import JobSubmissionClient

    with _hidden():
        try:
            return JobSubmissionClient(address)
        except Exception as error:  # of requests, aiohttp or Ray: what it says is the reason
            reason = " ".join((str(error) or type(error).__name__).split())[:300]
            raise PacesetterError(
                f"what listens at {address} takes no jobs ({reason}). Start the cluster with "
                "'ray start --head --include-dashboard=true' where ray[default] is installed."
            ) from error


@contextlib.contextmanager
def _hidden() -> Iterator[None]:
    kept = {name: os.environ.pop(name) for name in HIDDEN if name in os.environ}
    try:
        yield
    finally:
        os.environ.update(kept)


def _pack(experiment: Experiment, folder: Path) -> None:
    """Everything that the job needs, in one folder."""
    for name in ("pacesetter", *own_modules(experiment)):
        stage(name, folder)
    values = resolved(experiment)
    write_whole(folder / FILE, dump_yaml(_with_data(values, folder)))


def _with_data(value: Any, folder: Path, key: str = "") -> Any:
    """The same with every file that a ``path`` names copied into the folder."""
    if isinstance(value, dict):
        return {k: _with_data(entry, folder, k) for k, entry in value.items()}
    if isinstance(value, list):
        return [_with_data(entry, folder) for entry in value]
    if key == "path" and isinstance(value, str) and Path(value).expanduser().is_file():
        (folder / DATA).mkdir(exist_ok=True)
        source = Path(value).expanduser()
        target = Path(DATA) / f"{len(list((folder / DATA).iterdir()))}_{source.name}"
        shutil.copy(source, folder / target)
        return str(target)
    return value


def _command(experiment: Experiment, runs: str, name: str | None) -> str:
    """What the head node runs."""
    words = ["python", "-m", "pacesetter.training.cli", "train", FILE, "--runs", runs]
    if name:
        words += ["--name", name]
    if not in_one_process(experiment):
        words += ["--address", "auto"]
    # A shell there is to expand what begins with a tilde.
    return " ".join(word if word == runs and "~" in word else shlex.quote(word) for word in words)
