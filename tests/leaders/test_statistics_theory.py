"""Statistics of paths: by definition, in every namespace, with their slopes; what is refused."""

from __future__ import annotations

import sys

import numpy as np
import pytest
import torch
from scipy.stats import kurtosis
from small_markets import DESIGN, LinearGaussian, RuleBased

from pacesetter.envs.core.errors import PacesetterError
from pacesetter.envs.registry import make
from pacesetter.leaders.objectives.references import CsvFile, Moments, Planted
from pacesetter.leaders.objectives.statistic import Statistic
from pacesetter.leaders.objectives.statistics import Statistics, StatisticsFile
from pacesetter.leaders.objectives.target import indistinct, precision, root_of_inverse

STEPS = 12
DEFINED = {
    "mean": (Statistic("x"), lambda x, z: [x.mean()]),
    "deviation": (Statistic("x", "deviation"), lambda x, z: [x.std()]),
    "absolute": (Statistic("x", "absolute", about=0.5), lambda x, z: [abs(x - 0.5).mean()]),
    "square": (Statistic("x", "square", about=-1.0), lambda x, z: [((x + 1) ** 2).mean()]),
    "kurtosis": (Statistic("x", "kurtosis"), lambda x, z: [kurtosis(x, fisher=False)]),
    "autocovariance": (
        Statistic("x", "autocovariance", (1, 3)),
        lambda x, z: [np.mean((x - x.mean())[k:] * (x - x.mean())[:-k]) for k in (1, 3)],
    ),
    "about": (
        Statistic("x", "autocovariance", (2,), about=0.0),
        lambda x, z: [np.mean(x[2:] * x[:-2])],
    ),
    "product": (
        Statistic("x", "product", (0, 1), about=2.0, other="z"),
        lambda x, z: [np.mean(x * (z - 2)), np.mean(x[1:] * (z[:-1] - 2))],
    ),
    "quantile": (
        Statistic("x", "quantile", (0.0, 0.3, 1.0)),
        lambda x, z: np.quantile(x, [0.0, 0.3, 1.0]),
    ),
    "cosine": (
        Statistic("x", "cosine", (0.5, 2.0)),
        lambda x, z: [np.cos(w * x).mean() for w in (0.5, 2.0)],
    ),
    "path": (Statistic("x", "path"), lambda x, z: x),
}


def paths(copies=5, agents=()):
    generator = np.random.default_rng(1)
    return {name: generator.normal(size=(copies, STEPS, *agents)) for name in "xz"}


