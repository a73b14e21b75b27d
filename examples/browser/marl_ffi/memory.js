// The module's memory, seen from JavaScript: room for arguments, views of it, errors. Nothing here knows a game.

/** A call that the engine refused, or could not finish. */
export class MarlError extends Error {
  /**
   * @param {string} message which input, where, what was expected and what was got
   * @param {number} status a `marl_status`, e.g. 300
   * @param {string} reason its name, e.g. "bid_not_finite"
   */
  constructor(message, status, reason) {
    super(message);
    this.name = "MarlError";
    this.status = status;
    this.reason = reason;
  }
}

const PANIC = 700;
const LENGTH_MISMATCH = 102;
const OUT_OF_MEMORY = 105;
const INVALID_ARGUMENT = 101;

/** An argument that cannot be handed over. */
export const invalid = (message) => new MarlError(message, INVALID_ARGUMENT, "invalid_argument");

/** Numbers that do not fit where they belong. */
export const wrongLength = (what, expected, got) =>
  new MarlError(`${what}: expected ${expected} elements, got ${got}`, LENGTH_MISMATCH, "length_mismatch");

export const DTYPES = { float32: 0, float64: 1, int32: 2, int64: 3 };
export const ARRAYS = {
  float32: Float32Array, float64: Float64Array, int32: Int32Array, int64: BigInt64Array,
  uint8: Uint8Array, uint32: Uint32Array, uint64: BigUint64Array,
};

/** `len` elements of a type, at an address that never moves; the view of them is made anew when memory grew. */
export class Block {
  constructor(memory, address, kind, len) {
    this.address = address;
    this.len = len;
    this.bytes = len * ARRAYS[kind].BYTES_PER_ELEMENT;
    this.#memory = memory;
    this.#Kind = ARRAYS[kind];
  }

  #memory;
  #Kind;
  #view = null;

  /** The elements, to read and write: valid until memory grows. */
  get view() {
    if (this.#view?.buffer !== this.#memory.buffer) this.#view = new this.#Kind(this.#memory.buffer, this.address, this.len);
    return this.#view;
  }

  /** The elements, copied. */
  copy() {
    return this.view.slice();
  }
}

/** An instance of the module: its functions, and what its calls need around them. */
export class Instance {
  constructor(exports) {
    this.#exports = exports;
    this.memory = exports.memory;
    this.error = this.allocate("uint8", 512);
    this.#sizePlace = this.allocate("uint32", 1);
  }

  #exports;
  #sizePlace;
  #broken = "";
  #lastWords = "";

  /** What a panic says; the trap follows. */
  noteLastWords(text) {
    this.#lastWords = text;
  }

