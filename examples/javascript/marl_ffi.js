// marl_ffi called through its C ABI, with koffi. What each function does is told in marl_ffi.h.
import { endianness } from "node:os";
import koffi from "koffi";

const ABI_VERSION = 1;
const AUTORESET_SAME_STEP = 1;
const ARRAYS = { bids: 0, quantities: 1, costs: 2, cleared: 3, rewards: 4 };
const DTYPES = new Map([[Float32Array, 0], [Float64Array, 1], [Int32Array, 2], [BigInt64Array, 3]]);

/** The number of the status `unknown_id`, of the errors that programs look at. */
export const UNKNOWN_ID = 200;

// [library]
/** Says which input was wrong, where, what was expected and what was got; `status` is the number of the kind. */
export class MarlError extends Error {
    constructor(status, message) {
        super(message);
        this.name = "MarlError";
        this.status = status;
        this.reason = statusName(status);
    }
}

const NAMES = { linux: "libmarl_ffi.so.1", darwin: "libmarl_ffi.1.dylib", win32: "marl_ffi.dll" };
const library = koffi.load(process.env.MARL_FFI_LIBRARY ?? NAMES[process.platform]);

koffi.opaque("marl_vec_env");
koffi.opaque("marl_market");
const ERROR = koffi.struct("marl_error", { status: "int32_t", message: koffi.array("char", 508, "String") });
const STEP_IO = koffi.struct("marl_step_io", {
    size: "size_t",
    actions: "void *", actions_bytes: "size_t", actions_dtype: "int32_t", reserved: "int32_t",
    observations: "void *", observations_bytes: "size_t",
    rewards: "void *", rewards_bytes: "size_t",
    terminations: "void *", terminations_len: "size_t",
    truncations: "void *", truncations_len: "size_t",
    final_observations: "void *", final_observations_bytes: "size_t",
    final_mask: "void *", final_mask_len: "size_t",
    episode_returns: "void *", episode_returns_len: "size_t",
    episode_lengths: "void *", episode_lengths_len: "size_t",
    infos: "void *", infos_bytes: "size_t",
    actions_out: "void *", actions_out_bytes: "size_t",
});

const statusName = library.func("const char *marl_status_name(int32_t status)");
const vecEnvNew = library.func(
    "int marl_vec_env_new(const char *id, const char *config, size_t num_envs, size_t num_threads, int32_t autoreset, " +
        "_Out_ marl_vec_env **out, _Out_ marl_error *err)",
);
const vecEnvReset = library.func(
    "int marl_vec_env_reset(marl_vec_env *env, const uint64_t *seeds, const uint8_t *seeded, const uint8_t *mask, " +
        "const char *options, void *observations, size_t observations_bytes, _Out_ marl_error *err)",
);
const vecEnvStep = library.func("int marl_vec_env_step(marl_vec_env *env, const marl_step_io *io, _Out_ marl_error *err)");
const vecEnvFree = library.func("void marl_vec_env_free(marl_vec_env *env)");
const marketNew = library.func(
    "int marl_market_new(size_t num_generators, int32_t dtype, const void *params, _Out_ marl_market **out, " +
        "_Out_ marl_error *err)",
);
const marketData = library.func("void *marl_market_data(marl_market *market, int32_t array)");
const marketStep = library.func("double marl_market_step(marl_market *market, double demand, _Out_ marl_error *err)");
const marketFree = library.func("void marl_market_free(marl_market *market)");

const spoken = library.func("uint32_t marl_abi_version(void)")();
if (spoken !== ABI_VERSION) throw new Error(`the library speaks ABI ${spoken}, this program ${ABI_VERSION}`);

/** Throws what went wrong, if anything did. */
function check(status, error) {
    if (status !== 0) throw new MarlError(status, error.message);
}
// [/library]

// [vecenv]
/**
 * A batch of environments that start anew in the step that ends an episode. Its typed arrays, `actions`,
 * `observations`, `rewards`, `terminations` and `truncations`, are yours: write actions, step, read the others.
 */
export class VecEnv {
    #handle;
    #io;

    constructor(id, numEnvs, { actions, observations, rewards }) {
        const out = [null], error = {};
        check(vecEnvNew(id, null, numEnvs, 0, AUTORESET_SAME_STEP, out, error), error);
        this.#handle = out[0];
        this.numEnvs = numEnvs;
        Object.assign(this, { actions, observations, rewards });
        this.terminations = new Uint8Array(numEnvs);
        this.truncations = new Uint8Array(numEnvs);
        this.#io = {
            size: koffi.sizeof(STEP_IO),
            actions, actions_bytes: actions.byteLength, actions_dtype: DTYPES.get(actions.constructor), reserved: 0,
            observations, observations_bytes: observations.byteLength,
            rewards, rewards_bytes: rewards.byteLength,
            terminations: this.terminations, terminations_len: numEnvs,
            truncations: this.truncations, truncations_len: numEnvs,
            final_observations: null, final_observations_bytes: 0, final_mask: null, final_mask_len: 0,
            episode_returns: null, episode_returns_len: 0, episode_lengths: null, episode_lengths_len: 0,
            infos: null, infos_bytes: 0, actions_out: null, actions_out_bytes: 0,
        };
    }

    /** Starts new episodes, environment i seeded `seed + i`. */
    reset(seed) {
        const seeds = BigUint64Array.from({ length: this.numEnvs }, (_, i) => BigInt(seed) + BigInt(i));
        const error = {}, { observations } = this;
        check(vecEnvReset(this.#handle, seeds, null, null, null, observations, observations.byteLength, error), error);
    }

    /** Steps every environment once. */
    step() {
        const error = {};
        check(vecEnvStep(this.#handle, this.#io, error), error);
    }

    /** Frees the batch. Closing twice is fine. */
    close() {
        vecEnvFree(this.#handle);
        this.#handle = null;
    }
}
// [/vecenv]

/** One market. `bids`, `quantities` and `costs` are to write, `cleared` and `rewards` to read, until it is closed. */
export class Market {
    #handle;

    constructor(generators) {
        const out = [null], error = {};
        check(marketNew(generators, DTYPES.get(Float64Array), null, out, error), error);
        this.#handle = out[0];
        for (const [name, which] of Object.entries(ARRAYS)) {
            this[name] = new Float64Array(koffi.view(marketData(this.#handle, which), 8 * generators));
        }
    }

    /** Clears the market, pays everybody and returns the price. */
    step(demand) {
        const error = {};
        const price = marketStep(this.#handle, demand, error);
        if (Number.isNaN(price)) check(error.status, error); // NaN on an error, and only then
        return price;
    }

    /** Frees the market and its arrays, which must not be touched any more. Closing twice is fine. */
    close() {
        for (const name of Object.keys(ARRAYS)) delete this[name];
        marketFree(this.#handle);
        this.#handle = null;
    }
}

/** Whether typed arrays hold the lowest byte of a number first. */
export const littleEndian = endianness() === "LE";