@pytest.mark.parametrize("kind", DEFINED)
def test_every_kind_is_what_its_definition_says(kind):
    statistic, defined = DEFINED[kind]
    path = paths()
    found = statistic.of(path)
    expected = [defined(x, z) for x, z in zip(path["x"], path["z"], strict=True)]
    np.testing.assert_allclose(found, expected, rtol=1e-12, atol=1e-14)
    assert len(statistic.names(STEPS)) == found.shape[1]
    many = paths(agents=(3,))
    each = [statistic.of({k: v[:, :, agent] for k, v in many.items()}) for agent in range(3)]
    np.testing.assert_allclose(statistic.of(many), np.mean(each, axis=0), rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("kind", DEFINED)
def test_torch_gives_the_numbers_of_numpy_and_their_slopes(kind):
    statistic, path = DEFINED[kind][0], paths(copies=2)
    leaves = {name: torch.tensor(value, requires_grad=True) for name, value in path.items()}
    found = statistic.of(leaves)
    np.testing.assert_allclose(found.detach(), statistic.of(path), rtol=1e-12, atol=1e-14)
    weights = np.linspace(1.0, 2.0, found.shape[1])
    (found @ torch.tensor(weights)).sum().backward()
    for place in ((0, 0), (0, 5), (1, STEPS - 1)):
        up, down = paths(copies=2), paths(copies=2)
        up["x"][place], down["x"][place] = up["x"][place] + 1e-6, down["x"][place] - 1e-6
        slope = ((statistic.of(up) - statistic.of(down)) @ weights).sum() / 2e-6
        assert float(leaves["x"].grad[place]) == pytest.approx(slope, rel=1e-5, abs=1e-8)


def test_a_constant_path_has_statistics_and_finite_slopes():
    leaf = torch.ones((2, STEPS), dtype=torch.float64, requires_grad=True)
    for statistic, _ in DEFINED.values():
        (slope,) = torch.autograd.grad(statistic.of({"x": leaf, "z": leaf}).sum(), leaf)
        assert torch.isfinite(slope).all()


def test_a_path_is_paid_its_weighted_distance():
    market = LinearGaussian()
    statistics = tuple(Statistic(f"y{j}") for j in range(len(DESIGN)))
    planted = Planted({"x0": 1.0}, 300)
    objective = Statistics(planted, statistics, ridge=0.01)
    measure = objective.measure(market, 4)
    path = {f"y{j}": np.full((1, 4), float(j)) for j in range(len(DESIGN))}
    rows = planted.rows(market, market.quantities)
    of_rows = np.stack([rows[name].mean(axis=1) for name in market.quantities], axis=1)
    covariance = np.cov(of_rows.T)
    deviation = np.sqrt(np.diag(covariance))
    ridged = covariance + 0.01 * np.diag(deviation**2)
    gap = np.arange(5.0) - of_rows.mean(axis=0)
    expected = -gap @ np.linalg.solve(ridged, gap) / 5
    assert measure.value(path)[0] == pytest.approx(expected, rel=1e-10)
    tensors = {name: torch.tensor(value) for name, value in path.items()}
    assert float(measure.value(tensors)[0]) == pytest.approx(expected, rel=1e-10)
    held = objective.holding(objective.samples(market)).measure(market, 4)
    assert held.value(path)[0] == measure.value(path)[0]


def test_planted_paths_are_the_same_in_one_go_and_step_by_step():
    """Not in their numbers, but in their law."""
    planted = Planted({"x0": 1.0, "x1": 0.5}, 4000)
    for whole in (False, True):
        rows = planted.rows(LinearGaussian(whole_paths=whole), ["y0", "y3"])
        assert rows["y0"].shape == (4000, 4)
        assert rows["y0"].mean() == pytest.approx(1.1, abs=0.03)
        assert rows["y3"].mean() == pytest.approx(2.5, abs=0.03)


def test_a_file_holds_paths_or_one_series(tmp_path):
    market = LinearGaussian(periods=2)
    file = tmp_path / "data.csv"
    file.write_text("path,y0,y1\nb,3,30\na,1,10\nb,4,40\na,2,20\n")
    rows = CsvFile(str(file)).rows(market, ["y0", "y1"])
    np.testing.assert_array_equal(rows["y0"], [[1, 2], [3, 4]])
    np.testing.assert_array_equal(rows["y1"], [[10, 20], [30, 40]])
    file.write_text("y0\n1\n2\n3\n4\n5\n")
    np.testing.assert_array_equal(CsvFile(str(file)).rows(market, ["y0"])["y0"], [[1, 2], [3, 4]])
    file.write_text("y0\n1\n2\n3\n")
    with pytest.raises(PacesetterError, match=r"3 numbers, which is not two windows of the 2"):
        CsvFile(str(file)).rows(market, ["y0"])
    file.write_text("path,y0\na,1\na,2\nb,1\n")
    with pytest.raises(PacesetterError, match=r"path 'b' has 1 lines.*has 2 steps"):
        CsvFile(str(file)).rows(market, ["y0"])


def test_a_table_of_statistics_is_a_target(tmp_path):
    file = tmp_path / "table.csv"
    file.write_text("statistic,value,standard_error\nmean(y1),2,0.5\nmean(y0),1,0.1\n")
    market = LinearGaussian()
    objective = Statistics(StatisticsFile(str(file)), (Statistic("y0"), Statistic("y1")), ridge=0.0)
    held = objective.holding(objective.samples(market))
    for one in (objective, held):
        target = one.measure(market, 4).statistics.target
        assert target.names == ("mean(y0)", "mean(y1)") and target.rows is None
        np.testing.assert_allclose(target.mean, [1.0, 2.0])
        np.testing.assert_allclose(target.weight, np.diag([100.0, 4.0]))
        np.testing.assert_allclose(target.distance(np.array([[1.1, 2.0]])), [1.0])
    for text, message in (
        ("statistic,value\nmean(y0),1\n", "'standard_error'"),
        ("statistic,value,standard_error\nmean(y),1,1\n", r"did you mean 'mean\(y\)'\?"),
        ("statistic,value,standard_error\nmean(y0),1,0\n", r"table.csv:2: .* must be finite"),
        ("", "'statistic'"),
    ):
        file.write_text(text)
        with pytest.raises(PacesetterError, match=message):
            objective.samples(market)
    with pytest.raises(PacesetterError, match="cannot be read"):
        Statistics(StatisticsFile("nowhere.csv"), (Statistic("y0"),)).samples(market)


def of_a_user(market, reference, scale=1.0):
    """Squares of the first two steps, less the reference's mean."""
    centre = reference["y0"].mean()

    def squares(path):
        return scale * (path["y0"][:, :2] - centre) ** 2

    squares.names = ("first", "second")
    return squares


def of_one_number(market, reference):
    return lambda path: path["y0"].mean(axis=1)


def of_nothing(market, reference):
    return reference["y0"]


def test_a_user_may_add_statistics(monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "statistics_of_a_user", sys.modules[__name__])
    market, planted = LinearGaussian(), Planted({"x0": 1.0}, 100)

    def made(function, statistics=(), reads=("y0",), **options):
        name = f"statistics_of_a_user:{function}"
        objective = Statistics(planted, statistics, name, reads, options)
        return objective.measure(market, 4).statistics

    compared = made("of_a_user", (Statistic("y1"),), scale=3.0)
    assert compared.target.names == ("mean(y1)", "first", "second")
    centre = planted.rows(market, ["y0"])["y0"].mean()
    path = {"y0": np.full((2, 4), 2.0), "y1": np.full((2, 4), 5.0)}
    square = 3.0 * (2.0 - centre) ** 2
    np.testing.assert_allclose(compared.of(path), [[5.0, square, square]] * 2)
    assert len(made("of_a_user").target.names) == 2
    for function, message in (
        ("of_one_number", r"shape \(100, m\); it made \(100,\)"),
        ("of_nothing", "must return a function of paths; it returned ndarray"),
        ("of_a_usr", "did you mean 'of_a_user'"),
    ):
        with pytest.raises(PacesetterError, match=message):
            made(function)
    with pytest.raises(PacesetterError, match=r"objective.reads is empty"):
        made("of_a_user", reads=())
    table = tmp_path / "table.csv"
    table.write_text("statistic,value,standard_error\nmean(y1),1,1\n")
    own = ("statistics_of_a_user:of_a_user", ("y0",))
    with pytest.raises(PacesetterError, match="needs the paths of the reference"):
        Statistics(StatisticsFile(str(table)), (Statistic("y1"),), *own).measure(market, 4)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"kind": "mean", "at": (1,)}, "at: kind 'mean' has none; leave it out, or choose auto"),
        ({"kind": "quantile"}, "at: kind 'quantile' needs it"),
        ({"kind": "quantile", "at": (1.5,)}, "a level from 0 to 1, got 1.5"),
        ({"kind": "autocovariance", "at": (0,)}, "a lag in whole steps, at least 1, got 0"),
        ({"kind": "autocovariance", "at": (1.5,)}, "a lag in whole steps, at least 1, got 1.5"),
        ({"kind": "cosine", "at": (-1,)}, "a positive frequency, got -1"),
        ({"kind": "product", "at": (1,)}, "other: kind 'product' needs it"),
        ({"kind": "square", "other": "z"}, "other: kind 'square' has none"),
        ({"kind": "deviation", "about": 1.0}, "about: kind 'deviation' has none"),
    ],
)
def test_options_that_do_not_go_together_are_refused(options, message):
    with pytest.raises(PacesetterError, match=message):
        Statistic("x", **options)


