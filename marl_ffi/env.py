"""`ElectricityMarketEnv`: the electricity market as a Gymnasium environment with one learner.

Every hour all agents offer capacity at a price, one auction sets one price for all, and the learner is paid
for what it sold. The other agents follow fixed policies. The rules live in the engine, not here.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import gymnasium
import numpy as np
import numpy.typing as npt

from . import _arguments as arguments
from . import _backend
from ._policies import ask, read_policies, spread
from ._single import ActionDoor, EngineEnv, flat_view
from .errors import ShapeError
from .history import info_reader, market_history, market_line
from .market.params import default_params
from .spaces import space_from_json

__all__ = ["ElectricityMarketEnv"]

ENV_ID = "ElectricityMarket-v0"
Array = npt.NDArray[Any]
Step = tuple[Array, float, bool, bool, dict[str, Any]]


class ElectricityMarketEnv(EngineEnv):
    """One agent learns to bid in a uniform-price electricity market; the others follow fixed policies.

    Args:
        params: the market, as `marl_ffi.market.default_params()` and its siblings make it; `None`: that one.
        observer: what agents see: `"basic"`, `"simple"`, `"simple_v2"` or `"simple_v3"`.
        agent_index: the learner; generators come first, a battery is the last agent.
        policies: what agents play, one entry per agent (the learner's only counts in `fixed_evaluation`).
            `None` plays the null action (all capacity at cost), two numbers (in day-ahead mode also 2T) are a
            constant action, a callable maps an observation to an action. `None` for the list: all null.
            Constants are played inside the engine; every callable costs a Python call per step.
        seed: seed of the first reset, if that reset passes none.
        demand_noise: when demand is perturbed: `"on_seed"` (at resets with a seed; later episodes repeat
            the day), `"every_reset"` or `"never"`.
        dtype: `"float32"` or `"float64"`, the precision of the market.
        out_of_range_actions: `"reject"` (an error) or `"clip"`. What is not finite is always an error.
        price_cap: highest price, $/MWh. scarcity_price, loss_of_load, tie_rule: rules of the market, see
            `marl_ffi.spec("ElectricityMarket-v0")["parameters"]`.
        history: keep the course of the episode for `history`.
        max_episode_steps: truncate episodes after that many steps.
        render_mode: `None`; `"ansi"`: `render` returns a line; `"human"`: each step prints it.

    The action is `(withheld fraction, bid markup)`; in day-ahead mode T fractions, then T markups. Next to
    callable policies in a float32 market, the learner's action is narrowed to float32 like theirs.
    """

    metadata: dict[str, Any] = {"render_modes": ["ansi", "human"], "render_fps": 1}

    def __init__(
        self,
        params: Mapping[str, Any] | None = None,
        *,
        observer: str = "simple",
        agent_index: int = 0,
        policies: Sequence[Any] | None = None,
        seed: int | None = None,
        demand_noise: str = "on_seed",
        dtype: str = "float32",
        out_of_range_actions: str = "reject",
        price_cap: float | None = None,
        scarcity_price: str = "highest_bid",
        loss_of_load: str = "original",
        tie_rule: str = "index",
        history: bool = True,
        max_episode_steps: int | None = None,
        render_mode: str | None = None,
    ) -> None:
        self._first_seed = None if seed is None else arguments.seed(seed)
        self._seed: int | None = None
        self._playing = False
        self.render_mode = arguments.choice(
            render_mode, "render_mode", (None, *self.metadata["render_modes"])
        )
        self.params = arguments.plain(default_params() if params is None else params)
        config: dict[str, Any] = {
            "params": self.params, "observer": observer, "demand_noise": demand_noise, "dtype": dtype,
            "out_of_range_actions": out_of_range_actions, "price_cap": price_cap,
            "scarcity_price": scarcity_price, "loss_of_load": loss_of_load, "tie_rule": tie_rule,
            "history": history, "max_episode_steps": max_episode_steps,
        }  # fmt: skip
        config = arguments.plain(config)
        agents = _backend.spec(ENV_ID, **config)["agents"]
        self.observer, self.num_agents = observer, len(agents)
        self.agent_index = arguments.integer(agent_index, "agent_index", low=0, high=len(agents) - 1)
        self._hours = int(self.params["T"])
        self._day_ahead = bool(self.params.get("day_ahead", False))
        self._widths = [agent["observation"]["shape"][0] for agent in agents]
        self.observation_space = space_from_json(agents[self.agent_index]["observation"])
        self.action_space = space_from_json(agents[self.agent_index]["action"])

        size = agents[self.agent_index]["action"]["shape"][0]
        constants, self._policies = read_policies(policies, self.num_agents, size)
        self._own_constant = constants[self.agent_index]
        self._own_policy = self._policies.pop(self.agent_index, None)
        # Without callables the others play inside the engine and the learner has its only seat. With
        # callables every agent has a seat, so that one call observes for all of them.
        if not self._policies:
            config["agents"] = [self.agent_index]
            config["policies"] = [constant.tolist() for constant in constants]
            config["policies"][self.agent_index] = None
        self._engine = _backend.make_engine(ENV_ID, 1, None, "Disabled", config)
        seat = self.agent_index if self._policies else 0
        self._place = (0, seat, slice(self._widths[self.agent_index]))
        self._actions = np.stack(constants)[np.newaxis].astype(dtype)
        self._read_action = arguments.ActionReader(self._engine.spec)
        self._read_info = info_reader(self._engine)
        self._bind(self._step_asking_all if self._policies else self._fast_step())

    def reset(
        self, *, seed: int | None = None, options: Mapping[str, Any] | None = None
    ) -> tuple[Array, dict[str, Any]]:
        """Start an episode. Returns the first observation and `{}`.

        Args:
            seed: `None` (randomness goes on) or an integer from 0 to 2**64 - 1.
            options: reset options of the environment.
        """
        number = self._start(self._first_seed if seed is None else seed, options)
        self._first_seed, self._playing = None, True
        if number is not None:
            self._seed = number
        if self.render_mode == "human":
            self.render()
        return self._observation(self.agent_index), {}

    def restore(self, data: bytes) -> None:
        """Go back to a snapshot of an environment with the same settings; see `snapshot`.

        Raises:
            SnapshotError: the bytes are no such snapshot. Nothing has changed.
        """
        super().restore(data)
        self._playing = True

    def step(self, action: Any, fixed_evaluation: bool = False) -> Step:
        """Clear one hour (in day-ahead mode: one day).

        Args:
            action: two numbers, in day-ahead mode also 2T. float32 arrays are used in float32, everything
                else in float64.
            fixed_evaluation: ignore `action`; every agent, the learner too, plays its policy.

        Returns:
            observation, reward (float), terminated, truncated (bool), and infos: `price` ($/MWh), `demand`,
            `unserved` (MW), as floats, `q_cleared` (MW) and `rewards` of all agents (M,); with a battery also
            `charged`, `discharged` (MW) and `soc` (MWh). In day-ahead mode all but `rewards` have a leading
            axis of T hours.

        Raises:
            ShapeError, DtypeError, ActionError: not an action of the learner.
            NotResetError, EpisodeOverError: nothing to step. In all cases nothing was stepped.
        """
        told: Step = self._step(action, fixed_evaluation)
        return told

    @property
    def history(self) -> dict[str, Array]:
        """The present episode hour by hour, as fresh arrays; see `marl_ffi.history.market_history`."""
        return market_history(self._opened())

    @property
    def demand_profile(self) -> Array:
        """Demand of every hour of this episode, perturbed, MW, (T,)."""
        return np.array(self._opened().column("demand")[0])

    @property
    def t(self) -> int:
        """Hours cleared in this episode."""
        return int(self._opened().column("clock")[0]) * (self._hours if self._day_ahead else 1)

    def get_metadata(self) -> dict[str, Any]:
        """The market as plain numbers and lists, which make the same market again when used as `params`.

        Besides the parameters: `realised_demand_profile` of the present episode, the `seed` last used (or
        `None`), `observer` and `agent_index`.
        """
        settings = _backend.spec(ENV_ID, params=self.params)["config"]["params"]
        return {
            **settings,
            **{key: value for key, value in self.params.items() if key in settings},
            "realised_demand_profile": self.demand_profile.tolist(),
            "seed": self._seed,
            "observer": self.observer,
            "agent_index": self.agent_index,
        }

    def render(self) -> str | None:
        """The hour cleared last: hours so far, demand (MW) and the learner's bid ($/MWh).

        Before the first step, the demand of the first hour and a bid of 0.
        """
        if self.render_mode is None:
            gymnasium.logger.warn("render: no render_mode was given; use render_mode='ansi' or 'human'")
            return None
        line = market_line(self._opened(), 0, self.agent_index)
        if self.render_mode == "ansi":
            return line
        print(line)
        return None

    def _fast_step(self) -> Callable[..., Step]:
        """The step when all others play inside the engine: one call in, a few numbers out, no look-ups.

        The plain hourly market reads its infos on the spot: calling a reader would cost a tenth of the step.
        """
        out, infos = self._engine.out, self._engine.out.infos
        door = ActionDoor(self._engine, self.action_space)
        view, (step_engine, (handle, io, nothing), explain) = door.view, door.bare
        whole = slice(None)
        observation, read_info = out.observations[self._place].copy, self._read_info
        reward = flat_view(out.rewards)
        terminated, truncated = flat_view(out.terminations), flat_view(out.truncations)
        price, demand, unserved = (flat_view(infos[name]) for name in ("price", "demand", "unserved"))
        q_cleared, rewards = infos["q_cleared"][0].copy, infos["rewards"][0].copy

        def play(action: Any, fixed_evaluation: bool) -> None:
            if fixed_evaluation:
                action = self._own_action()
            door.write(self._day(action))()

        def step(action: Any, fixed_evaluation: bool = False) -> Step:
            play(action, fixed_evaluation)
            return observation(), reward[0], terminated[0], truncated[0], read_info()

        def step_hour(action: Any, fixed_evaluation: bool = False) -> Step:
            if fixed_evaluation:
                play(action, True)
            else:
                try:
                    view[whole] = action
                except (TypeError, ValueError):
                    play(action, False)
                else:
                    if step_engine(handle, io, nothing):
                        explain()
            return (
                observation(), reward[0], terminated[0], truncated[0],
                {
                    "price": price[0], "demand": demand[0], "unserved": unserved[0],
                    "q_cleared": q_cleared(), "rewards": rewards(),
                },
            )  # fmt: skip

        return step if self._day_ahead or "soc" in infos else step_hour

    def _step_asking_all(self, action: Any, fixed_evaluation: bool = False) -> Step:
        """The step when a callable plays: all observe the same hour, then all move."""
        own, actions, out = self.agent_index, self._actions, self._engine.out
        size = actions.shape[-1]
        if not self._playing:
            self._engine.step(actions)  # raises: no policy should be asked what to do when there is no hour
        if not fixed_evaluation:
            actions[0, own] = self._read_action(self._day(action), (size,), "action_shape")
        for agent in range(self.num_agents):
            if agent in self._policies:
                actions[0, agent] = ask(self._policies[agent], self._observation(agent), agent, size)
            elif agent == own and fixed_evaluation:
                actions[0, agent] = self._own_action()
        self._engine.step(actions)
        ended, cut = bool(out.terminations[0]), bool(out.truncations[0])
        self._playing = not (ended or cut)
        return self._observation(own), float(out.rewards[0, own]), ended, cut, self._read_info()

    def _observation(self, agent: int) -> Array:
        """A fresh observation. Memory that is handed out must never be written again."""
        seat = agent if self._policies else 0
        observation: Array = self._engine.out.observations[0, seat, : self._widths[agent]].copy()
        return observation

    def _own_action(self) -> Array:
        """What the learner's own policy plays."""
        if self._own_policy is None:
            return self._own_constant
        own = self.agent_index
        return ask(self._own_policy, self._observation(own), own, self._own_constant.size)

    def _day(self, action: Any) -> Any:
        """In day-ahead mode, the whole day's action; otherwise what was given."""
        if not self._day_ahead:
            return action
        size, array = 2 * self._hours, np.asarray(action)
        if array.size not in (2, size):
            raise ShapeError(f"action: expected 2 or 2T = {size} numbers, got {array.size}")
        return spread(array.reshape(-1), size)
