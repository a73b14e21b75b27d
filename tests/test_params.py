"""Parameter generators against known outputs, and the CSV reader against files written here."""

from __future__ import annotations

import json
import math
import os
from pathlib import Path

import numpy as np
import pytest

from marl_ffi import demo
from marl_ffi.errors import DtypeError, InvalidInputError, MarketInputError, UnknownNameError
from marl_ffi.market.params import (
    advanced_params,
    bess_params,
    competitive_params,
    default_params,
    params_from_csv,
)

GOLDEN = json.loads((Path(__file__).parent / "golden" / "market_golden.json").read_text())
EXAMPLE = demo.EXAMPLE

FLEET = """unit_id,group,fuel,capacity_mw,cost_usd_per_mwh
A,thermal,Coal,100,20.5
B,hydro,Hydro,50,0

C,thermal,NG,80,31
D,thermal,Oil,0,120
"""
LOAD = "hour,load_mw\n" + "".join(f"{hour},{100 + hour}\n" for hour in range(30))


def same_params(got, expected):
    assert set(got) == set(expected)
    # the demand of two generators is a sine, which vector units may round differently in the last places
    np.testing.assert_array_max_ulp(
        np.array(got["demand_profile"]), np.array(expected["demand_profile"]), maxulp=4
    )
    for key in set(expected) - {"demand_profile"}:
        assert got[key] == expected[key], key


def plain(value):
    if isinstance(value, dict):
        return all(isinstance(key, str) and plain(each) for key, each in value.items())
    if isinstance(value, list):
        return all(map(plain, value))
    return type(value) in (int, float, bool, str)


@pytest.mark.parametrize(
    "case", GOLDEN["params"]["make_default_params"], ids=lambda c: f"N{c['N']}-T{c['T']}"
)
def test_default_params(case):
    same_params(default_params(case["N"], case["T"]), case["out"])


@pytest.mark.parametrize(
    "case", GOLDEN["params"]["make_competitive_params"], ids=lambda c: f"N{c['N']}-T{c['T']}"
)
def test_competitive_params(case):
    same_params(competitive_params(case["N"], case["T"], case["competition_rate"]), case["out"])


def test_competitive_costs_come_in_levels():
    assert competitive_params(7, 24, 3)["costs"] == [20, 20, 20, 30, 30, 40, 40]
    assert competitive_params(4, 24, 4)["costs"] == [20] * 4


def test_competitive_demand_peaks_just_below_the_capacity_without_one_generator():
    params = competitive_params(6, 24)
    assert max(params["demand_profile"]) == pytest.approx(sum(params["capacities"][:-1]) - 1, abs=1e-9)


@pytest.mark.parametrize(
    "case",
    [GOLDEN["params"]["advanced_get_params"][0], *GOLDEN["params"]["new_branch"]["make_advanced_params"]],
    ids=lambda c: f"N{c['N']}",
)
def test_advanced_params_are_exact(case):
    assert advanced_params(case["N"], case["T"]) == case["out"]


def test_advanced_params_cut_and_repeat_the_week():
    week = advanced_params()["demand_profile"]
    assert advanced_params(5, 24)["demand_profile"] == week[:24]
    assert advanced_params(5, 400)["demand_profile"] == (week * 3)[:400]
    assert max(week) == 105.0


@pytest.mark.parametrize("make", [default_params, competitive_params, advanced_params, bess_params])
@pytest.mark.parametrize("n", [2, 5, 9])
@pytest.mark.parametrize("hours", [1, 24, 200])
def test_every_generator_is_consistent_and_plain(make, n, hours):
    params = make(n, hours)
    assert (
        params["N_generators"] == len(params["capacities"]) == len(params["costs"]) == n - ("bess" in params)
    )
    assert params["T"] == len(params["demand_profile"]) == hours
    assert min(params["demand_profile"]) > 0
    assert plain(params)
    assert json.loads(json.dumps(params)) == params


def test_bess_params():
    golden = GOLDEN["storage_extension"]["hourly_episodes"][0]["params"]
    same_params(bess_params(), golden)
    changed = bess_params(
        3, 12, power_mw=10, duration_h=2, efficiency_rt=1, initial_soc_frac=0, bid_ref=-5, day_ahead=True
    )
    assert changed["bess"] == {
        "power_mw": 10, "duration_h": 2, "efficiency_rt": 1, "initial_soc_frac": 0, "bid_ref": -5,
    }  # fmt: skip
    assert changed["day_ahead"] is True
    assert changed["N_generators"] == 2