PRICE = (Statistic("price", "square"),)


@pytest.mark.parametrize(
    ("market", "objective", "message"),
    [
        (RuleBased(), Statistics(Planted(), ()), "objective.statistics lists none"),
        (RuleBased(), Statistics(Planted(), (Statistic("prise"),)), "did you mean 'price'"),
        (
            RuleBased(periods=3),
            Statistics(Planted(), (Statistic("price", "autocovariance", (3,)),)),
            "at lag 3 needs an episode of more than 3 steps",
        ),
        (RuleBased(), Statistics(Planted({}, 2), PRICE), r"2 paths.* needs at least 3"),
        (RuleBased(), Statistics(Planted(), PRICE * 2), r"square\(price\) is listed twice"),
        (RuleBased(), Statistics(Moments(0.0, 1.0), PRICE), "holds no whole paths"),
        (make("duopoly"), Statistics(Planted(), PRICE), "cannot be planted.* learned"),
        (
            RuleBased(),
            Statistics(Planted(), (Statistic("price", "quantile", (0.5,), None, ""),)),
            None,
        ),
    ],
)
def test_what_cannot_be_compared_is_refused(market, objective, message):
    if message is None:
        assert objective.measure(market, market.steps_per_episode).statistics is not None
        return
    with pytest.raises(PacesetterError, match=message):
        objective.measure(market, market.steps_per_episode)


