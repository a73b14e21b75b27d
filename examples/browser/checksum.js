// A thousand CartPoles and an electricity market, played alike in every language: all print one checksum.
// On the page, or in Node: `node examples/browser/checksum.js`. The rules are told in ../checksum.py.

import { MarlError, load } from "./marl_ffi/index.js";

const [POLES, STEPS, SEED] = [1000, 200, 42];
const [GENERATORS, HOURS, DAY_SEED] = [5, 240, 7];

/** FNV-1a, 64 bits, in two halves: numbers of JavaScript are exact up to 53 bits. */
class Checksum {
  #high = 0xcbf29ce4;
  #low = 0x84222325;

  /** Adds arrays of numbers, byte by byte; the engine's memory is little-endian on every machine. */
  add(...arrays) {
    let [high, low] = [this.#high, this.#low];
    for (const array of arrays) {
      for (const byte of new Uint8Array(array.buffer, array.byteOffset, array.byteLength)) {
        low = (low ^ byte) >>> 0;
        // times 2^40 + 0x1b3
        const product = low * 0x1b3;
        high = (high * 0x1b3 + Math.floor(product / 2 ** 32) + low * 256) % 2 ** 32;
        low = product >>> 0;
      }
    }
    [this.#high, this.#low] = [high, low];
  }

  toString() {
    return [this.#high, this.#low].map((half) => half.toString(16).padStart(8, "0")).join("");
  }
}

const sum = (flags) => flags.reduce((total, flag) => total + flag, 0);

function cartpole(marl, checksum) {
  const env = marl.vecEnv("CartPole-v1", POLES, { autoreset: "SameStep", copy: false });
  checksum.add(env.reset({ seed: SEED }));
  const actions = new Int32Array(POLES);
  let ended = 0;
  for (let step = 0; step < STEPS; step++) {
    for (let pole = 0; pole < POLES; pole++) actions[pole] = ((3 * step + pole) % 7) % 2;
    const { observations, rewards, terminations, truncations } = env.step(actions);
    checksum.add(observations, rewards);
    ended += sum(terminations.map((over, pole) => over | truncations[pole]));
  }
  env.free();
  return ended;
}

function market(marl, checksum) {
  const env = marl.vecEnv("ElectricityMarket-v0", 1, { autoreset: "SameStep", copy: false });
  checksum.add(env.reset({ seed: DAY_SEED }));
  let ended = 0;
  for (let hour = 0; hour < HOURS; hour++) {
    const offer = (agent) => [((hour + agent) % 3) / 4, (((2 * hour + 3 * agent) % 9) - 4) / 2];
    const { observations, rewards, terminations } = env.step(Array.from({ length: GENERATORS }, (_, agent) => offer(agent)));
    checksum.add(observations, rewards);
    ended += sum(terminations);
  }
  env.free();
  return ended;
}

function auctions(marl, checksum) {
  const auction = marl.market(GENERATORS);
  let total = 0;
  for (let k = 0; k < GENERATORS; k++) [auction.costs[k], auction.quantities[k]] = [20 + 5 * k, 30];
  for (let hour = 0; hour < HOURS; hour++) {
    for (let k = 0; k < GENERATORS; k++) auction.bids[k] = 20 + 5 * k + ((hour + 2 * k) % 5);
    const price = auction.step(60 + ((7 * hour) % 80));
    checksum.add(Float64Array.of(price), auction.cleared, auction.rewards);
    total += price;
  }
  auction.free();
  return total / HOURS;
}

/** Plays everything; returns the lines that every program prints. */
export function lines(marl) {
  const told = [];
  try {
    marl.vecEnv("CartPole-v2", POLES);
  } catch (error) {
    if (!(error instanceof MarlError)) throw error;
    told.push(`refused: ${error.reason} (${error.status}): ${error.message}`);
  }
  const checksum = new Checksum();
  told.push(`CartPole-v1: ${POLES} poles, ${STEPS} steps, ${cartpole(marl, checksum)} episodes ended`);
  told.push(`ElectricityMarket-v0: ${GENERATORS} generators, ${HOURS} hours, ${market(marl, checksum)} days ended`);
  told.push(`marl_market: ${HOURS} auctions, mean price ${auctions(marl, checksum).toFixed(6)}`);
  told.push(`checksum: ${checksum}`);
  return told;
}

if (typeof process !== "undefined" && process.versions?.node) {
  const { pathToFileURL } = await import("node:url");
  if (import.meta.url === pathToFileURL(process.argv[1] ?? "").href) console.log(lines(await load()).join("\n"));
}
