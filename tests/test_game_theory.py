"""Payoff tables, their equilibria, and what a wrong table is told. Regrets are recomputed here by brute force."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest

from marl_ffi import game_theory as gt
from marl_ffi.errors import DtypeError, InvalidInputError, ShapeError
from marl_ffi.game_theory._subdivision import Cells

HAWK_DOVE = [[-1, 4], [0, 2]]
DILEMMA = [[3, 0], [5, 1]]
COORDINATION = [[2, 0], [0, 1]]
ROCK_PAPER_SCISSORS = [[0, -1, 1], [1, 0, -1], [-1, 1, 0]]
# rest_trap: a firefighter and a free rider, by the number of free riders among the other three
REST_TRAP = [[1620.8, 1848.0, 2278.3, 2871.5], [1859.6, 2293.1, 2896.6, -971.3]]


def brute_force_regret(game, mixture):
    """Straight from the definition: every assignment of strategies to the others, one by one."""
    size, others = game.num_strategies, game.num_players - 1
    index = {tuple(row): c for c, row in enumerate(game.counts.tolist())}
    expected = np.zeros(size)
    for who in itertools.product(range(size), repeat=others):
        chance = math.prod(mixture[k] for k in who)
        counts = tuple(who.count(k) for k in range(size))
        expected += chance * game.payoffs[:, index[counts]]
    return max(expected) - float(np.dot(mixture, expected)), expected


def random_game(seed, strategies, players):
    rng = np.random.default_rng(seed)
    counts = gt.opponent_counts(players, strategies)
    return gt.SymmetricGame(rng.normal(size=(strategies, len(counts))), players)


def mixtures(found):
    return [each.probabilities.tolist() for each in found]


# ------------------------------------------------------------------------------------------------------------
# Equilibria


@pytest.mark.parametrize(
    ("matrix", "expected"),
    [
        (HAWK_DOVE, [[2 / 3, 1 / 3]]),
        (DILEMMA, [[0, 1]]),
        (COORDINATION, [[1, 0], [0, 1], [1 / 3, 2 / 3]]),
        (ROCK_PAPER_SCISSORS, [[1 / 3, 1 / 3, 1 / 3]]),
        ([[7]], [[1]]),
    ],
)
def test_textbook_games(matrix, expected):
    found = gt.symmetric_nash(matrix)
    np.testing.assert_allclose(mixtures(found), expected, atol=1e-12)
    assert found.complete and not found.degenerate


def test_free_riders_of_rest_trap():
    game = gt.SymmetricGame(REST_TRAP, 4, names=["firefighter", "free_rider"])
    [found] = gt.symmetric_nash(game)
    assert found.distribution["free_rider"] == pytest.approx(0.482, abs=0.0005)
    assert found.payoff == pytest.approx(2086, abs=0.5)
    # the same from the polynomial itself
    a, b, c, d = np.subtract(REST_TRAP[1], REST_TRAP[0])
    roots = np.roots([-a + 3 * b - 3 * c + d, 3 * a - 6 * b + 3 * c, -3 * a + 3 * b, a])
    [inside] = [root.real for root in roots if abs(root.imag) < 1e-12 and 0 < root.real < 1]
    assert found.distribution["free_rider"] == pytest.approx(inside, abs=1e-12)


def test_what_the_matrix_alone_would_say_is_something_else():
    """Payoffs against opponents who are all alike, taken for a game of two, and for a game against an adversary."""
    matrix = np.array(REST_TRAP)[:, [0, 3]]
    [found] = gt.symmetric_nash(matrix)
    assert found.probabilities[0] == pytest.approx(0.942, abs=0.001)  # nearly all fight fires
    assert gt.maxmin(matrix).probabilities[1] == pytest.approx(0.306, abs=0.0005)


@pytest.mark.parametrize(
    ("strategies", "players"), [(2, 2), (5, 2), (2, 3), (2, 9), (3, 3), (3, 4), (3, 6), (4, 4), (5, 3), (5, 4)]
)
def test_random_games(strategies, players):
    """Regrets are what brute force says, there is always an equilibrium, and generically their number is odd."""
    for seed in range(6):
        game = random_game(seed, strategies, players)
        found = gt.symmetric_nash(game)
        assert found.complete and len(found) % 2 == 1
        for each in found:
            assert each.probabilities.min() >= 0 and each.probabilities.sum() == pytest.approx(1, abs=1e-12)
            regret, expected = brute_force_regret(game, each.probabilities)
            assert each.regret == pytest.approx(max(regret, 0), abs=1e-12) and regret < 1e-8
            assert each.payoff == pytest.approx(float(each.probabilities @ expected), abs=1e-12)
            np.testing.assert_allclose(each.gains, expected - each.payoff, atol=1e-12)


@pytest.mark.parametrize("seed", range(8))
def test_no_equilibrium_of_two_strategies_is_missed(seed):
    """A sign change of the payoff difference on a fine grid is an equilibrium; so are the ends, with the right sign."""
    game = random_game(100 + seed, 2, 7)
    grid = np.linspace(0, 1, 2001)
    difference = [float(np.subtract(*brute_force_regret(game, (p, 1 - p))[1])) for p in grid]
    inside = [0.5 * (grid[i] + grid[i + 1]) for i in range(2000) if difference[i] * difference[i + 1] < 0]
    ends = [0.0] * (difference[0] < 0) + [1.0] * (difference[-1] > 0)
    found = sorted(each.probabilities[0] for each in gt.symmetric_nash(game))
    np.testing.assert_allclose(found, sorted(inside + ends), atol=3e-4)


@pytest.mark.parametrize("seed", range(5))
def test_two_players_agree_with_the_library_for_two(seed):
    """The symmetric ones among all equilibria of the two-player game are those of the symmetric search."""
    game = random_game(seed, 4, 2)
    both = gt.bimatrix_nash(game.payoffs)
    symmetric = sorted(each.row.tolist() for each in both if np.allclose(each.row, each.column, atol=1e-9))
    np.testing.assert_allclose(sorted(mixtures(gt.symmetric_nash(game))), symmetric, atol=1e-9)


def test_three_players_agree_with_a_solver_of_another_kind():
    """Equilibria are the zeros of the regret; descend on it from everywhere, and nothing new turns up."""
    from scipy.optimize import minimize

    game = random_game(3, 3, 3)
    known = np.array(mixtures(gt.symmetric_nash(game)))
    reached = set()
    for start in np.random.default_rng(0).dirichlet(np.ones(3), 24):

        def regret(logits):
            shares = np.exp(logits - logits.max())
            return game.regret(shares / shares.sum())

        end = minimize(regret, np.log(start), method="Nelder-Mead", options={"maxiter": 2000, "fatol": 1e-14})
        shares = np.exp(end.x - end.x.max())
        shares /= shares.sum()
        if game.regret(shares) < 1e-7:
            distance = np.abs(known - shares).max(axis=1)
            assert distance.min() < 1e-3
            reached.add(int(distance.argmin()))
    assert reached, "no start ended at an equilibrium: the test says nothing"


def test_the_scale_of_payoffs_does_not_matter():
    small = random_game(1, 3, 4)
    for factor, offset in ((1e-9, 0.0), (1e9, 0.0), (1.0, 1e6), (1e100, -1e100)):
        game = gt.SymmetricGame(small.payoffs * factor + offset, 4)
        np.testing.assert_allclose(mixtures(gt.symmetric_nash(game)), mixtures(gt.symmetric_nash(small)), atol=1e-6)


def test_duplicate_strategies_make_a_continuum():
    game = random_game(2, 2, 4)
    counts = gt.opponent_counts(4, 3)
    where = {tuple(row): c for c, row in enumerate(game.counts.tolist())}
    payoffs = [[game.payoffs[min(i, 1), where[n[0], n[1] + n[2]]] for n in counts.tolist()] for i in range(3)]
    found = gt.symmetric_nash(gt.SymmetricGame(payoffs, 4))
    assert found.degenerate and not found.complete and 1 <= len(found) < 100
    plain = [each.probabilities[0] for each in gt.symmetric_nash(game)]
    for each in found:
        assert brute_force_regret(gt.SymmetricGame(payoffs, 4), each.probabilities)[0] < 1e-8
        assert min(abs(each.probabilities[0] - p) for p in plain) < 1e-6


@pytest.mark.parametrize("players", [2, 3, 4])
def test_a_game_in_which_nothing_matters(players):
    counts = gt.opponent_counts(players, 3)
    found = gt.symmetric_nash(gt.SymmetricGame(np.full((3, len(counts)), 5.0), players))
    assert len(found) >= 3 and found.degenerate and not found.complete
    assert all(each.regret == 0 and not each.isolated for each in found)


def test_a_double_root_is_found():
    """U_0 - U_1 = (p - 1/2)^2: the curve touches zero, with (1/2, 1/2) between two regions in which 0 is better."""
    # coefficients of (p - 1/2)^2 in the Bernstein basis of degree 2, from two opponents on strategy 0 to none
    found = gt.symmetric_nash(gt.SymmetricGame([[0.25, -0.25, 0.25], [0, 0, 0]], 3))
    assert sorted(each.probabilities[0] for each in found) == pytest.approx([0.5, 1.0], abs=1e-4)
    assert not found.complete


def test_a_search_cut_short_does_not_claim_to_be_complete():
    found = gt.symmetric_nash(ROCK_PAPER_SCISSORS, max_support=2)
    assert len(found) == 0 and not found.complete
    assert "there may be others" in repr(found)


def test_subdivision_keeps_every_root():
    """Random polynomials in three variables with a known common root: its cell survives all halvings."""
    rng = np.random.default_rng(0)
    for _ in range(20):
        root = rng.dirichlet(np.ones(3))
        counts = gt.opponent_counts(4, 3)
        weights = np.array([math.factorial(3) / math.prod(map(math.factorial, row)) for row in counts.tolist()])
        basis = weights * np.prod(root**counts, axis=1)
        equations = rng.normal(size=(2, len(counts)))
        equations -= (equations @ basis)[:, None]  # the basis sums to 1
        cells = Cells.whole(3, np.vstack([equations, equations[:1] - equations[1:]]), np.empty((0, len(counts))))
        for _ in range(16):
            cells = cells.halved()
            inside = np.linalg.solve(np.swapaxes(cells.corners, 1, 2), np.broadcast_to(root[:, None], (len(cells), 3, 1)))
            assert (inside[..., 0] >= -1e-9).all(axis=1).any()


# ------------------------------------------------------------------------------------------------------------
# Noise


def noisy(seed, count=400):
    rng = np.random.default_rng(seed)
    common = rng.normal(size=(count, 1, 1)) * 300
    samples = np.array(REST_TRAP) + common + rng.normal(size=(count, 2, 4)) * 200
    return gt.SymmetricGame(samples.mean(axis=0), 4, samples=samples)


def test_standard_errors_are_those_of_repetition():
    """From one table, how much the equilibrium would differ in another; common noise is nothing to the mixture."""
    found = [gt.symmetric_nash(noisy(seed))[0] for seed in range(150)]
    for spread, said in (
        ([each.probabilities[1] for each in found], [each.probabilities_standard_errors[1] for each in found]),
        ([each.payoff for each in found], [each.payoff_standard_error for each in found]),
        ([each.gains[0] for each in map(game_at_half, range(150))], [game_at_half(s).errors[0] for s in range(150)]),
    ):
        assert np.mean(said) == pytest.approx(np.std(spread), rel=0.2)


class game_at_half:
    def __init__(self, seed):
        game = noisy(seed)
        self.gains, self.errors = game.gains([0.5, 0.5]), game.gains_standard_errors([0.5, 0.5])


def test_standard_errors_of_independent_entries():
    rng = np.random.default_rng(5)
    errors = np.array([[5, 10, 20, 30], [10, 20, 5, 40]])
    game = gt.SymmetricGame(REST_TRAP, 4, standard_errors=errors)
    [found] = gt.symmetric_nash(game)
    others = [gt.symmetric_nash(gt.SymmetricGame(REST_TRAP + rng.normal(size=(2, 4)) * errors, 4))[0] for _ in range(300)]
    for said, spread in (
        (found.probabilities_standard_errors[1], [each.probabilities[1] for each in others]),
        (found.payoff_standard_error, [each.payoff for each in others]),
        (game.gains_standard_errors([1, 0])[1], rng.normal(size=300) * np.hypot(5, 10)),
    ):
        assert said == pytest.approx(np.std(spread), rel=0.15)


def test_an_exact_table_has_no_errors():
    [found] = gt.symmetric_nash(HAWK_DOVE)
    assert found.payoff_standard_error is None and found.probabilities_standard_errors is None
    assert found.gains_standard_errors is None and "±" not in repr(found)


def test_units_and_noise_are_said():
    game = gt.SymmetricGame(REST_TRAP, 4, standard_errors=np.full((2, 4), 23.0), units="points per agent")
    text = repr(gt.symmetric_nash(game))
    assert "points per agent" in text and "±" in text and "regret" in text
    assert gt.symmetric_nash(game)[0].to_dict()["units"] == "points per agent"


# ------------------------------------------------------------------------------------------------------------
# Tables


def test_counts():
    assert gt.opponent_counts(4, 2).tolist() == [[3, 0], [2, 1], [1, 2], [0, 3]]
    assert gt.opponent_counts(2, 3).tolist() == np.eye(3).tolist()
    assert gt.opponent_counts(4, 4).shape == (20, 4)


def test_a_restricted_game_is_the_game_of_those_strategies():
    game = random_game(0, 4, 4)
    some = game.restricted([3, 1])
    assert some.names == ("3", "1")
    mixture = np.array([0.3, 0.7])
    whole = np.array([0, 0.7, 0, 0.3])
    np.testing.assert_allclose(some.expected_payoffs(mixture), game.expected_payoffs(whole)[[3, 1]])


def test_csv_round_trip(tmp_path):
    game = gt.SymmetricGame(REST_TRAP, 4, names=["fire, fighter", "free_rider"], standard_errors=np.full((2, 4), 0.1))
    game.to_csv(tmp_path / "game.csv")
    again = gt.SymmetricGame.from_csv(tmp_path / "game.csv")
    assert (again.payoffs == game.payoffs).all() and (again.standard_errors == game.standard_errors).all()
    assert again.names == game.names and again.num_players == 4
    lines = (tmp_path / "game.csv").read_text().splitlines()
    (tmp_path / "mixed.csv").write_text("\n".join([lines[0], *lines[:0:-1]]) + "\n")
    assert (gt.SymmetricGame.from_csv(tmp_path / "mixed.csv").payoffs == game.payoffs).all()
    for broken in (lines[:-1], [*lines, lines[-1]], [lines[0]], ["a,b", "1,2"], [], [*lines[:-1], "x,0,3,1,"]):
        (tmp_path / "broken.csv").write_text("\n".join(broken) + "\n")
        with pytest.raises(InvalidInputError, match=r"broken\.csv"):
            gt.SymmetricGame.from_csv(tmp_path / "broken.csv")


def test_nfg_lists_every_profile(tmp_path):
    game = gt.SymmetricGame(REST_TRAP, 4, names=["FF", 'F"R'])
    game.to_nfg(tmp_path / "game.nfg", "rest trap")
    head, _, body = (tmp_path / "game.nfg").read_text().partition("\n\n")
    assert head == 'NFG 1 R "rest trap" { "Player 1" "Player 2" "Player 3" "Player 4" }'
    strategies, numbers = body.split("\n\n")
    assert strategies.count('{ "FF" "F\\"R" }') == 4
    payoffs = np.array(numbers.split(), float).reshape(2, 2, 2, 2, 4)  # the first player's strategy runs fastest
    assert payoffs[0, 0, 0, 0].tolist() == [1620.8] * 4
    # player 1 rides free, the others fight; then player 4 alone
    assert payoffs[0, 0, 0, 1].tolist() == [1859.6, 1848.0, 1848.0, 1848.0]
    assert payoffs[1, 0, 0, 0].tolist() == [1848.0, 1848.0, 1848.0, 1859.6]
    assert payoffs[1, 1, 1, 1].tolist() == [-971.3] * 4


# ------------------------------------------------------------------------------------------------------------
# Bad input


@pytest.mark.parametrize(
    ("error", "arguments", "message"),
    [
        (ShapeError, ([[1, 2], [3, 4]], 3), r"expected shape \(2, 3\).*got \(2, 2\)"),
        (ShapeError, ([1, 2], 2), "2 axes"),
        (ShapeError, ([[1, 2], [3]], 2), "different lengths"),
        (ShapeError, ([[]], 2), "length 0"),
        (InvalidInputError, ([[1, np.nan], [3, 4]], 2), r"got nan at \[0, 1\]"),
        (InvalidInputError, ([[1, 2], [np.inf, 4]], 2), r"got inf at \[1, 0\]"),
        (InvalidInputError, ([[1, 2], [1e301, 4]], 2), "finite"),
        (DtypeError, ([["a", "b"], ["c", "d"]], 2), "numbers"),
        (InvalidInputError, ([[1, 2], [3, 4]], 1), "num_players"),
        (DtypeError, ([[1, 2], [3, 4]], 2.0), "num_players"),
        (InvalidInputError, (np.zeros((300, 1)), 9), "payoffs"),
    ],
)
def test_wrong_tables(error, arguments, message):
    with pytest.raises(error, match=message):
        gt.SymmetricGame(*arguments)


@pytest.mark.parametrize(
    ("error", "settings", "message"),
    [
        (ShapeError, {"names": ["a"]}, "names: expected 2"),
        (InvalidInputError, {"names": ["a", "a"]}, "distinct"),
        (DtypeError, {"names": "ab"}, "sequence of strings"),
        (ShapeError, {"standard_errors": [[1, 2]]}, "standard_errors"),
        (InvalidInputError, {"standard_errors": [[1, -1], [0, 0]]}, "below 0"),
        (ShapeError, {"samples": np.zeros((1, 2, 2))}, "samples"),
        (InvalidInputError, {"samples": np.ones((5, 2, 2))}, "mean"),
    ],
)
def test_wrong_settings_of_a_table(error, settings, message):
    with pytest.raises(error, match=message):
        gt.SymmetricGame(HAWK_DOVE, **settings)


def test_wrong_mixtures():
    game = gt.SymmetricGame(HAWK_DOVE)
    for mixture, error in (([1], ShapeError), ([0.5, 0.4], InvalidInputError), ([1.5, -0.5], InvalidInputError)):
        for ask in (game.regret, game.expected_payoffs, game.payoff, game.gains_standard_errors):
            with pytest.raises(error, match="mixture"):
                ask(mixture)


def test_wrong_searches():
    with pytest.raises(InvalidInputError, match="tolerance"):
        gt.symmetric_nash(HAWK_DOVE, tolerance=-1)
    with pytest.raises(InvalidInputError, match="max_support"):
        gt.symmetric_nash(HAWK_DOVE, max_support=0)
    with pytest.raises(InvalidInputError, match="max_support"):
        gt.symmetric_nash(np.eye(20))
    assert len(gt.symmetric_nash(np.eye(20), max_support=1)) == 20
    with pytest.raises(InvalidInputError, match="distinct indices"):
        random_game(0, 3, 3).restricted([1, 1])