def test_statistics_are_of_whole_episodes():
    with pytest.raises(PacesetterError, match=r"20 steps of a whole episode.*every 5"):
        Statistics(Planted(), PRICE).measure(RuleBased(), 5)


def test_what_is_the_same_in_all_paths_is_refused(tmp_path):
    file = tmp_path / "data.csv"
    file.write_text("price\n" + "1\n2\n" * 40)
    with pytest.raises(PacesetterError, match=r"square\(price\) is the same in all paths"):
        Statistics(CsvFile(str(file)), PRICE).measure(RuleBased(), 20)


def told(jacobian, rows):
    """The precision where the Jacobian of every path is the same."""
    return precision(np.broadcast_to(jacobian, (50, *jacobian.shape)), rows, 0.0)


def test_precision_is_that_of_weighted_least_squares():
    generator = np.random.default_rng(0)
    jacobian = generator.normal(size=(6, 2))
    mixing = generator.normal(size=(6, 6))
    rows = generator.normal(size=(200_000, 6)) @ mixing.T
    exact = np.linalg.inv(jacobian.T @ np.linalg.solve(mixing @ mixing.T, jacobian))
    np.testing.assert_allclose(told(jacobian, rows), exact, rtol=0.03)
    units = np.array([1e-6, 1e6])
    found = told(jacobian * units, rows)
    np.testing.assert_allclose(found, exact / np.outer(units, units), rtol=0.03)


def test_few_simulations_do_not_promise_too_much():
    """The inverse of a covariance from few rows is too large; that is taken out."""
    generator = np.random.default_rng(0)
    jacobian = np.ones((30, 1))
    found = [1.0 / told(jacobian, generator.normal(size=(100, 30)))[0, 0] for _ in range(200)]
    assert np.mean(found) == pytest.approx(30.0, rel=0.05)


def test_noise_of_jacobians_is_no_information():
    """The mean of 200 noisy ones has, in each of three statistics, a noise of 9 / 200."""
    generator = np.random.default_rng(0)
    jacobian = 8.0 * np.array([[1.0, 0.0], [0.0, 1.0], [1.0, 0.5]])
    rows = generator.normal(size=(100_000, 3))
    found, excess = [], []
    for _ in range(100):
        noisy = jacobian + 3.0 * generator.normal(size=(200, 3, 2))
        found.append(np.linalg.inv(precision(noisy, rows, 0.0)))
        excess.append(np.linalg.inv(told(noisy.mean(axis=0), rows)) - found[-1])
    np.testing.assert_allclose(np.mean(excess, axis=0), np.eye(2) * 27 / 200, atol=0.01)
    exact = np.linalg.inv(told(jacobian, rows))
    np.testing.assert_allclose(np.mean(found, axis=0), exact, atol=1.5)
    blind = [
        np.isinf(precision(generator.normal(size=(200, 3, 1)), rows, 0.0)[0, 0]) for _ in range(100)
    ]
    assert np.mean(blind) > 0.8  # there is nothing to be seen


def test_what_statistics_do_not_see_is_not_identified():
    rows = np.random.default_rng(0).normal(size=(100, 3))
    hidden = np.array([[1.0, 0.0], [1.0, 0.0], [0.0, 0.0]])
    found = told(hidden, rows)
    assert np.isfinite(found[0, 0]) and np.isinf(found[1, 1])
    assert indistinct(found, "ab") == [
        "b is not identified: no statistic is seen to depend on it apart from others; if one does, "
        "more simulations will show it."
    ]
    alike = np.array([[1.0, 1.0], [2.0, 2.0], [0.0, 0.0]])
    assert np.isinf(np.diag(told(alike, rows))).all()
    nearly = np.array([[1.0, 1.0], [1.0, 1.2], [0.0, 0.0]])
    (said,) = indistinct(told(nearly, rows), "ab")
    assert said.startswith("a and b can hardly be told apart")


def test_the_ridge_keeps_an_inverse_of_statistics_that_are_alike():
    root = root_of_inverse(np.ones((2, 2)), 0.01)
    product = root.T @ root @ (np.ones((2, 2)) + 0.01 * np.eye(2))
    np.testing.assert_allclose(product, np.eye(2), atol=1e-12)
