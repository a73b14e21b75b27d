/**
 * The marl_ffi engine in JavaScript: the functions of its C ABI, compiled to WebAssembly, with arrays, texts and errors
 * as JavaScript has them. For browsers, workers and Node; needs nothing but the module `marl_ffi.wasm` beside it.
 *
 *     import { load } from "./marl_ffi/index.js";
 *     const marl = await load();
 *     const env = marl.vecEnv("CartPole-v1", 4);
 *     env.reset({ seed: 42 });
 *     const { observations, rewards } = env.step([0, 1, 0, 1]);
 */

import { Instance, toJson } from "./memory.js";
import { VecEnv } from "./vec_env.js";
import { Market, checkLayout } from "./market.js";
import { episodes, record, strategies } from "./brigade.js";

export { MarlError, asSeed } from "./memory.js";
export { toReplay, toReplayJson } from "./brigade.js";

/** The version of the ABI that these files were written for. */
export const ABI_VERSION = 1;

const HOW_TO_BUILD = "run `make wasm` in the repository of marl_ffi, which builds it";

/** What only loading can meet: no module, a page opened as a file, a host without WebAssembly. */
export class LoadError extends Error {
  constructor(message, options) {
    super(message, options);
    this.name = "LoadError";
  }
}

async function bytesOf(source) {
  const url = source instanceof URL ? source : new URL(String(source), import.meta.url);
  if (url.protocol === "file:") {
    if (typeof process === "undefined" || !process.versions?.node) {
      const why = "a browser loads no module from a file";
      throw new LoadError(`${why}; serve the directory instead: python -m http.server, then open http://localhost:8000`);
    }
    const { readFile } = await import("node:fs/promises");
    return readFile(url).catch((cause) => {
      throw new LoadError(`${url.pathname}: not found; ${HOW_TO_BUILD}`, { cause });
    });
  }
  const answer = await fetch(url).catch((cause) => {
    throw new LoadError(`${url}: the server did not answer (${cause.message})`, { cause });
  });
  if (answer.status === 404) throw new LoadError(`${url}: not found; ${HOW_TO_BUILD}`);
  if (!answer.ok) throw new LoadError(`${url}: the server answered ${answer.status} ${answer.statusText}`);
  return answer.arrayBuffer();
}

async function compiled(source) {
  if (typeof WebAssembly === "undefined") throw new LoadError("this browser has no WebAssembly");
  if (source instanceof WebAssembly.Module) return source;
  const bytes = source instanceof ArrayBuffer || ArrayBuffer.isView(source) ? source : await bytesOf(source);
  return WebAssembly.compile(bytes).catch((cause) => {
    const why = `this is no module of marl_ffi, or one for newer browsers (${cause.message})`;
    throw new LoadError(`${why}; ${HOW_TO_BUILD}`, { cause });
  });
}

/**
 * Loads the engine.
 *
 * @param {URL | string | ArrayBuffer | ArrayBufferView | WebAssembly.Module} [source] the module, by default the file
 *   `marl_ffi.wasm` beside this one
 * @returns {Promise<Marl>} an instance with memory of its own
 * @throws {LoadError} if there is none, or it is not of this version
 */
export async function load(source = new URL("marl_ffi.wasm", import.meta.url)) {
  const module = await compiled(source);
  let exports, instance;
  const host = {
    entropy(address, len) {
      if (!globalThis.crypto?.getRandomValues) return 1;
      crypto.getRandomValues(new Uint8Array(exports.memory.buffer, address, len));
      return 0;
    },
    panicked(address, len) {
      instance?.noteLastWords(new TextDecoder().decode(new Uint8Array(exports.memory.buffer, address, len).slice()));
    },
  };
  exports = (await WebAssembly.instantiate(module, { marl_ffi: host }).catch((cause) => {
    throw new LoadError(`this module asks for other imports than this loader has (${cause.message}); ${HOW_TO_BUILD}`, { cause });
  })).exports;
  const version = exports.marl_abi_version?.();
  if (version !== ABI_VERSION) {
    throw new LoadError(`expected a module with version ${ABI_VERSION} of the ABI, got ${version ?? "none"}; ${HOW_TO_BUILD}`);
  }
  exports.marl_wasm_init();
  instance = new Instance(exports);
  checkLayout(instance);
  return new Marl(instance, module);
}

