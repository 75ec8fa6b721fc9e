"""Before anything is calibrated: how well data can tell each characteristic."""

from __future__ import annotations

import csv
import json

import numpy as np
import pytest
from small_markets import DESIGN, DEVIATION, LinearGaussian

from pacesetter.leaders.objectives.references import Planted
from pacesetter.leaders.objectives.statistic import Statistic
from pacesetter.leaders.objectives.statistics import Statistics
from pacesetter.leaders.search.random_search import RandomLeader
from pacesetter.training.cli import main
from pacesetter.training.evaluation.identify import identify
from pacesetter.training.experiments.experiment import Experiment

OF_LINES = tuple(Statistic(f"y{j}") for j in range(len(DESIGN)))
PERIODS = 4
LINEAR = """
market: {name: "small_markets:LinearGaussian"}
objective:
  name: statistics
  reference: {name: planted, theta: {x0: 1.0}, number: 400}
  statistics: [{quantity: y0}, {quantity: y1}, {quantity: y2}, {quantity: y3}, {quantity: y4}]
leader: {name: random}
"""


@pytest.fixture
def linear(tmp_path):
    path = tmp_path / "linear.yaml"
    path.write_text(LINEAR)
    return path


def experiment(statistics=OF_LINES, **options):
    objective = Statistics(Planted({}, 400), statistics, ridge=0.0)
    market = LinearGaussian(**options)
    return Experiment(name="a", market=market, objective=objective, leader=RandomLeader())


@pytest.mark.parametrize("used", [5, 3])
@pytest.mark.parametrize("paths", [None, 2500])
@pytest.mark.parametrize("whole_paths", [False, True])
def test_the_closed_form_of_least_squares(used, paths, whole_paths):
    design = DESIGN[:used]
    found = identify(experiment(OF_LINES[:used], whole_paths=whole_paths), {}, paths, 20_000)
    number = paths or 400
    exact = np.linalg.inv(design.T @ design) * DEVIATION**2 / (number * PERIODS)
    np.testing.assert_allclose(found.covariance, exact, rtol=0.06, atol=0.02 * exact.max())
    correlation = exact[0, 1] / np.sqrt(exact[0, 0] * exact[1, 1])
    for name, _, error, closest, other in found.rows():
        place = int(name[1])
        assert error == pytest.approx(np.sqrt(exact[place, place]), rel=0.03)
        assert closest == pytest.approx(correlation, abs=0.03) and other == f"x{1 - place}"
    assert found.paths == number and not found.warnings


def test_one_statistic_does_not_tell_two_characteristics():
    found = identify(experiment(OF_LINES[:1]), {}, None, 1000)
    assert [row[2] for row in found.rows()] == [None, None]
    assert len(found.warnings) == 2 and "not identified" in found.warnings[0]
    # The third equation has nothing of x0.
    found = identify(experiment(OF_LINES[2:3]), {}, None, 1000)
    assert [row[2] is None for row in found.rows()] == [True, False]
    assert [text.split()[0] for text in found.warnings] == ["x0"]


def test_a_correlation_above_95_percent_is_told():
    def told(share):
        design = tuple((a, share * b + (1 - share) * a) for a, b in DESIGN.tolist())
        exact = np.linalg.inv(np.array(design).T @ np.array(design))
        found = identify(experiment(design=design), {}, None, 4000)
        return exact[0, 1] / np.sqrt(exact[0, 0] * exact[1, 1]), found.warnings

    for share in (1.0, 0.7, 0.2, 0.05):
        correlation, warnings = told(share)
        assert abs(abs(correlation) - 0.95) > 0.01  # too close to call would prove nothing
        assert bool(warnings) == (abs(correlation) > 0.95)
        assert all("x0 and x1 can hardly be told apart" in text for text in warnings)


