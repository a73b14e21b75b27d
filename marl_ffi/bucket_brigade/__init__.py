"""Bucket Brigade: agents around a ring of houses decide night by night who fights the fires.

A social dilemma: who works pays for it, and all share what is saved.
"""

from ._scenario import Scenario
from ._strategies import EffectiveSpace
from .agents import Agent, Evening, HeuristicAgent, PolicyAgent, RandomAgent, RichHeuristicAgent, UniformAgent
from .archetypes import ARCHETYPES, PARAMETERS, archetype, parameters, strategy, work_probability
from .batch import Batch, BatchGame, run_batch
from .episodes import run_heuristic_episode, run_heuristic_episodes
from .fitness import Fitness, FitnessEvaluator
from .game import Game
from .information import action_information
from .layouts import SCENARIO_INFO, convert_observation, convert_scenario_info, observation_names
from .payoffs import Payoff, PayoffEvaluator, PayoffMatrix
from .ranking import MembershipRanking, RankedAgent, Ranking, rank_agents, rank_by_membership
from .replay import Recorder, Replay, ReplayError
from .scenarios import CORE_SCENARIOS, RESEARCH_SCENARIOS, SCENARIOS, random_scenario, scenario
from .scripted import PLAYERS, Specialist, make_agent
from .statistics import Summary, summarise
from .tournament import Tournament, TournamentGame, run_tournament

__all__ = [
    "ARCHETYPES", "CORE_SCENARIOS", "PARAMETERS", "PLAYERS", "RESEARCH_SCENARIOS", "SCENARIOS", "SCENARIO_INFO",
    "Agent", "Batch", "BatchGame", "EffectiveSpace", "Evening", "Fitness", "FitnessEvaluator", "Game",
    "HeuristicAgent", "MembershipRanking", "Payoff", "PayoffEvaluator", "PayoffMatrix", "PolicyAgent", "RandomAgent",
    "RankedAgent", "Ranking", "Recorder", "Replay", "ReplayError", "RichHeuristicAgent", "Scenario", "Specialist",
    "Summary", "Tournament", "TournamentGame", "UniformAgent", "action_information", "archetype",
    "convert_observation", "convert_scenario_info", "make_agent", "observation_names", "parameters",
    "random_scenario", "rank_agents", "rank_by_membership", "run_batch", "run_heuristic_episode",
    "run_heuristic_episodes", "run_tournament", "scenario", "strategy", "summarise", "work_probability",
]  # fmt: skip
