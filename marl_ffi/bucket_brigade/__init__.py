"""Bucket Brigade: agents around a ring of houses decide night by night who fights the fires.

A social dilemma: who works pays for it, and all share what is saved.
"""

from ._scenario import Scenario
from .archetypes import ARCHETYPES, PARAMETERS, archetype, parameters, strategy, work_probability
from .episodes import run_heuristic_episode, run_heuristic_episodes
from .scenarios import CORE_SCENARIOS, RESEARCH_SCENARIOS, SCENARIOS, random_scenario, scenario

__all__ = [
    "ARCHETYPES", "CORE_SCENARIOS", "PARAMETERS", "RESEARCH_SCENARIOS", "SCENARIOS", "Scenario", "archetype",
    "parameters", "random_scenario", "run_heuristic_episode", "run_heuristic_episodes", "scenario", "strategy",
    "work_probability",
]  # fmt: skip
