"""Bucket Brigade: a night of one game, episodes of heuristic agents, payoff matrices, the fitness of a population.

Nights last as long as their fires, so that a pass always plays the same seeds.
"""

from __future__ import annotations

import numpy as np

from . import common
from .common import Suite

NIGHTS = 1000
EPISODES = 2000
TEAM = ("firefighter", "free_rider", "hero", "coordinator")
ARCHETYPES = (*TEAM, "liar")
CHECKED = 4  # episodes that are held against the plain Python rules


def brigade(name):
    """A public name of Bucket Brigade, on the Rust engine."""
    common.native("bucket_brigade")
    return common.find("marl_ffi.bucket_brigade", name)


def team():
    archetypes = brigade("ARCHETYPES")
    return np.array([archetypes[name] for name in TEAM])


def seeds(count):
    return np.random.default_rng(46).integers(0, 2**63, count, np.uint64)


def reference(scenario, params, some, decisions):
    """Scores and nights of single games by the plain Python rules."""
    play = common.find("marl_ffi.reference.bucket_brigade.episodes", "run_heuristic_episode")
    town = common.find("marl_ffi.bucket_brigade", "scenario")(scenario)
    played = [play(town, params, int(seed), decisions) for seed in some]
    return np.array([scores for scores, _ in played]), np.array([nights for _, nights in played])


class Night(Suite):
    """Nights of one game with given actions, against the plain Python rules. A time is 1000 nights."""

    params = (("rust", "numpy"),)
    param_names = ("backend",)
    covers = ("bucket_brigade",)

    def build(self, backend):
        # nobody is ever done: one long game
        town = common.find("marl_ffi.bucket_brigade", "scenario")("default", min_nights=10**6, max_nights=None)
        if backend == "rust":
            self.make = lambda: brigade("Game")(town, seed=5)
        else:
            self.make = lambda: common.find("marl_ffi.reference.bucket_brigade.episodes", "Episode")(town, 5)
        rng = np.random.default_rng(47)
        self.actions = rng.integers(0, (10, 2, 2), (common.SETS, 4, 3)).astype(np.uint8)
        game = self.make()
        actions = common.in_turn(self.actions, NIGHTS)

        def run():
            for each in actions:
                game.step(each)

        self.run = run

    def check(self, backend):
        theirs = common.find("marl_ffi.reference.bucket_brigade.episodes", "Episode")
        town = common.find("marl_ffi.bucket_brigade", "scenario")("default", min_nights=10**6, max_nights=None)
        mine, other = self.make(), theirs(town, 5)
        for each in self.actions:
            got = mine.step(each)
            common.same([got[0] if isinstance(got, tuple) else got], [other.step(each)])

    def time_1000_nights(self, backend):
        self.run()


class Episodes(Suite):
    """`run_heuristic_episodes`: 2000 seeds of one team. A time is all of them."""

    params = (("default", "rest_trap"), ("original", "independent"), (1, 2))
    param_names = ("scenario", "decisions", "num_threads")
    covers = ("bucket_brigade",)

    def build(self, scenario, decisions, num_threads):
        play, profile, some = brigade("run_heuristic_episodes"), team(), seeds(EPISODES)
        self.run = lambda: play(scenario, profile, some, decisions=decisions, num_threads=num_threads)

    def check(self, scenario, decisions, num_threads):
        scores, nights = self.run()
        common.same(
            [scores[:CHECKED], nights[:CHECKED]], reference(scenario, team(), seeds(EPISODES)[:CHECKED], decisions)
        )

    def time_2000_episodes(self, scenario, decisions, num_threads):
        self.run()


class PayoffMatrix(Suite):
    """`PayoffEvaluator.payoff_matrix`: 5 x 5 archetypes, 1000 simulations each."""

    params = ((1, 2),)
    param_names = ("num_threads",)
    covers = ("bucket_brigade",)

    def build(self, num_threads):
        evaluator = brigade("PayoffEvaluator")("default", 1000, 7, num_threads=num_threads)
        self.run = lambda: evaluator.payoff_matrix(ARCHETYPES)

    def check(self, num_threads):
        single = brigade("PayoffEvaluator")("default", 1000, 7, num_threads=1)
        matrix = self.run()
        for place in ((0, 0), (1, 3), (4, 2)):
            expected = single.symmetric(ARCHETYPES[place[0]], ARCHETYPES[place[1]])
            assert matrix.values[place] == expected.mean, place

    def time_matrix(self, num_threads):
        self.run()


class Fitness(Suite):
    """`FitnessEvaluator`: a population of 50, 20 games each."""

    params = (("homogeneous", "heterogeneous"), (1, 2))
    param_names = ("team", "num_threads")
    covers = ("bucket_brigade",)

    def build(self, team, num_threads):
        fitness = brigade("FitnessEvaluator")("default", games_per_individual=20, seed=0, team=team, num_threads=num_threads)
        self.genomes = np.random.default_rng(48).random((50, 10))
        self.fitness = fitness
        self.run = lambda: fitness(self.genomes, 1)

    def check(self, team, num_threads):
        alone = self.fitness(self.genomes[7:8], 1)
        together = self.run()
        np.testing.assert_allclose(together.means[7], alone.means[0], rtol=1e-12)

    def time_population(self, team, num_threads):
        self.run()