@pytest.mark.parametrize(
    ("make", "error", "words"),
    [
        (lambda: default_params(0), InvalidInputError, "N: .*at least 1"),
        (lambda: default_params(5, 0), InvalidInputError, "T: .*at least 1"),
        (lambda: default_params(2.5), DtypeError, "N: .*integer"),
        (lambda: default_params(True), DtypeError, "N: .*integer"),
        (lambda: competitive_params(1), InvalidInputError, "N: .*at least 2"),
        (lambda: competitive_params(4, 24, 0), InvalidInputError, "competition_rate: .*at least 1"),
        (lambda: competitive_params(4, 24, 1.5), DtypeError, "competition_rate"),
        (lambda: advanced_params(-1), InvalidInputError, "N"),
        (lambda: bess_params(1), InvalidInputError, "N: .*at least 2"),
        (lambda: bess_params(power_mw=0), MarketInputError, "power_mw"),
        (lambda: bess_params(duration_h=-1), MarketInputError, "duration_h"),
        (lambda: bess_params(efficiency_rt=1.01), MarketInputError, "efficiency_rt"),
        (lambda: bess_params(efficiency_rt=0), MarketInputError, "efficiency_rt"),
        (lambda: bess_params(initial_soc_frac=-0.1), MarketInputError, "initial_soc_frac"),
        (lambda: bess_params(bid_ref=math.nan), MarketInputError, "bid_ref"),
        (lambda: bess_params(bid_ref="dear"), MarketInputError, "bid_ref"),
    ],
)
def test_generators_refuse(make, error, words):
    with pytest.raises(error, match=words):
        make()


# ------------------------------------------------------------------------------------------------------------
# CSV files


@pytest.fixture
def files(tmp_path):
    fleet, load = tmp_path / "fleet.csv", tmp_path / "load.csv"
    fleet.write_text(FLEET)
    load.write_text(LOAD)
    return fleet, load


def test_csv_to_params(files):
    params = params_from_csv(*files)
    assert params == {
        "N_generators": 4,
        "T": 24,
        "demand_profile": [100.0 + hour for hour in range(24)],
        "capacities": [100.0, 50.0, 80.0, 0.0],
        "costs": [20.5, 0.0, 31.0, 120.0],
        "max_bid_delta": 50.0,
        "lambda_bid_penalty": 0.01,
        "unit_ids": ["A", "B", "C", "D"],
        "groups": ["thermal", "hydro", "thermal", "thermal"],
        "fuels": ["Coal", "Hydro", "NG", "Oil"],
    }
    assert plain(params)


@pytest.mark.parametrize(
    ("hours", "expected"),
    [
        (3, [100, 101, 102]),
        ((28, 30), [128, 129]),
        (range(0, 30, 10), [100, 110, 120]),
        (slice(27, None), [127, 128, 129]),
        (slice(-2, None), [128, 129]),
        (np.int64(1), [100]),
        (None, list(range(100, 130))),
    ],
)
def test_csv_hours(files, hours, expected):
    assert params_from_csv(*files, hours=hours)["demand_profile"] == expected


def test_csv_selection(files):
    assert params_from_csv(*files, groups=("hydro", "thermal"))["unit_ids"] == ["A", "B", "C", "D"]
    assert params_from_csv(*files, groups="hydro")["unit_ids"] == ["B"]
    assert params_from_csv(*files, units=["C", "A"])["unit_ids"] == ["C", "A"]
    assert params_from_csv(*files, units=["C"], groups=["thermal"])["costs"] == [31.0]


def test_csv_other_columns_and_a_byte_order_mark(tmp_path):
    fleet, load = tmp_path / "f.csv", tmp_path / "l.csv"
    fleet.write_text("MW , price\n 10 , -3\n20,4\n", encoding="utf-8-sig")
    load.write_text("demand\n5\n", encoding="utf-8-sig")
    params = params_from_csv(
        fleet, load, hours=1, capacity_column="MW", cost_column="price", load_column="demand", max_bid_delta=9
    )
    assert params["capacities"] == [10, 20]
    assert params["costs"] == [-3, 4]
    assert params["unit_ids"] == ["unit_0", "unit_1"]
    assert params["groups"] == params["fuels"] == ["", ""]
    assert params["max_bid_delta"] == 9.0


