"""Games of two players, security strategies, population dynamics: answers of libraries, held against definitions."""

from __future__ import annotations

import sys

import numpy as np
import pytest

from marl_ffi import game_theory as gt
from marl_ffi.errors import InvalidInputError, ShapeError
from marl_ffi.game_theory import bimatrix, dynamics

HAWK_DOVE = [[-1, 4], [0, 2]]
COORDINATION = [[2, 0], [0, 1]]
PENNIES = [[1, -1], [-1, 1]]
REST_TRAP = gt.SymmetricGame(
    [[1620.8, 1848.0, 2278.3, 2871.5], [1859.6, 2293.1, 2896.6, -971.3]], 4, names=["fighter", "rider"]
)


def best_gains(rows, columns, row, column):
    """What each player gains by its best pure reply, entry by entry."""
    pay = [sum(m[i][j] * row[i] * column[j] for i in range(len(row)) for j in range(len(column))) for m in (rows, columns)]
    by_row = max(sum(rows[i][j] * column[j] for j in range(len(column))) for i in range(len(row)))
    by_column = max(sum(columns[i][j] * row[i] for i in range(len(row))) for j in range(len(column)))
    return by_row - pay[0], by_column - pay[1]


# ------------------------------------------------------------------------------------------------------------
# Two players


@pytest.mark.parametrize(
    ("rows", "columns", "expected"),
    [
        (HAWK_DOVE, None, {((1, 0), (0, 1)), ((0, 1), (1, 0)), ((2 / 3, 1 / 3), (2 / 3, 1 / 3))}),
        (COORDINATION, None, {((1, 0), (1, 0)), ((0, 1), (0, 1)), ((1 / 3, 2 / 3), (1 / 3, 2 / 3))}),
        (PENNIES, np.negative(PENNIES), {((0.5, 0.5), (0.5, 0.5))}),
        ([[1]], None, {((1,), (1,))}),
    ],
)
def test_textbook_games(rows, columns, expected):
    found = gt.bimatrix_nash(rows, columns)
    got = {(tuple(np.round(e.row, 9)), tuple(np.round(e.column, 9))) for e in found}
    assert got == {tuple(tuple(np.round(side, 9)) for side in pair) for pair in expected}
    assert found.complete and not found.degenerate


@pytest.mark.parametrize("shape", [(2, 2), (3, 4), (5, 2), (4, 4)])
def test_random_games(shape):
    for seed in range(4):
        rng = np.random.default_rng(seed)
        rows, columns = rng.normal(size=(2, *shape)) * 1e3
        found = gt.bimatrix_nash(rows, columns)
        assert found.complete and len(found) % 2 == 1
        for each in found:
            gains = best_gains(rows, columns, each.row, each.column)
            np.testing.assert_allclose(each.regrets, np.maximum(gains, 0), atol=1e-9)
            assert each.regret < 1e-5


@pytest.mark.parametrize(
    ("rows", "columns"),
    [
        ([[1, 1], [1, 1]], None),
        ([[3, 3], [2, 5], [0, 6]], [[3, 3], [2, 6], [3, 1]]),  # the textbook's degenerate game
        ([[0, 0, 0]], [[1, 1, 0]]),
        ([[1, 0], [1, 0]], [[0, 0], [1, 1]]),
    ],
)
def test_degenerate_games_have_answers_and_say_so(rows, columns):
    found = gt.bimatrix_nash(rows, columns)
    assert len(found) >= 2 and found.degenerate and not found.complete
    others = np.transpose(rows) if columns is None else columns
    for each in found:
        assert max(best_gains(rows, others, each.row, each.column)) <= 1e-9
    assert "there may be others" in repr(found)


def test_a_wrong_answer_of_the_library_is_dropped(monkeypatch):
    import nashpy

    lie = [(np.array([1.0, 0.0]), np.array([1.0, 0.0])), (np.array([0.5]), np.array([1.0, 0.0]))]
    monkeypatch.setattr(nashpy.Game, "support_enumeration", lambda self, **_: iter(lie))
    monkeypatch.setattr(nashpy.Game, "vertex_enumeration", lambda self: iter([]))
    found = gt.bimatrix_nash(PENNIES, np.negative(PENNIES))
    assert len(found) == 0 and not found.complete


def test_a_search_that_breaks_does_not_break_the_other(monkeypatch):
    import nashpy

    def broken(self, **_):
        yield np.array([0.5, 0.5]), np.array([0.5, 0.5])
        raise ValueError("degenerate")

    monkeypatch.setattr(nashpy.Game, "support_enumeration", broken)
    assert len(gt.bimatrix_nash(COORDINATION)) == 3


def test_wrong_games():
    with pytest.raises(ShapeError, match="square"):
        gt.bimatrix_nash([[1, 2, 3], [4, 5, 6]])
    with pytest.raises(ShapeError, match=r"column_payoffs: expected shape \(2, 2\)"):
        gt.bimatrix_nash([[1, 2], [3, 4]], [[1, 2]])
    with pytest.raises(InvalidInputError, match="nan"):
        gt.bimatrix_nash([[1, np.nan], [3, 4]])
    with pytest.raises(InvalidInputError, match="too large|more than"):
        gt.bimatrix_nash(np.eye(9))
    with pytest.raises(InvalidInputError, match="tolerance"):
        gt.bimatrix_nash(PENNIES, tolerance=2)


# ------------------------------------------------------------------------------------------------------------
# Maxmin


