"""The rules of "ElectricityMarket-v0" for one market: reset, observe, step.

Time limit, autoreset, seeds and snapshots are the engine's (`vec_env.py`). The state is a dictionary of arrays; its
names are the state columns of the specification.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from types import ModuleType
from typing import Any

import numpy as np

from ..errors import error_for
from . import market
from .config import unknown_name
from .market_config import MarketConfig, read_market_config
from .market_features import observe, project_actions, scale_of, tanh_of
from .market_rules import Array, RewardSettings
from .market_spec import ID, market_spec

State = dict[str, Array]


class MarketEnvironment:
    """The market under one configuration; `kernels` is the module that clears, `market` or `market_numba`."""

    id = ID

    def __init__(self, config: Mapping[str, Any], kernels: ModuleType = market) -> None:
        self.config: MarketConfig = read_market_config(config)
        self.kernels = kernels
        self.spec = market_spec(self.config)
        real = self.real = self.config.dtype
        self.clip_actions = self.config.clip_actions
        self.base_demand = np.array(self.config.demand_profile, real)
        self.capacities = np.array(self.config.capacities, real)
        self.costs = np.array(self.config.costs, real)
        self.demand_scale = scale_of(self.base_demand)
        self.capacity_scale = scale_of(self.capacities)
        self.cost_scale = scale_of(self.costs)
        self.settings = RewardSettings(
            self.config.lambda_bid_penalty, self.config.unit_lol_penalty, float(self.demand_scale),
            float(self.cost_scale), self.config.hours,
        )  # fmt: skip
        self.battery = self.config.battery

    # -- state --------------------------------------------------------------------------------------------------------

    def new_state(self) -> State:
        """The state before any reset: base demand, full initial charge, empty history."""
        state = {c["name"]: np.zeros(c["shape"], c["dtype"]) for c in self.spec["columns"]}
        state["demand"][:] = self.base_demand
        if self.battery is not None:
            state["soc"][...] = self.battery.initial_soc
        return state

    def reset(
        self, state: State, rng: np.random.Generator, seeded: bool, options: Mapping[str, Any] | None
    ) -> None:
        """Start an episode. Without fresh noise the demand of the last episode stays."""
        for key in options or {}:
            raise unknown_name("unknown_key", "reset option", str(key), ["reset_mask"])
        demand = state["demand"].copy()
        noise = self.config.demand_noise
        if noise == "every_reset" or (noise == "on_seed" and seeded):
            demand = self.perturbed_demand(rng)
        state.update(self.new_state())
        state["demand"] = demand

    def noise_bounds(self) -> tuple[Any, Any]:
        """Lowest and highest shift of the demand, MW. They cross if the peak is far above the capacity."""
        real, base = self.real, self.base_demand
        system_capacity = market.pairwise_sum(self.capacities)
        return real(-0.5) * base.min(), real(0.5) * (system_capacity - base.max())

    def perturbed_demand(self, rng: np.random.Generator) -> Array:
        """Base demand plus one normal draw per hour, limited so that demand stays positive and can be met."""
        real, base = self.real, self.base_demand
        lower, upper = self.noise_bounds()
        scale = real(0.05) * self.demand_scale
        shift = (float(scale) * rng.standard_normal(self.config.hours)).astype(real)
        demand = base + np.minimum(np.maximum(shift, lower), upper)
        if upper < lower:
            demand = np.maximum(demand, real(0.01) * base.min())
        return demand

    def check_column(self, name: str, values: Array) -> None:
        """Refuse values (E, ...) that the state cannot have."""
        top = self.battery.energy if name == "soc" and self.battery is not None else math.inf
        bad = ~(np.isfinite(values) & (values >= 0) & (values <= top))
        if bad.any():
            index = tuple(int(k) for k in np.argwhere(bad)[0])
            expected = "a finite number >= 0" if math.isinf(top) else f"a number from 0 to {top}"
            where = "".join(f"[{k}]" for k in index)
            raise error_for("invalid_state", f"{name}{where}: expected {expected}, got {values[index]}")

    # -- observation --------------------------------------------------------------------------------------------------

    def observe(self, state: State, clock: int) -> Array:
        """What the learned agents see, (A, widest), narrower ones padded with zeros."""
        obs = np.zeros((len(self.config.learned), *self.spec["observation_shape"]), self.real)
        for row, agent in zip(obs, self.config.learned):
            seen = self._day(state, agent) if self.config.day_ahead else self._hour(state, agent, clock)
            row[: len(seen)] = seen
        return obs

    def _hour(self, state: State, agent: int, t: int) -> Array:
        capacities, costs = self.capacities, self.costs
        is_battery = self.battery is not None and agent == self.config.generators
        if self.battery is not None and is_battery:
            capacities = np.append(capacities, self.real(self.battery.power))
            costs = np.append(costs, self.real(self.battery.bid_ref))
        seen = observe(
            self.config.observer, state["demand"], capacities, costs, agent, t, demand_scale=self.demand_scale,
            capacity_scale=self.capacity_scale, cost_scale=self.cost_scale, dtype=self.real,
        )  # fmt: skip
        if self.battery is not None and is_battery:
            seen = np.append(seen, self.real(float(state["soc"]) / self.battery.energy))
        return seen

    def _day(self, state: State, agent: int) -> Array:
        demand = state["demand"] / self.demand_scale
        if self.battery is not None and agent == self.config.generators:
            energy = self.battery.energy / (float(self.capacity_scale) * self.config.hours)
            own = [
                self.real(self.battery.power) / self.capacity_scale, self.real(energy),
                self.real(self.battery.bid_ref) / self.cost_scale,
            ]  # fmt: skip
        else:
            own = [self.capacities[agent] / self.capacity_scale, self.costs[agent] / self.cost_scale]
        return np.append(demand, np.array(own, self.real))

    # -- step ---------------------------------------------------------------------------------------------------------

    def step(self, state: State, clock: int, actions: Array) -> tuple[Array, bool, dict[str, Any]]:
        """One step with checked actions (A, action size): rewards (A,), whether the episode is over, infos."""
        hourly = []
        for k in range(self.config.decisions):
            hourly.append(self._clear_hour(state, k if self.config.day_ahead else clock, self._seated(actions, k)))
        learned = self.config.learned
        if not self.config.day_ahead:
            infos = hourly[0]
            return infos["rewards"][learned], clock + 1 >= self.config.hours, infos
        infos = {name: np.stack([hour[name] for hour in hourly]) for name in hourly[0]}
        total = np.zeros(self.config.agents)
        for hour in hourly:
            total += hour["rewards"]
        infos["rewards"] = total.astype(self.real)
        return infos["rewards"][learned], True, infos

    def _seated(self, actions: Array, k: int) -> list[Array]:
        """Action (2,) of every seat for the `k`-th hour it decides; policies are float32, actions keep their dtype."""
        seated: list[Array] = []
        learners = iter(actions)
        for policy in self.config.policies:
            action = next(learners) if policy is None else np.array(policy, np.float32)
            half = len(action) // 2
            seated.append(action if half == 1 else action[[k, half + k]])
        return seated

    def _clear_hour(self, state: State, t: int, actions: list[Array]) -> dict[str, Any]:
        """Project, clear and reward hour `t`, and move the battery."""
        real, n, battery = self.real, self.config.generators, self.battery
        demand = float(state["demand"][t])
        bids, quantities = np.zeros(self.config.agents, real), np.zeros(self.config.agents, real)
        for j in range(n):
            one = slice(j, j + 1)
            quantities[one], bids[one] = project_actions(
                actions[j][None], self.capacities[one], self.costs[one], self.config.max_bid_delta
            )

        charged = 0.0
        costs = self.costs
        wanted = 0.0
        if battery is not None:
            costs = np.append(costs, real(battery.bid_ref))
            bids[n], quantities[n], wanted = self._project_battery(actions[n], float(state["soc"]))
        if battery is None or quantities[n] > 0:
            cleared = self.kernels.clear(bids, quantities, demand, self.config.rules)
        else:
            # An idle or buying battery is no seller, so it can never set the price.
            charged = market.storage_purchase(bids[:n], quantities[:n], demand, float(bids[n]), wanted)
            sold = self.kernels.clear(bids[:n], quantities[:n], demand + charged, self.config.rules)
            cleared = market.Cleared(sold.price, np.append(sold.q_cleared, real(0)), sold.shortfall)

        rules, settings = self.config.rules, self.settings
        unserved, lost_load = market.loss_of_load(cleared, demand, rules, settings.unit_lol_penalty, charged)
        rewards = market.rewards(cleared, bids, costs, lost_load, settings)
        away = bids - costs
        penalties = real(settings.lambda_bid_penalty) * (away * away) + lost_load
        infos: dict[str, Any] = {
            "price": cleared.price, "demand": real(demand), "unserved": unserved, "q_cleared": cleared.q_cleared,
            "rewards": rewards, "bids": bids, "quantities": quantities,
        }  # fmt: skip
        if battery is not None:
            discharged = float(cleared.q_cleared[n])
            soc = float(state["soc"]) + (charged * battery.efficiency - discharged / battery.efficiency)
            soc = min(max(soc, 0.0), battery.energy)
            state["soc"] = np.array(soc)
            markup = float(bids[n]) - battery.bid_ref
            penalty = settings.lambda_bid_penalty * (markup * markup)
            raw = float(cleared.price) * (discharged - charged) - penalty - float(lost_load)
            own_penalty = penalty + float(lost_load)
            if t == self.config.hours - 1:
                # Energy that was there at the start and is missing at the end is bought back at the highest price.
                owed = max(0.0, battery.initial_soc - soc) * (battery.bid_ref + self.config.max_bid_delta)
                raw, own_penalty = raw - owed, own_penalty + owed
            rewards[n] = market.scale_rewards(np.array([raw], np.float64).astype(real), settings)[0]
            penalties[n] = own_penalty
            infos |= {"charged": charged, "discharged": discharged, "soc": soc}
        if self.config.history:
            self._record(state, t, infos, penalties)
        return infos

    def _project_battery(self, action: Array, soc: float) -> tuple[Any, Any, float]:
        """Bid and offer of the battery in dtype R, and the MW it would buy."""
        assert self.battery is not None
        battery = self.battery
        share = min(max(float(action[0]), -1.0), 1.0)
        markup = float(tanh_of(action[1:], self.real)[0])
        bid = self.real(battery.bid_ref + markup * self.config.max_bid_delta)
        if share >= 0:
            return bid, self.real(min(share * battery.power, soc * battery.efficiency)), 0.0
        return bid, self.real(0), min(-share * battery.power, (battery.energy - soc) / battery.efficiency)

    def _record(self, state: State, t: int, infos: Mapping[str, Any], penalties: Array) -> None:
        rows = {
            "bids": infos["bids"], "q_offered": infos["quantities"], "q_cleared": infos["q_cleared"],
            "rewards": infos["rewards"], "penalty": penalties, "market_prices": infos["price"],
            "demand": infos["demand"],
        }  # fmt: skip
        if self.battery is not None:
            rows |= {"charge": infos["charged"], "discharge": infos["discharged"], "soc": infos["soc"]}
        for name, row in rows.items():
            state[f"history_{name}"][t] = row