@pytest.mark.parametrize(
    ("options", "error", "words"),
    [
        ({"cost_column": "cost"}, UnknownNameError, "cost_usd_per_mwh"),
        ({"capacity_column": "capacity"}, UnknownNameError, "capacity_mw"),
        ({"load_column": "load"}, UnknownNameError, "load_mw"),
        ({"groups": ["termal"]}, UnknownNameError, "'thermal'.*hydro, thermal"),
        ({"groups": ["hydro"], "group_column": "grp"}, UnknownNameError, "group"),
        ({"units": ["E"]}, UnknownNameError, "unit"),
        ({"units": ["A", "A"]}, InvalidInputError, "twice"),
        ({"units": ["A"], "groups": ["hydro"]}, UnknownNameError, "'A'"),
        ({"groups": []}, InvalidInputError, "no unit is selected"),
        ({"hours": 31}, InvalidInputError, "hours 0 to 30 .*hours 0 to 29"),
        ({"hours": (29, 31)}, InvalidInputError, "hours 29 to 30"),
        ({"hours": range(-1, 3)}, InvalidInputError, "hours -1 to 2"),
        ({"hours": slice(0, 40)}, InvalidInputError, "30 hours"),
        ({"hours": 0}, InvalidInputError, "no hour"),
        ({"hours": (3, 3)}, InvalidInputError, "no hour"),
        ({"hours": "day"}, InvalidInputError, "hours must be"),
        ({"hours": (1, 2, 3)}, InvalidInputError, "start, stop"),
    ],
)
def test_csv_options_refused(files, options, error, words):
    with pytest.raises(error, match=words):
        params_from_csv(*files, **options)


@pytest.mark.parametrize(
    ("which", "old", "new", "words"),
    [
        (
            "fleet",
            "C,thermal,NG,80,31",
            "C,thermal,NG,80,cheap",
            "row 5, column 'cost_usd_per_mwh': 'cheap' is not",
        ),
        ("fleet", "A,thermal,Coal,100", "A,thermal,Coal,", "row 2, column 'capacity_mw': '' is not a number"),
        ("fleet", "Coal,100", "Coal,-1", "row 2, column 'capacity_mw': .*at least 0"),
        ("fleet", "Coal,100", "Coal,inf", "row 2, column 'capacity_mw': 'inf' is not finite"),
        ("fleet", "100,20.5", "100,nan", "row 2, column 'cost_usd_per_mwh': 'nan' is not finite"),
        ("fleet", "A,thermal,Coal", "A,thermal", "row 2 has 4 cells, the header has 5"),
        ("load", "7,107", "7,0", r"row 9 \(hour 7\), column 'load_mw': .*greater than 0.*curtail"),
        ("load", "7,107", "7,-4", "row 9 .*floor"),
        ("load", "7,107", "7,x", "row 9, column 'load_mw': 'x' is not a number"),
    ],
)
def test_csv_cells_refused(files, which, old, new, words):
    path = files[0] if which == "fleet" else files[1]
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))
    with pytest.raises(InvalidInputError, match=words) as caught:
        params_from_csv(*files)
    assert str(path) in str(caught.value)


def test_csv_bad_hours_matter_only_where_they_are_chosen(files):
    files[1].write_text(LOAD.replace("7,107", "7,-4"))
    assert params_from_csv(*files, hours=(8, 10))["demand_profile"] == [108, 109]


def test_csv_missing_and_empty_files(files, tmp_path):
    with pytest.raises(FileNotFoundError, match=r"no fleet file at .*nowhere\.csv"):
        params_from_csv(tmp_path / "nowhere.csv", files[1])
    with pytest.raises(FileNotFoundError, match="no load file"):
        params_from_csv(files[0], tmp_path)
    files[0].write_text("")
    with pytest.raises(InvalidInputError, match="empty"):
        params_from_csv(*files)
    files[0].write_text(FLEET.splitlines()[0])
    with pytest.raises(InvalidInputError, match="no units"):
        params_from_csv(*files)
    files[0].write_bytes(b"\xff\xfe\x00")
    with pytest.raises(InvalidInputError, match="UTF-8"):
        params_from_csv(*files)


