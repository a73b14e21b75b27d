/* A thousand CartPoles and an electricity market, played alike in every language: all print one checksum.
 *
 * Actions and offers follow rules in whole numbers, and every number that comes back goes into the checksum, bit by
 * bit. The rules are told once, in ../checksum.py. */
#include <marl_ffi.h>

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

enum { POLES = 1000, STEPS = 200, POLE_SEED = 42 };
enum { GENERATORS = 5, FEATURES = 4, HOURS = 240, DAY_SEED = 7 };

/* [errors] */
/* Tells what failed and leaves. The message is empty where the library gave none. */
static void check(marl_status status, const marl_error *err) {
    if (status != MARL_STATUS_OK) {
        fprintf(stderr, "%s (%d): %s\n", marl_status_name(status), status, err->message);
        exit(EXIT_FAILURE);
    }
}

static void show_a_refusal(void) {
    marl_vec_env *env = NULL;
    marl_error err;
    marl_status status = marl_vec_env_new("CartPole-v2", NULL, POLES, 0, MARL_AUTORESET_SAME_STEP, &env, &err);

    if (status == MARL_STATUS_OK) { /* a CartPole that this program does not know */
        marl_vec_env_free(env);
        return;
    }
    printf("refused: %s (%d): %s\n", marl_status_name(status), status, err.message);
}
/* [/errors] */

/* FNV-1a, 64 bits, over numbers of `size` bytes, the lowest byte first on any machine. */
static void add(uint64_t *checksum, const void *numbers, size_t count, size_t size) {
    const uint16_t one = 1;
    const int little = *(const unsigned char *)&one;
    const unsigned char *bytes = numbers;
    size_t k, b;

    for (k = 0; k < count; k++) {
        for (b = 0; b < size; b++) {
            *checksum ^= bytes[k * size + (little ? b : size - 1 - b)];
            *checksum *= UINT64_C(0x100000001b3);
        }
    }
}

/* [cartpole] */
static int cartpole(uint64_t *checksum) {
    static float observations[POLES][4];
    static double rewards[POLES];
    static int64_t actions[POLES];
    static uint8_t terminations[POLES], truncations[POLES];
    static uint64_t seeds[POLES];
    marl_step_io io = {0};
    marl_vec_env *env = NULL;
    marl_error err;
    int step, e, ended = 0;

    check(marl_vec_env_new("CartPole-v1", NULL, POLES, 0, MARL_AUTORESET_SAME_STEP, &env, &err), &err);
    for (e = 0; e < POLES; e++) seeds[e] = POLE_SEED + (uint64_t)e;
    check(marl_vec_env_reset(env, seeds, NULL, NULL, NULL, observations, sizeof observations, &err), &err);
    add(checksum, observations, POLES * 4, sizeof(float));

    io.size = sizeof io; /* filled once, passed at every step */
    io.actions = actions;
    io.actions_bytes = sizeof actions;
    io.actions_dtype = MARL_DTYPE_INT64;
    io.observations = observations;
    io.observations_bytes = sizeof observations;
    io.rewards = rewards;
    io.rewards_bytes = sizeof rewards;
    io.terminations = terminations;
    io.terminations_len = POLES;
    io.truncations = truncations;
    io.truncations_len = POLES;

    for (step = 0; step < STEPS; step++) {
        for (e = 0; e < POLES; e++) actions[e] = (3 * step + e) % 7 % 2;
        check(marl_vec_env_step(env, &io, &err), &err);
        add(checksum, observations, POLES * 4, sizeof(float));
        add(checksum, rewards, POLES, sizeof(double));
        for (e = 0; e < POLES; e++) ended += terminations[e] || truncations[e];
    }
    marl_vec_env_free(env);
    return ended;
}
/* [/cartpole] */

