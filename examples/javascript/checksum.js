// A thousand CartPoles and an electricity market, played alike in every language: all print one checksum.
//
// Actions and offers follow rules in whole numbers, and every number that comes back goes into the checksum, bit by bit.
// The rules are told once, in ../checksum.py.
import { MarlError, Market, UNKNOWN_ID, VecEnv, littleEndian } from "./marl_ffi.js";

const POLES = 1000, STEPS = 200, POLE_SEED = 42;
const GENERATORS = 5, HOURS = 240, DAY_SEED = 7;

/** FNV-1a, 64 bits, the lowest byte of every number first on any machine. Kept as two halves: BigInt would be slow. */
class Checksum {
    #high = 0xcbf29ce4;
    #low = 0x84222325;

    add(...arrays) {
        let high = this.#high, low = this.#low;
        for (const array of arrays) {
            const size = array.BYTES_PER_ELEMENT;
            const bytes = new Uint8Array(array.buffer, array.byteOffset, array.byteLength);
            for (let k = 0; k < bytes.length; k++) {
                low = (low ^ bytes[littleEndian ? k : k - (k % size) + (size - 1 - (k % size))]) >>> 0;
                // Times 2**40 + 435: the first moves the low half up, the second carries.
                const product = low * 435;
                high = (Math.imul(high, 435) + (low << 8) + Math.floor(product / 2 ** 32)) >>> 0;
                low = product >>> 0;
            }
        }
        this.#high = high;
        this.#low = low;
    }

    toString() {
        return [this.#high, this.#low].map((half) => half.toString(16).padStart(8, "0")).join("");
    }
}

// [errors]
function showARefusal() {
    try {
        new VecEnv("CartPole-v2", POLES, { actions: new BigInt64Array(POLES), ...poleBuffers() }).close();
    } catch (refusal) {
        if (!(refusal instanceof MarlError && refusal.status === UNKNOWN_ID)) throw refusal;
        console.log(`refused: ${refusal.reason} (${refusal.status}): ${refusal.message}`);
    }
}
// [/errors]

function poleBuffers() {
    return { observations: new Float32Array(POLES * 4), rewards: new Float64Array(POLES) };
}

// [cartpole]
function cartpole(checksum) {
    const env = new VecEnv("CartPole-v1", POLES, { actions: new Int32Array(POLES), ...poleBuffers() });
    let ended = 0;
    try {
        env.reset(POLE_SEED);
        checksum.add(env.observations);
        for (let step = 0; step < STEPS; step++) {
            for (let e = 0; e < POLES; e++) env.actions[e] = ((3 * step + e) % 7) % 2;
            env.step();
            checksum.add(env.observations, env.rewards);
            for (let e = 0; e < POLES; e++) ended += env.terminations[e] | env.truncations[e];
        }
    } finally {
        env.close();
    }
    return ended;
}
// [/cartpole]

function market(checksum) {
    const env = new VecEnv("ElectricityMarket-v0", 1, {
        actions: new Float32Array(GENERATORS * 2),
        observations: new Float32Array(GENERATORS * 4),
        rewards: new Float32Array(GENERATORS),
    });
    let ended = 0;
    try {
        env.reset(DAY_SEED);
        checksum.add(env.observations);
        for (let hour = 0; hour < HOURS; hour++) {
            for (let k = 0; k < GENERATORS; k++) {
                env.actions[2 * k] = ((hour + k) % 3) / 4; // the fraction withheld
                env.actions[2 * k + 1] = (((2 * hour + 3 * k) % 9) - 4) / 2; // the markup on the cost
            }
            env.step();
            checksum.add(env.observations, env.rewards);
            ended += env.terminations[0];
        }
    } finally {
        env.close();
    }
    return ended;
}

// [auctions]
function auctions(checksum) {
    const auction = new Market(GENERATORS);
    let total = 0;
    try {
        for (let k = 0; k < GENERATORS; k++) auction.costs[k] = 20 + 5 * k;
        auction.quantities.fill(30);
        for (let hour = 0; hour < HOURS; hour++) {
            for (let k = 0; k < GENERATORS; k++) auction.bids[k] = 20 + 5 * k + ((hour + 2 * k) % 5);
            const price = auction.step(60 + ((7 * hour) % 80));
            checksum.add(Float64Array.of(price), auction.cleared, auction.rewards);
            total += price;
        }
    } finally {
        auction.close();
    }
    return total / HOURS;
}
// [/auctions]

const checksum = new Checksum();
showARefusal();
console.log(`CartPole-v1: ${POLES} poles, ${STEPS} steps, ${cartpole(checksum)} episodes ended`);
console.log(`ElectricityMarket-v0: ${GENERATORS} generators, ${HOURS} hours, ${market(checksum)} days ended`);
console.log(`marl_market: ${HOURS} auctions, mean price ${auctions(checksum).toFixed(6)}`);
console.log(`checksum: ${checksum}`);
