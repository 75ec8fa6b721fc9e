"""Experiments as jobs of a cluster: what is sent, what is run there, and what is heard of it."""

from __future__ import annotations

import importlib.util
import socket
from types import SimpleNamespace

import pytest

from pacesetter.envs.core.errors import PacesetterError
from pacesetter.training.experiments.load import load_experiment
from pacesetter.training.rllib import jobs


class Client:
    """A job that says a little more at every look."""

    def __init__(self, end):
        self.looks, self.end, self.submitted = 0, end, {}

    def submit_job(self, entrypoint, runtime_env):
        self.submitted = {"entrypoint": entrypoint, **runtime_env}
        self.files = {
            path.relative_to(runtime_env["working_dir"]).as_posix(): path.read_text()
            for path in jobs.Path(runtime_env["working_dir"]).rglob("*")
            if path.suffix in (".yaml", ".csv")
        }
        return "job_1"

    def get_job_status(self, job):
        self.looks += 1
        return SimpleNamespace(value=self.end if self.looks == 3 else "RUNNING")

    def get_job_logs(self, job):
        return "".join(f"line {n}\n" for n in range(self.looks))

    def get_job_info(self, job):
        return SimpleNamespace(message="it broke")


@pytest.fixture
def dashboard():
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield f"http://127.0.0.1:{server.getsockname()[1]}"


@pytest.mark.parametrize(("end", "code"), [("SUCCEEDED", 0), ("FAILED", 1)])
def test_a_job_is_sent_whole_and_followed_to_its_end(
    end, code, dashboard, tmp_path, monkeypatch, capsys
):
    client = Client(end)
    monkeypatch.setattr(jobs, "_client", lambda address: client)
    monkeypatch.setattr(jobs, "SECONDS_BETWEEN_LOOKS", 0.0)
    monkeypatch.setattr(
        importlib.util,
        "find_spec",
        lambda name, found=importlib.util.find_spec: (
            found("json") if name == "aiohttp" else found(name)
        ),
    )
    (tmp_path / "prices.csv").write_text("price\n5.1\n5.9\n6.2\n")
    reference = f"objective.reference={{name: csv, path: {tmp_path / 'prices.csv'}}}"
    experiment = load_experiment("cobweb_unstable_ppo", [reference, "seed=3"])
    assert jobs.submit(experiment, dashboard, "~/runs", "mine", 5.0) == code
    said = capsys.readouterr().out
    assert said.count("line 0") == said.count("line 2") == 1
    assert "~/runs/mine" in said and ("it broke" in said) == bool(code)
    assert client.submitted["entrypoint"] == (
        "python -m pacesetter.training.cli train experiment.yaml --runs ~/runs --name mine "
        "--address auto"
    )
    assert client.files["data/0_prices.csv"].startswith("price")
    (tmp_path / "there").mkdir()
    monkeypatch.chdir(tmp_path / "there")
    for name in ("data/0_prices.csv", "experiment.yaml"):
        (tmp_path / "there" / name).parent.mkdir(exist_ok=True)
        (tmp_path / "there" / name).write_text(client.files[name])
    there = load_experiment("experiment.yaml")
    assert there.seed == 3 and there.samples["price"].tolist() == [5.1, 5.9, 6.2]


def test_what_jobs_need_is_said(dashboard, monkeypatch):
    experiment = load_experiment("duopoly_ppo")
    found = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name: None if name == "aiohttp" else found(name)
    )
    with pytest.raises(PacesetterError, match=r"pip install 'pacesetter\[cluster\]'"):
        jobs.submit(experiment, dashboard, "~/runs", None, 5.0)