@pytest.mark.parametrize(
    ("matrix", "expected", "value"),
    [(HAWK_DOVE, [0, 1], 0), ([[3, 0], [5, 1]], [0, 1], 1), (COORDINATION, [1 / 3, 2 / 3], 2 / 3), (PENNIES, [0.5, 0.5], 0)],
)
def test_maxmin(matrix, expected, value):
    found = gt.maxmin(matrix)
    np.testing.assert_allclose(found.probabilities, expected, atol=1e-9)
    assert found.value == pytest.approx(value, abs=1e-9)


def test_maxmin_is_not_beaten_by_any_mixture():
    matrix = np.random.default_rng(0).normal(size=(4, 6)) * 1e5
    found = gt.maxmin(matrix, names=list("abcd"), units="points")
    worst = (np.random.default_rng(1).dirichlet(np.ones(4), 5000) @ matrix).min(axis=1)
    assert found.value >= worst.max() and found.value == pytest.approx((found.probabilities @ matrix).min())
    assert "points" in repr(found)


def test_wrong_maxmin():
    with pytest.raises(InvalidInputError, match="nan"):
        gt.maxmin([[np.nan]])
    with pytest.raises(ShapeError, match="names"):
        gt.maxmin(PENNIES, names=["a"])


# ------------------------------------------------------------------------------------------------------------
# Dynamics


def test_replicator_goes_to_the_equilibrium():
    path = gt.replicator(REST_TRAP)
    assert path.final[1] == pytest.approx(0.482, abs=5e-4) and path.regret < 1e-6
    assert path.shares.shape == (200, 2) and path.times[-1] == 1000
    np.testing.assert_allclose(path.shares.sum(axis=1), 1)


def test_replicator_depends_on_where_it_starts():
    for start, end in (([0.3, 0.7], [0, 1]), ([0.4, 0.6], [1, 0]), ([1 / 3, 2 / 3], [1 / 3, 2 / 3]), ([0, 1], [0, 1])):
        path = gt.replicator(gt.SymmetricGame(COORDINATION), start, duration=100, num_times=11)
        np.testing.assert_allclose(path.final, end, atol=1e-3)


def test_replicator_of_a_cycle_does_not_settle():
    """Rock, paper, scissors: the product of shares stays what it was."""
    game = gt.SymmetricGame([[0, -1, 1], [1, 0, -1], [-1, 1, 0]])
    path = gt.replicator(game, [0.5, 0.3, 0.2], duration=50)
    np.testing.assert_allclose(path.shares.prod(axis=1), 0.03, rtol=1e-4)
    assert path.regret > 0.01


def test_alpha_rank_sees_the_asymmetric_equilibria():
    """Three free riders and a firefighter: the pure equilibria of rest_trap's table."""
    ranks = gt.alpha_rank(REST_TRAP)
    [(profile, share), *_] = ranks.profiles.items()
    assert profile == ("fighter", "rider", "rider", "rider") and share > 0.95
    assert ranks.probabilities[1] == pytest.approx(0.75, abs=0.01) and ranks.ranking[0][0] == "rider"


def test_alpha_rank_of_two_players():
    np.testing.assert_allclose(gt.alpha_rank([[0, -1, 1], [1, 0, -1], [-1, 1, 0]]).probabilities, 1 / 3)
    dominant = gt.alpha_rank([[3, 0], [5, 1]], alpha=5.0)
    assert dominant.probabilities[1] > 0.99
    assert gt.alpha_rank([[4]]).probabilities.tolist() == [1]


def test_wrong_dynamics():
    with pytest.raises(InvalidInputError, match="4096 states"):
        gt.alpha_rank(gt.SymmetricGame(np.zeros((4, 56)), 6))
    with pytest.raises(InvalidInputError, match="start"):
        gt.replicator(REST_TRAP, [0.5, 0.6])
    with pytest.raises(InvalidInputError, match="duration"):
        gt.replicator(REST_TRAP, duration=0)
    with pytest.raises(InvalidInputError, match="alpha"):
        gt.alpha_rank(REST_TRAP, alpha=1000.0, population=100)


@pytest.mark.parametrize(
    ("call", "package", "extra"),
    [
        (lambda: gt.bimatrix_nash(PENNIES), "nashpy", "nash"),
        (lambda: gt.maxmin(PENNIES), "scipy", "nash"),
        (lambda: gt.alpha_rank(REST_TRAP), "open_spiel", "egt"),
        (lambda: gt.replicator(REST_TRAP), "open_spiel", "egt"),
    ],
)
def test_a_missing_package_is_named_with_its_extra(monkeypatch, call, package, extra):
    for name in list(sys.modules):
        if name.split(".")[0] == package:
            monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(ModuleNotFoundError, match=rf"{package}: pip install marl_ffi\[{extra}\]"):
        call()


@pytest.mark.parametrize("call", [lambda: gt.alpha_rank(REST_TRAP), lambda: gt.replicator(REST_TRAP)])
def test_an_old_python_is_told_that_it_is_too_old(monkeypatch, call):
    for name in list(sys.modules):
        if name.split(".")[0] == "open_spiel":
            monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "open_spiel", None)
    monkeypatch.setattr(dynamics.sys, "version_info", (3, 10, 4))
    with pytest.raises(ModuleNotFoundError, match=r"is there for Python 3\.11 and later; this is Python 3\.10"):
        call()


def test_modules_are_the_public_ones():
    assert set(bimatrix.__all__) | set(dynamics.__all__) <= set(gt.__all__)
