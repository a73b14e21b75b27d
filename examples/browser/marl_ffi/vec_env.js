// Batches of environments.

import { ARRAYS, DTYPES, asCount, asSeed, choice, invalid, toJson, wrongLength } from "./memory.js";

const AUTORESET = { NextStep: 0, SameStep: 1, Disabled: 2 };
const product = (shape) => shape.reduce((size, n) => size * n, 1);

// `marl_step_io` with 32-bit pointers: words, in order
const STEP_IO = [
  "size", "actions", "actions_bytes", "actions_dtype", "reserved", "observations", "observations_bytes", "rewards",
  "rewards_bytes", "terminations", "terminations_len", "truncations", "truncations_len", "final_observations",
  "final_observations_bytes", "final_mask", "final_mask_len", "episode_returns", "episode_returns_len", "episode_lengths",
  "episode_lengths_len", "infos", "infos_bytes", "actions_out", "actions_out_bytes",
];

/**
 * A batch of environments: `marl.vecEnv("CartPole-v1", 1024)`.
 *
 * Arrays are flat and row-major, `(numEnvs, agents, …)`; their shapes are in `env.spec`. What `reset`, `step` and
 * `rollout` return is a copy, or with `copy: false` a view of the engine's own memory that the next call overwrites.
 */
export class VecEnv {
  /** See `Marl.vecEnv`. */
  constructor(instance, id, numEnvs, { config = {}, autoreset = "NextStep", copy = true } = {}) {
    this.#instance = instance;
    this.copy = copy;
    this.numEnvs = asCount(numEnvs, "numEnvs", 1);
    const mode = choice(AUTORESET, autoreset, "autoreset");
    this.#handle = instance.during(
      (room) => [room.string(String(id)), room.string(toJson(config)), room.allocate("uint32", 1)],
      ([name, json, out]) => {
        instance.run("vec_env_new", name.address, json.address, this.numEnvs, 1, mode, out.address);
        return out.view[0];
      },
    );
    try {
      /** The specification: agents with their spaces, shapes and types of arrays, infos, state columns, configuration. */
      this.spec = Object.freeze(instance.json("vec_env_spec", this.#handle));
      this.#buffers = this.#makeBuffers(1, { infos: true, actions: true });
    } catch (error) {
      instance.call("vec_env_free", this.#handle);
      throw error;
    }
  }

  #instance;
  #handle;
  #buffers;

  /** Buffers of a step or rollout, and the `marl_step_io` that tells where they are: addresses never move. */
  #makeBuffers(steps, { infos, actions }) {
    const { spec, numEnvs } = this;
    const agents = spec.agents.length;
    const rows = steps * numEnvs;
    const seen = [spec.observation_dtype, rows * agents * product(spec.observation_shape)];
    const played = [spec.action_dtypes[0], rows * agents * product(spec.action_shape)];
    const wanted = {
      io: ["uint32", STEP_IO.length], observations: seen, rewards: [spec.reward_dtype, rows * agents],
      terminations: ["uint8", rows], truncations: ["uint8", rows], final_observations: seen, final_mask: ["uint8", rows],
      episode_returns: ["float64", rows * agents], episode_lengths: ["int64", rows],
    };
    if (actions) wanted.actions = played;
    if (infos) wanted.infos = ["uint8", spec.infos_bytes];
    else wanted.actions_out = played;
    const made = {};
    try {
      for (const [name, [kind, len]] of Object.entries(wanted)) made[name] = this.#instance.allocate(kind, len);
    } catch (error) {
      this.#instance.release(...Object.values(made));
      throw error;
    }
    const words = made.io.view;
    const put = (name, value) => (words[STEP_IO.indexOf(name)] = value);
    put("size", 4 * STEP_IO.length);
    put("actions_dtype", DTYPES[spec.action_dtypes[0]]);
    for (const [name, block] of Object.entries(made)) {
      if (name === "io" || block.len === 0) continue;
      put(name, block.address);
      if (STEP_IO.includes(`${name}_bytes`)) put(`${name}_bytes`, block.bytes);
      else put(`${name}_len`, block.len);
    }
    return made;
  }

  #fillActions(block, actions) {
    const values = ArrayBuffer.isView(actions) || !Array.isArray(actions) ? actions : actions.flat(Infinity);
    if (values?.length === undefined) throw invalid(`actions: expected an array of ${block.len} numbers, got ${typeof actions}`);
    if (values.length !== block.len) throw wrongLength("actions", block.len, values.length);
    const view = block.view;
    if (!this.spec.action_dtypes[0].startsWith("int")) {
      for (let k = 0; k < view.length; k++) view[k] = values[k];
      return;
    }
    // a typed array would round or wrap what is no whole number, in silence
    const wide = view instanceof BigInt64Array;
    for (let k = 0; k < view.length; k++) {
      const value = values[k];
      if (typeof value !== "bigint" && !Number.isSafeInteger(value)) {
        throw invalid(`actions[${k}]: expected a whole number, got ${JSON.stringify(value) ?? String(value)}`);
      }
      view[k] = wide ? BigInt(value) : Number(value);
    }
  }