def test_csv_units_with_one_name_cannot_be_chosen_by_name(files):
    files[0].write_text(FLEET.replace("C,", "A,"))
    assert params_from_csv(*files)["N_generators"] == 4
    with pytest.raises(InvalidInputError, match="same name"):
        params_from_csv(*files, units=["A"])


# ------------------------------------------------------------------------------------------------------------
# The example in the package, and real data where the user has some


def test_example_load_follows_the_formula_of_its_readme():
    load = params_from_csv(EXAMPLE / "example_fleet.csv", EXAMPLE / "example_load.csv", hours=None)[
        "demand_profile"
    ]
    day = (0.97, 1.00, 1.01, 1.00, 0.96, 0.86, 0.82)
    wave = [
        1 + 0.20 * math.cos(2 * math.pi * (x - 15) / 24) + 0.09 * math.cos(4 * math.pi * (x - 8) / 24)
        for x in range(24)
    ]
    expected = [3700 * factor * hour for factor in day for hour in wave]
    np.testing.assert_allclose(load, expected, atol=1e-4)


def test_example_fleet_is_what_its_readme_says():
    fleet = params_from_csv(EXAMPLE / "example_fleet.csv", EXAMPLE / "example_load.csv")
    total = {
        group: sum(c for c, g in zip(fleet["capacities"], fleet["groups"]) if g == group)
        for group in set(fleet["groups"])
    }
    assert total == {"thermal": 4250, "hydro": 360, "wind": 500, "solar": 250}
    assert fleet["N_generators"] == 24
    rows = [line.split(",") for line in (EXAMPLE / "example_fleet.csv").read_text().splitlines()[1:]]
    for row in rows:
        heat_rate, fuel_price, vom, cost = (float(row[index]) for index in (7, 8, 9, 10))
        assert cost == pytest.approx(heat_rate / 1000 * fuel_price + vom, abs=1e-4)


DIRECTORIES = [str(EXAMPLE), *filter(None, [os.environ.get(demo.DATA_VARIABLE)])]


@pytest.mark.parametrize("directory", DIRECTORIES)
def test_self_check_of_every_data_directory(directory, monkeypatch):
    monkeypatch.setenv(demo.DATA_VARIABLE, directory)
    data = demo.find_data()
    day = demo.clear_day(params_from_csv(data.fleet, data.load, groups=("thermal", "hydro")))
    checks = demo.self_check(data, day)
    assert len(checks) >= 3
    assert [check for check in checks if not check.passed] == []


def test_year_summary_by_hand(tmp_path):
    """Units of 100, 50 and 30 MW at 10, 20 and 40; loads of 90, 140, 160 and 200 MW, the last 20 short."""
    fleet, load = tmp_path / "fleet.csv", tmp_path / "load.csv"
    fleet.write_text("unit_id,capacity_mw,cost_usd_per_mwh\nlow,100,10\nmid,50,20\nhigh,30,40\n")
    load.write_text("load_mw\n90\n140\n160\n200\n")
    summary = demo.year_summary(params_from_csv(fleet, load, hours=None))
    assert summary == {
        "units": 3, "capacity": 180.0, "at_min": 10.0, "at_mean": 20.0, "at_max": 40.0, "year_mean": 27.5,
        "hours_short": 1, "unserved_mwh": 20.0,
    }  # fmt: skip


def test_clear_day_by_hand(tmp_path):
    fleet, load = tmp_path / "fleet.csv", tmp_path / "load.csv"
    fleet.write_text("unit_id,capacity_mw,cost_usd_per_mwh\nhigh,30,40\nlow,100,10\nmid,50,20\n")
    load.write_text("load_mw\n90\n140\n160\n200\n")
    day = demo.clear_day(params_from_csv(fleet, load, hours=4))
    assert day.prices.tolist() == [10, 20, 40, 40]
    assert day.marginal == [1, 2, 0, 0]
    assert day.unserved.tolist() == [0, 0, 0, 20]
    assert day.q_cleared.tolist() == [[0, 90, 0], [0, 100, 40], [10, 100, 50], [30, 100, 50]]


def test_self_check_notices_a_wrong_price(files):
    day = demo.clear_day(params_from_csv(*files, hours=3))
    good = demo.self_check(demo.Data(*files, "test"), day)
    assert all(check.passed for check in good)
    day.prices[1] += 1e-9
    bad = demo.self_check(demo.Data(*files, "test"), day)
    assert [check.passed for check in bad] == [False, True, True]
