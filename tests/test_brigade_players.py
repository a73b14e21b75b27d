"""Players: what each does in a given evening, where its draws come from, and what is refused."""

import numpy as np
import pytest

from marl_ffi import _backend
from marl_ffi.bucket_brigade import (
    PLAYERS,
    Evening,
    HeuristicAgent,
    PolicyAgent,
    RandomAgent,
    Replay,
    RichHeuristicAgent,
    Specialist,
    UniformAgent,
    make_agent,
)
from marl_ffi.bucket_brigade.scripted import ChainReactionCoordinator, HonestSignaler, RestTrapAdaptive
from marl_ffi.errors import DtypeError, InvalidInputError, ShapeError, UnknownNameError
from marl_ffi.reference.bucket_brigade.agents import IndependentDecisions, decide, split_mix
from marl_ffi.reference.bucket_brigade.rng import Pcg64


def evening(text):
    """An evening from its houses: '.' safe, 'f' burning, 'x' ruined."""
    return Evening.of([".fx".index(each) for each in text])


@pytest.mark.parametrize(
    ("name", "index", "houses", "expected"),
    [
        ("specialist", 1, "....ff....", (5, 1, 1)), ("specialist", 1, "f...f.....", (1, 0, 0)),
        ("specialist", 3, "...f...f..", (3, 1, 1)), ("specialist", 0, "........f.", (8, 1, 1)),
        ("trivial_cooperator", 2, "....f..f..", (4, 1, 1)), ("trivial_cooperator", 2, "....xxxx..", (2, 1, 1)),
        ("early_containment", 0, "f..f.fff..", (6, 1, 1)), ("early_containment", 0, "f..f......", (0, 1, 1)),
        ("early_containment", 1, "ff.......f", (0, 1, 1)), ("early_containment", 3, "..........", (3, 0, 0)),
        ("greedy_neighbor", 0, "ff.......f", (0, 1, 1)), ("greedy_neighbor", 0, ".f.......f", (9, 1, 1)),
        ("greedy_neighbor", 0, ".f........", (1, 1, 1)), ("greedy_neighbor", 0, "..f.......", (0, 0, 0)),
        ("sparse_hero", 3, "f..f......", (3, 1, 1)), ("sparse_hero", 3, ".f....f...", (1, 1, 1)),
        ("sparse_hero", 3, "..........", (3, 0, 0)),
        ("chain_reaction_coordinator", 0, "f..ff.....", (3, 1, 1)),
        ("chain_reaction_coordinator", 0, "f.......ff", (0, 1, 1)),
        ("chain_reaction_coordinator", 0, "xfx.f.....", (4, 1, 1)),
        ("chain_reaction_coordinator", 0, "f.f.......", (0, 1, 1)),
        ("chain_reaction_coordinator", 2, "..........", (2, 0, 0)),
        ("rest", 3, "ffffffffff", (3, 0, 0)),
        ("honest_signaler", 2, ".f........", (1, 1, 1)), ("honest_signaler", 2, "..........", (2, 0, 0)),
        ("rest_trap_adaptive", 2, "..f.......", (2, 0, 0)),
    ],
)  # fmt: skip
def test_scripted_players_follow_their_rule(name, index, houses, expected):
    assert make_agent(name, index, num_houses=len(houses)).act(evening(houses)) == expected


def test_own_houses_on_small_rings_and_in_large_teams():
    assert make_agent("sparse_hero", 7, num_agents=9, num_houses=3).act(evening("...")) == (1, 0, 0)
    assert make_agent("specialist", 7, num_agents=9, num_houses=3).act(evening("fff")) == (0, 0, 0)
    assert make_agent("greedy_neighbor", 0, num_houses=2).act(evening(".f")) == (1, 1, 1)


def test_an_honest_signaler_goes_to_new_fires():
    agent = HonestSignaler(0)
    assert [agent.act(evening(each))[0] for each in (".f........", ".f...f....", ".f...f....", "..........")] == [1, 5, 1, 0]
    agent.reset()
    assert agent.act(evening(".f...f....")) == (1, 1, 1)


def test_a_rest_trap_adaptive_works_on_the_third_evening():
    agent = RestTrapAdaptive(0)
    assert [agent.act(evening("....f....."))[1] for _ in range(4)] == [0, 0, 1, 1]
    agent.reset()
    assert agent.act(evening("....f....."))[1] == 0


def test_the_longest_run_may_go_around():
    # 9, 0, 1 burn: its lowest house is 0; 4, 5 have as many safe neighbours but are fewer
    assert ChainReactionCoordinator(2).act(evening("ff..ff...f")) == (0, 1, 1)
    assert ChainReactionCoordinator(2).act(evening("fff")) == (0, 1, 1)


# -- draws --------------------------------------------------------------------------------------------------------------


def test_a_player_s_draws_are_its_own():
    for name in PLAYERS:
        alone = [make_agent(name, 1, seed=5).act(evening("f..f......")) for _ in range(3)]
        np.random.seed(0)  # noqa: NPY002 (this must not matter)
        again = [make_agent(name, 1, seed=5).act(evening("f..f......")) for _ in range(3)]
        assert alone == again
    agent = UniformAgent(0, 3)
    first = [agent.act(evening("..........")) for _ in range(10)]
    agent.reset()
    assert [agent.act(evening("..........")) for _ in range(10)] != first
    agent.reset(3)
    assert [agent.act(evening("..........")) for _ in range(10)] == first


