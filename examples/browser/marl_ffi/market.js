// The electricity market by itself.

import { Block, DTYPES, asCount, choice, invalid } from "./memory.js";

// `marl_market_params` with 32-bit sizes: byte offsets
const SIZE = 72;
const DOUBLES = { lambdaBidPenalty: 8, unitLolPenalty: 16, demandScale: 24, costScale: 32, priceCap: 40 };
const TIME_HORIZON = 48;
const CHOICES = {
  scarcityPrice: [56, { highest_bid: 0, highest_offered_bid: 1 }],
  lossOfLoad: [60, { rounded: 0, exact: 1 }],
  tieRule: [64, { index: 0, pro_rata: 1 }],
};
const ARRAYS = { bids: 0, quantities: 1, costs: 2, cleared: 3, rewards: 4 };

/** Throws unless the module has the layout of structs that this file was written for. */
export function checkLayout(instance) {
  instance.during(
    (room) => room.allocate("uint8", 256),
    (params) => {
      instance.call("market_params_default", params.address);
      const size = new DataView(instance.memory.buffer, params.address).getUint32(0, true);
      if (size !== SIZE) throw invalid(`marl_market_params: expected ${SIZE} bytes, the module has ${size}`);
    },
  );
}

/**
 * A uniform-price market with arrays of its own: `marl.market(5)`.
 *
 * Write to `bids` (currency/MWh), `quantities` (MW) and `costs` (currency/MWh), call `clear` or `step`, read `cleared`
 * (MW) and `rewards`. The arrays are views of the engine's memory; ask the market for them anew after other calls.
 */
export class Market {
  /** See `Marl.market`. */
  constructor(instance, numGenerators, { dtype = "float64", ...params } = {}) {
    this.#instance = instance;
    this.numGenerators = asCount(numGenerators, "numGenerators", 1);
    const code = choice({ float32: DTYPES.float32, float64: DTYPES.float64 }, dtype, "dtype");
    this.#handle = instance.during(
      (room) => [room.allocate("uint8", SIZE), room.allocate("uint32", 1)],
      ([block, out]) => {
        instance.call("market_params_default", block.address);
        this.#write(new DataView(instance.memory.buffer, block.address, SIZE), params);
        instance.run("market_new", this.numGenerators, code, block.address, out.address);
        return out.view[0];
      },
    );
    for (const [name, number] of Object.entries(ARRAYS)) {
      this.#blocks[name] = new Block(instance.memory, instance.call("market_data", this.#handle, number) >>> 0, dtype, this.numGenerators);
    }
  }

  #instance;
  #handle;
  #blocks = {};

  #write(view, params) {
    for (const [name, value] of Object.entries(params)) {
      if (name in DOUBLES) view.setFloat64(DOUBLES[name], value, true);
      else if (name === "timeHorizon") view.setBigInt64(TIME_HORIZON, BigInt(asCount(value, name)), true);
      else if (name in CHOICES) view.setInt32(CHOICES[name][0], choice(CHOICES[name][1], value, name), true);
      else throw invalid(`${name}: expected one of ${[...Object.keys(DOUBLES), "timeHorizon", ...Object.keys(CHOICES)].join(", ")}`);
    }
  }

  get bids() { return this.#array("bids"); }
  set bids(values) { this.#fill("bids", values); }
  get quantities() { return this.#array("quantities"); }
  set quantities(values) { this.#fill("quantities", values); }
  get costs() { return this.#array("costs"); }
  set costs(values) { this.#fill("costs", values); }
  get cleared() { return this.#array("cleared"); }
  get rewards() { return this.#array("rewards"); }

  #array(name) {
    if (this.#handle === 0) throw invalid("this market was freed");
    return this.#blocks[name].view;
  }

  #fill(name, values) {
    if (values?.length !== this.numGenerators) throw invalid(`${name}: expected ${this.numGenerators} numbers, got ${values?.length ?? typeof values}`);
    this.#array(name).set(values);
  }

  /** Clears the market; returns the price (currency/MWh). `demand` in MW. */
  clear(demand) {
    return this.#priced("market_clear", demand);
  }

  /** Clears the market and pays everybody; returns the price. */
  step(demand) {
    return this.#priced("market_step", demand);
  }

  #priced(name, demand) {
    if (this.#handle === 0) throw invalid("this market was freed");
    // what is no number would become 0 or NaN on the way
    if (typeof demand !== "number") throw invalid(`demand: expected a number, got ${demand === null ? "null" : typeof demand}`);
    const price = this.#instance.call(name, this.#handle, demand, this.#instance.error.address);
    if (Number.isNaN(price)) throw this.#instance.failure();
    return price;
  }

  /** Gives its memory back. Calling it twice is fine. */
  free() {
    this.#instance.call("market_free", this.#handle);
    this.#handle = 0;
  }
}
