"""Bucket Brigade: agents around a ring of houses decide night by night who fights the fires.

A social dilemma: who works pays for it, and all share what is saved.
"""

from ._scenario import Scenario
from .agents import Agent, Evening, HeuristicAgent, PolicyAgent, RandomAgent, RichHeuristicAgent, UniformAgent
from .archetypes import ARCHETYPES, PARAMETERS, archetype, parameters, strategy, work_probability
from .episodes import run_heuristic_episode, run_heuristic_episodes
from .game import Game
from .replay import Recorder, Replay, ReplayError
from .scenarios import CORE_SCENARIOS, RESEARCH_SCENARIOS, SCENARIOS, random_scenario, scenario
from .scripted import PLAYERS, Specialist, make_agent

__all__ = [
    "ARCHETYPES", "CORE_SCENARIOS", "PARAMETERS", "PLAYERS", "RESEARCH_SCENARIOS", "SCENARIOS", "Agent", "Evening",
    "Game", "HeuristicAgent", "PolicyAgent", "RandomAgent", "Recorder", "Replay", "ReplayError", "RichHeuristicAgent",
    "Scenario", "Specialist", "UniformAgent", "archetype", "make_agent", "parameters", "random_scenario",
    "run_heuristic_episode", "run_heuristic_episodes", "scenario", "strategy", "work_probability",
]  # fmt: skip