def test_players_can_share_a_generator():
    shared = np.random.RandomState(7)
    team = [RandomAgent(i, shared) for i in range(3)]
    draw = np.random.RandomState(7)
    for agent in team:
        house, mode = draw.randint(0, 10), draw.randint(0, 2)
        assert agent.act(evening("..........")) == (house, mode, mode)


def test_the_heuristic_agent_draws_as_described():
    class Script:
        def __init__(self, *numbers):
            self.numbers = list(numbers)

        def random(self):
            return self.numbers.pop(0)

        def below(self, n):
            return self.numbers.pop(0)

    params = [0.5, 0.8, 0, 0.6, 0, 0, 0, 0, 0.5, 0]  # works with 0.8 (1 - 0.5) = 0.4
    houses = evening(".f.f......").houses
    rests, own, other, quiet = Script(0.4, 0.4), Script(0.39, 0.5, 0.4), Script(0.39, 0.6, 1, 0.6), Script(0.1, 0.6)
    assert decide(params, 1, houses, rests) == (1, 0, 0)
    assert decide(params, 1, houses, own) == (1, 1, 1)
    assert decide(params, 1, houses, other) == (3, 1, 0)
    assert decide(params, 0, evening("..........").houses, quiet) == (0, 1, 0)
    assert not (rests.numbers or own.numbers or other.numbers or quiet.numbers)
    silent = Script(0.4)
    assert decide(params, 1, houses, silent, with_signal=False) == (1, 0, 0) and not silent.numbers


def test_independent_decisions_are_another_stream():
    assert split_mix(0) == 0xE220A8397B1DCDAF  # the first output of the published SplitMix64
    ours = IndependentDecisions(3)
    assert ours.random() == Pcg64(split_mix(3)).random() != Pcg64(3).random()
    before = ours.state
    assert ours.below(1) == 0 and ours.state == before
    assert ours.below(2) in (0, 1) and ours.state != before


@pytest.mark.parametrize("decisions", ["independent", "original"])
def test_players_are_the_engine_s_policies(decisions):
    names = [
        "firefighter", "random", "uniform", "rest", "specialist", "trivial_cooperator", "early_containment",
        "greedy_neighbor", "sparse_hero", "chain_reaction_coordinator", "liar",
    ]  # fmt: skip
    idle = len(names)
    replay = Replay.play("hard", [*names, "rest"], seed=9, decisions=decisions)
    engine = _backend.make_engine(
        "BucketBrigade-v0", 1, 1, "Disabled",
        {"scenario": "hard", "num_agents": idle + 1, "agents": [idle], "policies": [*names, None], "decisions": decisions},
    )  # fmt: skip
    engine.reset(np.array([9], np.uint64), np.ones(1, bool), None, None)
    for night in range(replay.num_nights):
        engine.step(np.array([[[idle % 10, 0, 0]]], np.int64))
        assert engine.out.infos["actions"][0].tolist() == replay.actions[night].tolist(), night
        assert engine.out.infos["rewards"][0].tolist() == replay.rewards[night].tolist()


# -- what is refused ------------------------------------------------------------------------------------------------------


def test_a_policy_of_one_s_own():
    replay = Replay.play("easy", [PolicyAgent(lambda seen, i: ((i + seen.night) % 10, 1, 0), i) for i in range(2)], seed=0)
    assert replay.actions[:2].tolist() == [[[0, 1, 0], [1, 1, 0]], [[1, 1, 0], [2, 1, 0]]]
    for policy, kind, message in [
        (lambda seen, i: 3, ShapeError, "policy of agent 0: expected"),
        (lambda seen, i: (10, 1, 1), InvalidInputError, "policy of agent 0: house: expected between 0 and 9, got 10"),
        (lambda seen, i: (0, 2, 1), InvalidInputError, "mode: expected between 0 and 1, got 2"),
        (lambda seen, i: (0, 1, 0.5), DtypeError, "signal: expected an integer"),
    ]:
        with pytest.raises(kind, match=message):
            PolicyAgent(policy, 0).act(evening(".........."))
    with pytest.raises(DtypeError, match="policy: expected a function"):
        PolicyAgent(3, 0)


def test_seats_names_and_seeds_are_checked():
    with pytest.raises(UnknownNameError, match="unknown player 'specalist'; did you mean 'specialist'"):
        make_agent("specalist", 0)
    with pytest.raises(InvalidInputError, match="index: expected below num_agents=4, got 4"):
        Specialist(4)
    with pytest.raises(InvalidInputError, match="index: expected between 0 and 254, got -1"):
        RandomAgent(-1)
    with pytest.raises(ShapeError, match="houses: expected 10, got 9"):
        Specialist(0).act(evening("........."))
    with pytest.raises(InvalidInputError, match="seed: expected between 0 and 4294967295"):
        RandomAgent(0, 2**32)
    with pytest.raises(DtypeError, match="seed: expected an integer"):
        RandomAgent(0, "x")
    with pytest.raises(ShapeError, match=r"params: expected shape \(10,\), got \(3,\)"):
        HeuristicAgent([0, 0, 0], 0)
    with pytest.raises(InvalidInputError, match=r"params\[9\] \(altruism\): expected 0 to 1, got 2.0"):
        RichHeuristicAgent([0.5] * 9 + [2], 0)
