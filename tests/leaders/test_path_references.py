"""Price paths as a reference: files, windows of one series, and what no θ can have made."""

from __future__ import annotations

import numpy as np
import pytest

from pacesetter.envs.core.errors import PacesetterError
from pacesetter.envs.registry import make
from pacesetter.leaders.objectives.path_reference import CsvPaths, PlantedPaths, planted_theta
from pacesetter.leaders.objectives.references import Moments, UnfitReferenceError

MARKET = make("stock_market", horizon=12)


@pytest.fixture
def paths():
    return np.round(MARKET.planted_paths({}, 120, 0), 4)


def written(folder, rows, header=""):
    path = folder / "paths.csv"
    lines = [",".join(str(cell) for cell in row) for row in rows]
    path.write_text("\n".join([*([header] if header else []), *lines]) + "\n", encoding="utf-8")
    return str(path)


@pytest.mark.parametrize("header", ["", ",".join(f"p{k}" for k in range(13))])
def test_one_path_per_line(tmp_path, paths, header):
    reference = CsvPaths(written(tmp_path, paths, header))
    np.testing.assert_array_equal(reference.paths(MARKET), paths)
    np.testing.assert_array_equal(reference.sample(MARKET, "price"), paths[:, 1:].ravel())
    returns = reference.sample(MARKET, "log_return")
    np.testing.assert_allclose(returns, np.diff(np.log(paths), axis=1).ravel())
    rows = reference.rows(MARKET, ["price", "log_return"])
    np.testing.assert_array_equal(rows["price"], paths[:, 1:])
    np.testing.assert_allclose(rows["log_return"], np.diff(np.log(paths), axis=1))
    with pytest.raises(PacesetterError, match="did you mean 'price'"):
        reference.rows(MARKET, ["prise"])
    with pytest.raises(PacesetterError, match="prices show 'demand_noise'"):
        reference.sample(MARKET, "demand_noise")


@pytest.mark.parametrize("named", [False, True])
def test_one_series_is_cut_into_windows(tmp_path, capsys, named):
    series = np.round(make("stock_market", horizon=1255).planted_paths({}, 1, 0)[0], 4)
    rows = [[f"day {k}", p] for k, p in enumerate(series)] if named else series[:, None]
    reference = CsvPaths(
        written(tmp_path, rows, "date,close" if named else ""), "close" if named else ""
    )
    windows = reference.paths(MARKET)
    assert (
        "1256 prices was cut into 104 windows of 12 periods; the last 7" in capsys.readouterr().out
    )
    assert windows.shape == (104, 13)
    np.testing.assert_array_equal(windows[5], series[60:73])


def broken(paths, row, column, value):
    changed = paths.astype(object)
    changed[row, column] = value
    return changed.tolist()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda p: p[:99].tolist(), r"paths.csv:99: column 1 belongs to path 99, .* at least 100"),
        (
            lambda p: [*p[:50].tolist(), p[50, :7].tolist(), *p[51:].tolist()],
            r"csv:51: a path of 7",
        ),
        (lambda p: p[:, :9].tolist(), r"has 9 prices; .* makes 13, .*market.horizon: 8"),
        (lambda p: broken(p, 4, 2, 0.0), r"csv:5: column 3 is 0: prices must be positive"),
        (lambda p: broken(p, 4, 2, "n/a"), r"csv:5: column 3 holds 'n/a'"),
        (lambda p: broken(p, 4, 2, "inf"), r"csv:5: column 3 holds 'inf'"),
        (lambda p: [*p[:8].tolist(), [100.0] * 13, *p[9:].tolist()], r"csv:9: column 1 never"),
        (lambda p: broken(p, 7, 0, 150.0), r"csv:8: column 2 is .*moved by a share of .*0\.05 at"),
        (lambda p: [], "is empty"),
        (lambda p: p[:, :1].tolist(), r"120 prices gives 9 windows of 12 .* 1201 prices"),
    ],
)
def test_what_no_market_can_have_made_is_refused_with_its_place(tmp_path, paths, change, message):
    with pytest.raises(PacesetterError, match=message):
        CsvPaths(written(tmp_path, change(paths))).paths(MARKET)


def test_refuses_files_columns_and_markets_that_are_not_there(tmp_path, paths):
    with pytest.raises(PacesetterError, match="cannot be read: No such file"):
        CsvPaths(str(tmp_path / "none.csv")).paths(MARKET)
    with pytest.raises(PacesetterError, match="'clos'; did you mean 'close'"):
        CsvPaths(written(tmp_path, [["a", 1.0]], "date,close"), "clos").paths(MARKET)
    with pytest.raises(UnfitReferenceError, match="has no price paths"):
        PlantedPaths().paths(make("duopoly"))


def test_planted_paths_are_those_of_the_market():
    reference = PlantedPaths({"noise_private": 2.0}, number=150, seed=3)
    theta = MARKET.characteristics.validate({"noise_private": 2.0})[0]
    np.testing.assert_array_equal(reference.paths(MARKET), MARKET.planted_paths(theta, 150, 3))
    assert planted_theta(reference, MARKET)["noise_private"] == 2.0
    assert planted_theta(Moments(0.0, 1.0), MARKET) is None