  /** Calls `marl_<name>`. After a trap the memory of this instance cannot be trusted, and no call is made again. */
  call(name, ...args) {
    if (this.#broken) throw new MarlError(`this instance met a bug earlier and takes no calls; load another (${this.#broken})`, PANIC, "panic");
    try {
      return this.#exports[`marl_${name}`](...args);
    } catch (error) {
      if (!(error instanceof WebAssembly.RuntimeError || error instanceof RangeError)) throw error;
      this.#broken = `marl_${name}: ${this.#lastWords || error.message}`;
      throw new MarlError(`a bug in marl_ffi, please report it: ${this.#broken}`, PANIC, "panic");
    }
  }

  /** Calls a function that returns a status, with the place of its error last. */
  run(name, ...args) {
    const status = this.call(name, ...args, this.error.address);
    if (status !== 0) throw this.failure(status);
  }

  /** The error that the last call left. */
  failure(status = new DataView(this.memory.buffer, this.error.address).getInt32(0, true)) {
    return new MarlError(this.text(this.error.address + 4), status, this.text(this.call("status_name", status)));
  }

  /** Memory for `len` elements, all zero. */
  allocate(kind, len) {
    const bytes = len * ARRAYS[kind].BYTES_PER_ELEMENT;
    // what does not fit into 32 bits would wrap around to something small
    const address = bytes < 2 ** 32 ? this.call("wasm_alloc", bytes) >>> 0 : 0;
    if (address === 0) throw new MarlError(`${len} elements of ${kind}: out of memory`, OUT_OF_MEMORY, "out_of_memory");
    return new Block(this.memory, address, kind, len);
  }

  /** Memory with these elements in it. */
  filled(kind, values) {
    const block = this.allocate(kind, values.length);
    block.view.set(values);
    return block;
  }

  /** Memory with this text in it, NUL at the end. */
  string(text) {
    if (text.includes("\0")) throw invalid(`text: expected no NUL in it, got ${JSON.stringify(text)}`);
    return this.filled("uint8", new TextEncoder().encode(`${text}\0`));
  }

  release(...blocks) {
    for (const block of blocks) if (block) this.call("wasm_free", block.address, block.bytes);
  }

  /** Calls `use` with memory for its arguments, which lasts as long as the call. */
  during(makeBlocks, use) {
    const made = [];
    const keep = (block) => (made.push(block), block);
    const scope = {
      string: (text) => keep(this.string(text)),
      filled: (kind, values) => keep(this.filled(kind, values)),
      allocate: (kind, len) => keep(this.allocate(kind, len)),
    };
    try {
      return use(makeBlocks(scope));
    } finally {
      if (!this.#broken) this.release(...made);
    }
  }

  /** The NUL-terminated text at an address. */
  text(address) {
    const bytes = new Uint8Array(this.memory.buffer, address);
    return new TextDecoder().decode(bytes.slice(0, bytes.indexOf(0)));
  }

  /** What a function writes that is asked for its size first: bytes. */
  sized(name, ...args) {
    this.run(name, ...args, 0, 0, this.#sizePlace.address);
    const room = this.#sizePlace.view[0];
    return this.during(
      ({ allocate }) => allocate("uint8", room),
      (out) => {
        this.run(name, ...args, out.address, room, this.#sizePlace.address);
        return out.view.slice(0, this.#sizePlace.view[0]);
      },
    );
  }

  json(name, ...args) {
    return JSON.parse(new TextDecoder().decode(this.sized(name, ...args)));
  }
}

/** A configuration as the engine reads it; numbers that JSON does not have are texts there. */
export function toJson(config) {
  return JSON.stringify(config ?? {}, (_, value) => {
    if (typeof value === "bigint") return Number(value);
    if (ArrayBuffer.isView(value)) return Array.from(value);
    return typeof value === "number" && !Number.isFinite(value) ? String(value) : value;
  });
}

/**
 * A seed: a whole number from 0 to 2**64 - 1, as a number, a BigInt or a text of digits.
 * Numbers above 2**53 - 1 are refused, for they may already have been rounded: use a BigInt or a text.
 */
export function asSeed(seed, what = "seed") {
  const expected = `${what}: expected a whole number from 0 to 18446744073709551615`;
  if (typeof seed === "number" && !Number.isSafeInteger(seed)) {
    const hint = Number.isInteger(seed) ? "; a number so large may have been rounded: give it as a BigInt or a text" : "";
    throw invalid(`${expected}, got ${seed}${hint}`);
  }
  if (typeof seed === "string" && !/^\s*[0-9]+\s*$/.test(seed)) {
    throw invalid(`${expected}, got ${seed.trim() ? `"${seed}"` : "nothing"}`);
  }
  if (!["number", "string", "bigint"].includes(typeof seed)) throw invalid(`${expected}, got ${seed === null ? "null" : typeof seed}`);
  const value = BigInt(seed);
  if (value < 0n || value >= 1n << 64n) throw invalid(`${expected}, got ${value}`);
  return value;
}

/** A size or count: a whole number from `low` to 2**32 - 1. */
export function asCount(value, what, low = 0) {
  if (typeof value === "number" && Number.isInteger(value) && value >= low && value < 2 ** 32) return value;
  throw invalid(`${what}: expected a whole number from ${low} to ${2 ** 32 - 1}, got ${String(value)}`);
}

/** A number of an enumeration, by its name. */
export function choice(names, name, what) {
  const k = Object.keys(names).indexOf(name);
  if (k < 0) throw invalid(`${what}: expected one of ${Object.keys(names).join(", ")}, got ${JSON.stringify(name) ?? "undefined"}`);
  return names[name];
}