def test_the_command_shows_a_table_and_writes_it(linear, tmp_path, capsys):
    table, figures = tmp_path / "table.csv", tmp_path / "figures.json"
    line = ["identify", str(linear), "--paths", "100", "--theta", "x0=2", "--theta", "x1=-1"]
    assert main([*line, "--csv", str(table), "--json", str(figures)]) == 0
    shown = capsys.readouterr().out
    assert "linear: 100 paths of data" in shown and "mean(y0), mean(y1)" in shown
    with table.open(newline="") as file:
        rows = list(csv.DictReader(file))
    kept = json.loads(figures.read_text())
    assert [row["characteristic"] for row in rows] == ["x0", "x1"]
    assert [float(row["value"]) for row in rows] == [2.0, -1.0]
    exact = np.linalg.inv(DESIGN.T @ DESIGN) * DEVIATION**2 / (100 * PERIODS)
    for row, other, variance in zip(rows, kept["characteristics"], np.diag(exact), strict=True):
        assert float(row["standard_error"]) == pytest.approx(np.sqrt(variance), rel=0.08)
        assert float(row["standard_error"]) == pytest.approx(other["standard_error"])
    assert kept["paths"] == 100 and len(kept["statistics"]) == 5 and kept["warnings"] == []
    assert main(["identify", str(linear), "objective.statistics=[{quantity: y2}]"]) == 0
    shown = capsys.readouterr().out
    assert "not identified" in shown and "warning: x0 is not identified" in shown


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--theta", "x5=1"], "unknown characteristic 'x5'; did you mean"),
        (["--theta", "x0"], "--theta 'x0' is not of the form NAME=VALUE"),
        (["--theta", "x0=9"], "'x0' must lie in [-5, 5]"),
        (["--theta", "x0=many"], "with a number for the value"),
        (["--paths", "0"], "--paths: must be a whole number >= 1, got '0'"),
        (["--copies", "10"], "--copies: 5 statistics need at least 18 simulated paths, got 10"),
        (["--csv", "no/such/folder.csv"], "cannot be written"),
        (["objective.statistics=[{quantity: y9}]"], "did you mean"),
        (["objective.statistics=[{quantity: y0, kind: meen}]"], "mean"),
        (["objective.statistics=[{quantity: y0, kind: quantile}]"], "kind 'quantile' needs it"),
        (["objective.name=volatility", "objective.quantity=y0"], "declares no statistics"),
    ],
)
def test_mistakes_are_told_in_one_message(arguments, said, linear, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert main(["identify", str(linear), *arguments]) == 2
    message = capsys.readouterr().err
    assert message.startswith("pacesetter: ") and said in message


def test_a_table_of_statistics_does_not_say_how_many_paths(linear, tmp_path, capsys):
    file = tmp_path / "known.csv"
    file.write_text("statistic,value,standard_error\nmean(y0),1,0.1\nmean(y1),1,0.1\n")
    options = (
        "objective.reference.name=statistics",
        f"objective.reference.path={file}",
        "objective.statistics=[{quantity: y0}, {quantity: y1}]",
    )
    assert main(["identify", str(linear), *options]) == 2
    assert "give --paths" in capsys.readouterr().err
    assert main(["identify", str(linear), *options, "--paths", "50"]) == 0


def test_followers_that_have_not_learned_are_refused(tmp_path, capsys):
    path, data = tmp_path / "two.yaml", tmp_path / "data.csv"
    data.write_text("price\n" + "\n".join(map(str, np.linspace(0, 1, 20))))
    path.write_text(f"""
market: {{name: "small_markets:TwoGroups"}}
objective:
  name: statistics
  reference: {{name: csv, path: {data}}}
  statistics: [{{quantity: price}}]
leader: {{name: random}}
""")
    assert main(["identify", str(path)]) == 2
    assert "group 'shop' learns" in capsys.readouterr().err
    assert main(["train", str(path), "leader.name=moments", "--runs", str(tmp_path / "r")]) == 2
    message = capsys.readouterr().err
    assert "leader 'moments' compares one simulation with another" in message