static int market(uint64_t *checksum) {
    float observations[GENERATORS][FEATURES], rewards[GENERATORS], actions[GENERATORS][2];
    uint8_t termination, truncation;
    const uint64_t seed = DAY_SEED;
    marl_step_io io = {0};
    marl_vec_env *env = NULL;
    marl_error err;
    int hour, k, ended = 0;

    check(marl_vec_env_new("ElectricityMarket-v0", NULL, 1, 0, MARL_AUTORESET_SAME_STEP, &env, &err), &err);
    check(marl_vec_env_reset(env, &seed, NULL, NULL, NULL, observations, sizeof observations, &err), &err);
    add(checksum, observations, GENERATORS * FEATURES, sizeof(float));

    io.size = sizeof io;
    io.actions = actions;
    io.actions_bytes = sizeof actions;
    io.actions_dtype = MARL_DTYPE_FLOAT32;
    io.observations = observations;
    io.observations_bytes = sizeof observations;
    io.rewards = rewards;
    io.rewards_bytes = sizeof rewards;
    io.terminations = &termination;
    io.terminations_len = 1;
    io.truncations = &truncation;
    io.truncations_len = 1;

    for (hour = 0; hour < HOURS; hour++) {
        for (k = 0; k < GENERATORS; k++) {
            actions[k][0] = (float)((hour + k) % 3) / 4;             /* the fraction withheld */
            actions[k][1] = (float)((2 * hour + 3 * k) % 9 - 4) / 2; /* the markup on the cost */
        }
        check(marl_vec_env_step(env, &io, &err), &err);
        add(checksum, observations, GENERATORS * FEATURES, sizeof(float));
        add(checksum, rewards, GENERATORS, sizeof(float));
        ended += termination;
    }
    marl_vec_env_free(env);
    return ended;
}

/* [auctions] */
static double auctions(uint64_t *checksum) {
    marl_market *auction = NULL;
    marl_error err;
    double *bids, *quantities, *costs, *cleared, *rewards, price, total = 0;
    int hour, k;

    check(marl_market_new(GENERATORS, MARL_DTYPE_FLOAT64, NULL, &auction, &err), &err);
    bids = marl_market_data(auction, MARL_MARKET_ARRAY_BIDS);
    quantities = marl_market_data(auction, MARL_MARKET_ARRAY_QUANTITIES);
    costs = marl_market_data(auction, MARL_MARKET_ARRAY_COSTS);
    cleared = marl_market_data(auction, MARL_MARKET_ARRAY_CLEARED);
    rewards = marl_market_data(auction, MARL_MARKET_ARRAY_REWARDS);
    for (k = 0; k < GENERATORS; k++) {
        costs[k] = 20 + 5 * k;
        quantities[k] = 30;
    }
    for (hour = 0; hour < HOURS; hour++) {
        for (k = 0; k < GENERATORS; k++) bids[k] = 20 + 5 * k + (hour + 2 * k) % 5;
        price = marl_market_step(auction, 60 + (7 * hour) % 80, &err);
        if (price != price) check(err.status, &err); /* NaN, and only on an error */
        add(checksum, &price, 1, sizeof price);
        add(checksum, cleared, GENERATORS, sizeof(double));
        add(checksum, rewards, GENERATORS, sizeof(double));
        total += price;
    }
    marl_market_free(auction);
    return total / HOURS;
}
/* [/auctions] */

int main(void) {
    uint64_t checksum = UINT64_C(0xcbf29ce484222325);

    if (marl_abi_version() != MARL_ABI_VERSION) {
        fprintf(stderr, "the library speaks ABI %" PRIu32 ", this program %d\n", marl_abi_version(), MARL_ABI_VERSION);
        return EXIT_FAILURE;
    }
    show_a_refusal();
    printf("CartPole-v1: %d poles, %d steps, %d episodes ended\n", POLES, STEPS, cartpole(&checksum));
    printf("ElectricityMarket-v0: %d generators, %d hours, %d days ended\n", GENERATORS, HOURS, market(&checksum));
    printf("marl_market: %d auctions, mean price %.6f\n", HOURS, auctions(&checksum));
    printf("checksum: %016" PRIx64 "\n", checksum);
    return EXIT_SUCCESS;
}
