"""Fixed policies: what the agents that do not learn play.

An entry is `None` (the null action: all capacity at cost), an action (a constant policy), a callable from
an observation to an action, or an object whose `fixed_act_function()` gives such a callable.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from .errors import DtypeError, InvalidInputError, ShapeError

Policy = Callable[[npt.NDArray[Any]], Any]
Action = npt.NDArray[np.float32]


def read_policies(policies: Any, num_agents: int, size: int) -> tuple[list[Action], dict[int, Policy]]:
    """Constant actions of all agents (the null action where there is none), and the callables by agent.

    Args:
        size: numbers in an action: 2, or 2T when an action holds T fractions and then T markups.
    """
    if policies is None:
        policies = [None] * num_agents
    if not isinstance(policies, Sequence) or isinstance(policies, str):
        raise DtypeError(f"policies: expected a list with one entry per agent, got {type(policies).__name__}")
    if len(policies) != num_agents:
        raise ShapeError(f"policies: expected {num_agents} entries, one per agent, got {len(policies)}")
    constants, callables = [], {}
    for agent, policy in enumerate(policies):
        constant = np.zeros(size, np.float32)
        if callable(policy):
            callables[agent] = policy
        elif hasattr(policy, "fixed_act_function"):
            callables[agent] = policy.fixed_act_function(deterministic=True)
        elif policy is not None:
            constant = _constant(policy, agent, size)
        constants.append(constant)
    return constants, callables


def ask(policy: Policy, observation: npt.NDArray[Any], agent: int, size: int) -> Action:
    """The action of a callable policy, narrowed to float32.

    Raises:
        ShapeError: fewer than two numbers; in day-ahead mode any number but 2 and 2T.
    """
    return _fitted(np.asarray(policy(observation), np.float32).reshape(-1), agent, size)


def spread(action: npt.NDArray[Any], size: int) -> npt.NDArray[Any]:
    """A day's action from one (fraction, markup) for every hour. Any other action stays as it is."""
    if action.shape == (2,) and size > 2:
        return np.repeat(action, size // 2)
    return action


def _constant(policy: Any, agent: int, size: int) -> Action:
    try:
        action = np.asarray(policy, np.float64)
    except (TypeError, ValueError):
        raise DtypeError(
            f"policies[{agent}]: expected None, numbers or a callable, got {type(policy).__name__}"
        ) from None
    if action.shape not in {(2,), (size,)}:
        raise ShapeError(f"policies[{agent}]: expected {_sizes(size)} numbers, got shape {action.shape}")
    if not np.isfinite(action).all():
        raise InvalidInputError(f"policies[{agent}]: expected finite numbers, got {action.tolist()}")
    return spread(action, size).astype(np.float32)


def _fitted(action: Action, agent: int, size: int) -> Action:
    if size == 2:
        if action.size < 2:
            raise ShapeError(f"policy of agent {agent}: expected at least 2 numbers, got {action.size}")
        return action[:2]
    if action.size not in (2, size):
        raise ShapeError(f"policy of agent {agent}: expected {_sizes(size)} numbers, got {action.size}")
    return spread(action, size)


def _sizes(size: int) -> str:
    return "2" if size == 2 else f"2 or 2T = {size}"
