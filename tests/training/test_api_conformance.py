"""Pacesetter from Python: what the one page of the documentation says works."""

from __future__ import annotations

import inspect
import re
import subprocess
import sys

import numpy as np
import pytest

import pacesetter
from pacesetter.envs.core.errors import PacesetterError
from pacesetter.training.cli import main

QUICK = [
    "training.route=local",
    "training.copies=8",
    "training.rollout_steps=4",
    "training.pretrain_iterations=2",
    "training.iterations=2",
    "followers.minibatch_size=16",
    "evaluation.copies=4",
    "evaluation.episodes=2",
]


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    experiment = pacesetter.load_experiment("duopoly_ppo", QUICK)
    return pacesetter.train(experiment, runs=tmp_path_factory.mktemp("runs"), quiet=True)


def test_a_run_holds_results_history_answer_figures_and_policies(run):
    assert run.finished and run.experiment.name == "duopoly_ppo"
    assert run.results["theta/leader_quantity"] == run.answer["leader_quantity"]
    assert run.history["iteration"].tolist() == [0, 1, 2, 3]
    assert np.isfinite(run.history["leader/objective"][-1])
    assert set(run.policies) == {"follower", "leader"}
    quantity = run.policies["follower"].act([0.0], {"leader_quantity": 6.0})
    assert quantity.shape == (1,) and 0.0 <= quantity[0] <= 12.0
    figures = run.figures()
    assert "training" in figures and all(f.axes for f in figures.values())
    again = pacesetter.Run.open(run.path)
    assert again.results == run.results
    assert pacesetter.evaluate(run.path).results == run.results


def test_a_run_shows_itself_in_a_notebook(run):
    assert repr(run) == f"Run({str(run.path)!r})"
    shown = run._repr_html_()
    assert "θ: leader_quantity" in shown and 'src="data:image/png;base64,' in shown
    assert run.figures()._repr_html_() in shown


def test_a_run_is_certified_and_asked_what_if(run):
    assert run.certificate is None
    found = pacesetter.retrain(run, quiet=True)
    assert found is not None and "leader_gap" in found
    assert run.certificate is None  # which says more, and is another question
    what_if = pacesetter.counterfactual(run, {"leader_quantity": 2.0})
    assert what_if.new == {"leader_quantity": 2.0}


def test_a_report_to_share_is_one_file(run, capsys):
    assert main(["report", str(run.path), "--html"]) == 0
    assert "report.html" in capsys.readouterr().out
    page = (run.path / "report.html").read_text(encoding="utf-8")
    assert page == run.html()
    for part in ("duopoly_ppo, seed 0", "published or exact", "config.yaml", "torch", "viewport"):
        assert part in page
    # Nothing is loaded from elsewhere, and no tag is left open.
    assert not re.search(r'(src|href)="(?!data:image/png)', page)
    for tag in ("table", "tr", "td", "th", "div", "figure", "details", "pre", "body", "html"):
        assert len(re.findall(f"<{tag}[ >]", page)) == page.count(f"</{tag}>"), tag


def test_an_interrupted_run_is_not_finished_and_goes_on(tmp_path, monkeypatch):
    from pacesetter.training.loop import trainer

    experiment = pacesetter.load_experiment("duopoly_ppo", QUICK)
    with monkeypatch.context() as patch:
        patch.setattr(trainer.Progress, "show", _interrupt_after_the_second)
        run = pacesetter.train(experiment, runs=tmp_path, quiet=True)
    assert not run.finished and "not finished" in run._repr_html_()
    with pytest.raises(PacesetterError, match="training has not finished"):
        _ = run.answer
    with pytest.raises(PacesetterError, match="holds a run already"):
        pacesetter.train(experiment, runs=tmp_path, quiet=True)
    assert pacesetter.resume(run, quiet=True).finished
    assert run.results  # the same folder


def _interrupt_after_the_second(self, iteration, scalars):
    import os
    import signal

    if iteration == 2:
        os.kill(os.getpid(), signal.SIGINT)


def test_mistakes_are_said_at_once(tmp_path):
    with pytest.raises(PacesetterError, match="did you mean"):
        pacesetter.train("duopoly_pppo", runs=tmp_path)
    experiment = pacesetter.load_experiment("duopoly_ppo", QUICK)
    with pytest.raises(PacesetterError, match="give them to load_experiment"):
        pacesetter.train(experiment, ["seed=3"], runs=tmp_path)
    assert not list(tmp_path.iterdir())
    with pytest.raises(AttributeError, match="has no attribute 'trian'"):
        _ = pacesetter.trian


def test_the_whole_face_is_typed_and_documented():
    assert set(pacesetter.__all__) <= set(dir(pacesetter))
    for name in set(pacesetter.__all__) - {"__version__"}:
        found = getattr(pacesetter, name)
        assert inspect.getdoc(found), name
        if inspect.isfunction(found):
            signature = inspect.signature(found)
            assert signature.return_annotation is not signature.empty, name
            for parameter in signature.parameters.values():
                assert parameter.annotation is not parameter.empty, (name, parameter)


def test_the_root_stays_light():
    program = (
        "import sys, pacesetter\n"
        "heavy = {'numpy', 'gymnasium', 'torch', 'ray', 'matplotlib', 'scipy'}\n"
        "assert not heavy & set(sys.modules), heavy & set(sys.modules)\n"
    )
    subprocess.run([sys.executable, "-c", program], check=True)


@pytest.mark.parametrize(
    ("name", "package", "extra"),
    [("sb3_env", "stable_baselines3", "sb3"), ("register_with_rllib", "ray", "train")],
)
def test_what_needs_an_extra_names_it(name, package, extra):
    program = (
        "import sys, pacesetter\n"
        "class Missing:\n"
        "    def find_spec(self, name, *_):\n"
        f"        if name.partition('.')[0] == {package!r}:\n"
        "            raise ModuleNotFoundError(name=name.partition('.')[0])\n"
        "sys.meta_path.insert(0, Missing())\n"
        "try:\n"
        f"    pacesetter.{name}\n"
        "except pacesetter.PacesetterError as error:\n"
        "    print(error)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert f"pip install 'pacesetter[{extra}]'" in done.stdout


def test_a_command_that_needs_an_extra_names_it():
    program = (
        "import sys\n"
        "class Missing:\n"
        "    def find_spec(self, name, *_):\n"
        "        if name.partition('.')[0] == 'ray':\n"
        "            raise ModuleNotFoundError(name=name)\n"
        "sys.meta_path.insert(0, Missing())\n"
        "from pacesetter.training.cli import main\n"
        "sys.exit(main(['bench', 'physics']))\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.returncode == 2
    assert "ray is not installed; pip install 'pacesetter[train]'" in done.stderr
    assert "Traceback" not in done.stderr
