// Bucket Brigade by itself: whole games of agents that nobody has to lead.

import { asCount, asSeed, choice, invalid, toJson } from "./memory.js";

const DECISIONS = { original: 0, independent: 1 };
const PARAMETERS = 10;
const BRIGADE = "BucketBrigade-v0";

/** The strategy (10 numbers) of each agent; a name stands for that archetype's. */
export function strategies(instance, agents) {
  if (!Array.isArray(agents) || agents.length === 0) throw invalid("agents: expected a list, one for each seat");
  const named = [...new Set(agents.filter((agent) => typeof agent === "string"))];
  const numbers = new Map();
  if (named.length) {
    // the engine tells them: it echoes the policies of a configuration
    const config = { agents: [0], num_agents: named.length + 1, policies: [null, ...named] };
    const { policies } = instance.during(
      (room) => [room.string(BRIGADE), room.string(toJson(config))],
      ([id, json]) => instance.json("env_spec", id.address, json.address),
    ).config;
    named.forEach((name, k) => numbers.set(name, policies[k + 1]));
  }
  return agents.map((agent, i) => {
    const found = typeof agent === "string" ? numbers.get(agent) : agent;
    if (typeof found !== "string" && found?.length === PARAMETERS) return Array.from(found);
    const wish = `agents[${i}]: expected the name of an archetype or ${PARAMETERS} numbers`;
    throw invalid(`${wish}, got ${JSON.stringify(agent) ?? "undefined"}`);
  });
}

/** See `Marl.brigadeEpisodes`. */
export function episodes(instance, { scenario = "default", agents, seeds, decisions = "original", ...fields }) {
  const params = strategies(instance, agents).flat();
  const all = BigUint64Array.from(Array.from(seeds ?? [], (seed, k) => asSeed(seed, `seeds[${k}]`)));
  const which = choice(DECISIONS, decisions, "decisions");
  return instance.during(
    (room) => [
      room.string(toJson({ scenario, ...fields })), room.filled("float64", params), room.filled("uint64", all),
      room.allocate("float32", all.length * agents.length), room.allocate("uint32", all.length),
    ],
    ([json, params, seeds, scores, nights]) => {
      instance.run(
        "brigade_episodes", json.address, params.address, params.len, 1, agents.length, seeds.address, seeds.len, seeds.len,
        which, 1, scores.address, scores.len, nights.address, nights.len,
      );
      return { scores: scores.copy(), nights: nights.copy() };
    },
  );
}

/** See `Marl.brigadeRecord`. */
export function record(instance, { scenario = "default", agents, seed, decisions = "independent", ...fields }) {
  choice(DECISIONS, decisions, "decisions");
  if (!Array.isArray(agents)) throw invalid("agents: expected a list, one for each seat");
  const chosen = asSeed(seed);
  const config = { scenario, ...fields, num_agents: agents.length };
  const told = instance.during(
    (room) => [room.string(BRIGADE), room.string(toJson(config))],
    ([id, json]) => instance.json("env_spec", id.address, json.address),
  ).config.scenario;
  const [n, h] = [agents.length, told.num_houses];
  for (let most = asCount(told.max_nights ?? 128, "max_nights"); ; most *= 2) {
    const recorded = instance.during(
      (room) => [
        room.string(toJson({ ...config, policies: agents, decisions })), room.allocate("uint8", (most + 1) * h),
        room.allocate("uint8", most * n * 3), room.allocate("float32", most * n), room.allocate("uint32", 1), room.allocate("uint8", 1),
      ],
      ([json, houses, actions, rewards, nights, isOver]) => {
        instance.run(
          "brigade_record", json.address, chosen, most, houses.address, houses.len, actions.address, actions.len,
          rewards.address, rewards.len, nights.address, isOver.address,
        );
        if (isOver.view[0] === 0) return null;
        const played = nights.view[0];
        return {
          nights: played, houses: houses.view.slice(0, (played + 1) * h), actions: actions.view.slice(0, played * n * 3),
          rewards: rewards.view.slice(0, played * n),
        };
      },
    );
    if (recorded) return { scenario: told, agents: [...agents], seed: chosen, ...recorded };
  }
}

/** A recorded game in the format of replays, as an object; its seed is a number, or a BigInt above 2**53 - 1. */
export function toReplay({ scenario, agents, seed, nights, houses, actions, rewards }) {
  const [n, h] = [agents.length, scenario.num_houses];
  const row = (flat, width, t) => Array.from(flat.subarray(t * width, (t + 1) * width));
  const scores = new Array(n).fill(0);
  const evening = {
    night: 0, houses: row(houses, h, 0), signals: new Array(n).fill(0), locations: new Array(n).fill(0),
    actions: scores.map(() => [0, 0, 0]), rewards: new Array(n).fill(0),
  };
  const night = (t) => {
    const acted = Array.from({ length: n }, (_, i) => row(actions, 3, n * t + i));
    const paid = row(rewards, n, t);
    paid.forEach((reward, i) => (scores[i] += reward));
    const signals = acted.map(([, , signal]) => signal);
    // those who play by themselves say the same twice
    const first = scenario.commitment_mode === "two_phase" ? { round1_signals: signals } : {};
    return { night: t, houses: row(houses, h, t + 1), signals, locations: acted.map(([at]) => at), actions: acted, rewards: paid, ...first };
  };
  const all = [evening, ...Array.from({ length: nights }, (_, t) => night(t))];
  return {
    format: "marl_ffi/bucket_brigade/replay", version: 1, rules: "core",
    generator: { name: "pcg64-xsl-rr/seed_from_u64", seed: seed <= Number.MAX_SAFE_INTEGER ? Number(seed) : seed },
    agents: agents.map((agent) => (typeof agent === "string" ? agent.toLowerCase() : "heuristic")), early: null, scenario, nights: all,
    agent_scores: scores, final_score: scores.reduce((sum, score) => sum + score, 0),
  };
}

/** A recorded game as text, which `marl-ffi replay` and Python's `Replay.from_json` read. */
export function toReplayJson(game) {
  const replay = toReplay(game);
  const { seed } = replay.generator;
  // JSON has numbers of any size, but JavaScript writes none from a BigInt
  const text = JSON.stringify(replay, (_, value) => (typeof value === "bigint" ? "@seed" : value));
  return text.replace('"@seed"', String(seed));
}