/** A loaded engine. One call at a time; more instances, e.g. in workers, come from `load(marl.module)`. */
export class Marl {
  constructor(instance, module) {
    this.#instance = instance;
    /** The compiled module, which `load` takes too and `postMessage` can send to a worker. */
    this.module = module;
  }

  #instance;

  /** The version of the library, e.g. "0.1.0". */
  get version() {
    return this.#instance.text(this.#instance.call("version"));
  }

  /** The version of the ABI. */
  get abiVersion() {
    return this.#instance.call("abi_version");
  }

  /** The instruction set of the kernels. */
  get simdLevel() {
    return this.#instance.text(this.#instance.call("simd_level"));
  }

  /** Bytes of memory that this instance has; it grows as needed and never shrinks. */
  get memoryBytes() {
    return this.#instance.memory.buffer.byteLength;
  }

  /** Calls `marl_<name>` of the C ABI as it is, with addresses and numbers, where the loader has no method. */
  call(name, ...args) {
    return this.#instance.call(name, ...args);
  }

  /** The ids of all environments. */
  envs() {
    return this.#instance.json("env_list");
  }

  /** What an environment says of itself under a configuration. */
  envSpec(id, config = {}) {
    return this.#instance.during(
      (room) => [room.string(String(id)), room.string(toJson(config))],
      ([name, json]) => this.#instance.json("env_spec", name.address, json.address),
    );
  }

  /**
   * Makes a batch of environments; reset it before the first step, and `free` it when done.
   *
   * @param {string} id e.g. "CartPole-v1"
   * @param {number} numEnvs
   * @param {object} [options] `config` of the environment; `autoreset`: "NextStep", "SameStep" or "Disabled"; `copy`: false
   *   to be handed views of the engine's memory instead of copies
   */
  vecEnv(id, numEnvs, options) {
    return new VecEnv(this.#instance, id, numEnvs, options);
  }

  /**
   * Makes a market of `numGenerators`, all of its arrays zero; `free` it when done.
   *
   * @param {object} [options] `dtype`: "float64" or "float32"; `lambdaBidPenalty`, `unitLolPenalty`, `demandScale`,
   *   `costScale`, `priceCap`, `timeHorizon`; `scarcityPrice`: "highest_bid" or "highest_offered_bid"; `lossOfLoad`:
   *   "rounded" or "exact"; `tieRule`: "index" or "pro_rata"
   */
  market(numGenerators, options) {
    return new Market(this.#instance, numGenerators, options);
  }

  /** The strategy, ten numbers, of each agent: a name stands for that archetype's. */
  brigadeStrategies(agents) {
    return strategies(this.#instance, agents);
  }

  /**
   * Plays whole games of Bucket Brigade, one for each seed.
   *
   * @param {object} request `scenario`: a name or an object of fields, of which more may stand beside it; `agents`: for each
   *   seat an archetype or ten numbers; `seeds`; `decisions`: "original" (default) or "independent"
   * @returns scores, a Float32Array `(seeds, agents)`, and nights, a Uint32Array
   */
  brigadeEpisodes(request) {
    return episodes(this.#instance, request);
  }

  /**
   * Plays one game of Bucket Brigade and records every night.
   *
   * @param {object} request as in `brigadeEpisodes`, with one `seed`; agents may also be scripted players; decisions are
   *   "independent" by default
   * @returns the scenario in full, agents, seed (a BigInt), nights, and flat arrays: houses `(nights + 1, houses)`, actions
   *   `(nights, agents, 3)`, rewards `(nights, agents)`
   */
  brigadeRecord(request) {
    return record(this.#instance, request);
  }

  /** 64 bits of fresh entropy, as a BigInt: a seed for who has none. */
  static freshSeed() {
    return crypto.getRandomValues(new BigUint64Array(1))[0];
  }
}