  #taken(block) {
    return this.copy ? block.copy() : block.view;
  }

  #results(buffers) {
    const of = (name) => this.#taken(buffers[name]);
    return {
      observations: of("observations"), rewards: of("rewards"), terminations: of("terminations"), truncations: of("truncations"),
      finalObservations: of("final_observations"), finalMask: of("final_mask"), episodeReturns: of("episode_returns"),
      episodeLengths: of("episode_lengths"),
    };
  }

  /**
   * Starts new episodes; returns the first observations.
   *
   * @param {object} [options] `seed`: environment `i` gets `seed + i`; or `seeds`, one for each. Without, generators go on,
   *   or start from fresh entropy. `mask`: 1 for each environment to reset, all if absent. `options` of the environment.
   */
  reset({ seed, seeds, mask, options } = {}) {
    if (seed != null && seeds != null) throw invalid("reset: expected seed or seeds, got both");
    let all = seeds == null ? null : Array.from(seeds, (each, k) => asSeed(each, `seeds[${k}]`));
    if (seed != null) {
      const first = asSeed(seed);
      all = Array.from({ length: this.numEnvs }, (_, k) => BigInt.asUintN(64, first + BigInt(k)));
    }
    if (all && all.length !== this.numEnvs) throw wrongLength("seeds", this.numEnvs, all.length);
    if (mask && mask.length !== this.numEnvs) throw wrongLength("mask", this.numEnvs, mask.length);
    const out = this.#live().observations;
    this.#instance.during(
      (room) => [
        all ? room.filled("uint64", all).address : 0, mask ? room.filled("uint8", Array.from(mask, Number)).address : 0,
        options ? room.string(toJson(options)).address : 0,
      ],
      ([seedsAt, maskAt, optionsAt]) => this.#instance.run("vec_env_reset", this.#handle, seedsAt, 0, maskAt, optionsAt, out.address, out.bytes),
    );
    return this.#taken(out);
  }

  /**
   * Steps every environment once. `actions` has `numEnvs * agents * …` numbers, flat or nested.
   *
   * @returns observations, rewards, terminations, truncations, finalObservations, finalMask, episodeReturns,
   *   episodeLengths, and infos by name
   */
  step(actions) {
    const buffers = this.#live();
    this.#fillActions(buffers.actions, actions);
    this.#instance.run("vec_env_step", this.#handle, buffers.io.address);
    return { ...this.#results(buffers), infos: this.#infos(buffers.infos) };
  }

  #infos(block) {
    const found = {};
    this.spec.infos.forEach(({ name, dtype, shape }, k) => {
      const Kind = ARRAYS[dtype];
      const view = new Kind(block.view.buffer, block.address + this.spec.info_offsets[k], this.numEnvs * product(shape));
      found[name] = this.copy ? view.slice() : view;
    });
    return found;
  }

  /** Steps `steps` times in one call; arrays have a leading axis. Without actions, each environment draws its own. */
  rollout(steps, actions = null) {
    asCount(steps, "steps", 1);
    this.#live();
    const buffers = this.#makeBuffers(steps, { infos: false, actions: actions != null });
    try {
      if (actions != null) this.#fillActions(buffers.actions, actions);
      this.#instance.run("vec_env_rollout", this.#handle, steps, buffers.io.address);
      const copied = Object.entries(this.#results(buffers)).map(([name, array]) => [name, this.copy ? array : array.slice()]);
      const played = (buffers.actions ?? buffers.actions_out).copy();
      return { ...Object.fromEntries(copied), actions: played };
    } finally {
      this.#instance.release(...Object.values(buffers));
    }
  }

  /** The observations of the present state. */
  observe() {
    const out = this.#live().observations;
    this.#instance.run("vec_env_observe", this.#handle, out.address, out.bytes);
    return this.#taken(out);
  }

  /** Everything, as bytes: state, clocks, generators. The native library reads them too. */
  snapshot() {
    this.#live();
    return this.#instance.sized("vec_env_snapshot", this.#handle);
  }

  /** Goes back to where a snapshot was made. */
  restore(bytes) {
    this.#live();
    this.#instance.during(
      (room) => room.filled("uint8", bytes),
      (block) => this.#instance.run("vec_env_restore", this.#handle, block.address, block.len),
    );
  }

  #columnOf(name) {
    const field = this.spec.columns.find((each) => each.name === name);
    // an unknown name is the engine's to refuse: it knows the nearest
    return field ?? { dtype: "uint8", shape: null };
  }

  /** A state column, copied; names are in `spec.columns`. */
  column(name) {
    this.#live();
    const { dtype, shape } = this.#columnOf(name);
    return this.#instance.during(
      (room) => [room.string(String(name)), room.allocate(dtype, this.numEnvs * product(shape ?? []))],
      ([key, out]) => {
        this.#instance.run("vec_env_column", this.#handle, key.address, out.address, out.bytes);
        return out.copy();
      },
    );
  }

  /** Injects a state column; `mask` has a 1 for each environment to change, all if absent. */
  setColumn(name, values, mask = null) {
    this.#live();
    const { dtype, shape } = this.#columnOf(name);
    const expected = shape ? this.numEnvs * product(shape) : values?.length ?? 0;
    if (values?.length !== expected) throw wrongLength(String(name), expected, values?.length ?? typeof values);
    if (mask && mask.length !== this.numEnvs) throw wrongLength("mask", this.numEnvs, mask.length);
    this.#instance.during(
      (room) => [room.string(String(name)), room.filled(dtype, values), mask ? room.filled("uint8", Array.from(mask, Number)).address : 0],
      ([key, block, maskAt]) => this.#instance.run("vec_env_set_column", this.#handle, key.address, block.address, block.bytes, maskAt),
    );
  }

  /** The seeds in force, those from entropy included. */
  seeds() {
    this.#live();
    return this.#instance.during(
      (room) => room.allocate("uint64", this.numEnvs),
      (out) => {
        this.#instance.run("vec_env_seeds", this.#handle, out.address, out.len);
        return out.copy();
      },
    );
  }

  #live() {
    if (this.#handle === 0) throw invalid("this batch was freed");
    return this.#buffers;
  }

  /** Gives its memory back. Calling it twice is fine. */
  free() {
    if (this.#handle === 0) return;
    this.#instance.call("vec_env_free", this.#handle);
    this.#instance.release(...Object.values(this.#buffers));
    this.#handle = 0;
  }
}
