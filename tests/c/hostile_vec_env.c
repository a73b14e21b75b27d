/* Batches of environments under abuse: each call refuses with the right status, writes nothing, changes nothing. */
#include "batch.h"

enum { ENVS = 2 };

static uint64_t seeds[ENVS] = {1, 2};
static uint8_t ones[ENVS] = {1, 1};

static void *askew(void *pointer) {
    return (char *)pointer + 1;
}

/* The batch is as its snapshot says, and steps. */
static void unchanged(batch *b, const uint8_t *before, size_t size) {
    size_t now;
    uint8_t *after = snapshot_of(b->env, &now);
    CHECK(now == size && memcmp(before, after, size) == 0);
    FINE(marl_vec_env_step(b->env, &b->io, err));
    FINE(marl_vec_env_restore(b->env, before, size, err));
    free(after);
}

static void making(void) {
    marl_vec_env *env = NULL;
    watch(NULL, 0);
    watch(&env, sizeof env);
#define NEW(id, config, envs, mode) marl_vec_env_new(id, config, envs, 1, mode, &env, err)
    REFUSED(MARL_STATUS_NULL_POINTER, NEW(NULL, NULL, 1, 0));
    REFUSED(MARL_STATUS_NULL_POINTER, marl_vec_env_new(MARKET, NULL, 1, 1, 0, NULL, err));
    REFUSED(MARL_STATUS_INVALID_ARGUMENT,
            marl_vec_env_new(MARKET, NULL, 1, 1, 0, (marl_vec_env **)askew(seeds), err));
    REFUSED(MARL_STATUS_UNKNOWN_ID, NEW("", NULL, 1, 0));
    REFUSED(MARL_STATUS_UNKNOWN_ID, NEW("ElectricityMarket-v1", NULL, 1, 0));
    REFUSED(MARL_STATUS_INVALID_ARGUMENT, NEW("\xc3\x28", NULL, 1, 0));
    REFUSED(MARL_STATUS_EMPTY, NEW(MARKET, NULL, 0, 0));
    REFUSED(MARL_STATUS_INVALID_ARGUMENT, NEW(MARKET, NULL, ((size_t)1 << 24) + 1, 0));
    REFUSED(MARL_STATUS_INVALID_ARGUMENT, NEW(MARKET, NULL, (size_t)-1, 0));
    REFUSED(MARL_STATUS_INVALID_ARGUMENT, NEW(MARKET, NULL, 1, -1));
    REFUSED(MARL_STATUS_INVALID_ARGUMENT, NEW(MARKET, NULL, 1, 3));
    REFUSED(MARL_STATUS_INVALID_ARGUMENT, NEW(MARKET, NULL, 1, INT32_MAX));
    REFUSED(MARL_STATUS_INVALID_CONFIG, NEW(MARKET, "{\"observer\":", 1, 0));
    REFUSED(MARL_STATUS_INVALID_CONFIG, NEW(MARKET, "{\"observer\": 1e999}", 1, 0));
    REFUSED(MARL_STATUS_INVALID_CONFIG, NEW(MARKET, "{\"observer\": \"sample\"}", 1, 0));
    REFUSED(MARL_STATUS_INVALID_CONFIG, NEW(MARKET, "{\"dtype\": \"float16\"}", 1, 0));
    REFUSED(MARL_STATUS_INVALID_CONFIG, NEW(MARKET, "{\"max_episode_steps\": -1}", 1, 0));
    REFUSED(MARL_STATUS_INVALID_CONFIG, NEW(MARKET, "{\"max_episode_steps\": 99999999999999999999}", 1, 0));
    REFUSED(MARL_STATUS_INVALID_CONFIG, NEW(MARKET, "{\"agents\": [9]}", 1, 0));
    REFUSED(MARL_STATUS_INVALID_CONFIG, NEW(MARKET, "{\"params\": {\"N_generators\": 1e18}}", 1, 0));
    REFUSED(MARL_STATUS_INVALID_CONFIG, NEW(MARKET, "{\"params\": {\"N_generators\": -1}}", 1, 0));
    REFUSED(MARL_STATUS_UNKNOWN_KEY, NEW(MARKET, "{\"observers\": \"simple\"}", 1, 0));
    REFUSED(MARL_STATUS_UNKNOWN_KEY, NEW(MARKET, "{\"demand_nose\": \"never\"}", 1, 0));

    marl_vec_env_free(NULL);
    CHECK(marl_vec_env_num_envs(NULL) == 0);
}

static void resetting(void) {
    batch b = new_batch(ENVS, 1, 1, MARL_AUTORESET_NEXT_STEP);
    uint8_t twos[ENVS] = {1, 2};
    size_t bytes = b.io.observations_bytes, size;
    uint8_t *before;
    marl_vec_env *none = NULL;
    CHECK(marl_vec_env_num_envs(b.env) == ENVS);
    watch_batch(&b);
#define RESET(env, s, sd, m, options, out, size) marl_vec_env_reset(env, s, sd, m, options, out, size, err)
    REFUSED(MARL_STATUS_NOT_RESET, marl_vec_env_step(b.env, &b.io, err));
    b.io.infos = NULL;
    b.io.infos_bytes = 0;
    REFUSED(MARL_STATUS_NOT_RESET, marl_vec_env_rollout(b.env, 1, &b.io, err));
    seed_batch(&b, 3);
    before = snapshot_of(b.env, &size);
    watch_batch(&b);
    REFUSED(MARL_STATUS_NULL_POINTER, RESET(NULL, seeds, ones, ones, NULL, b.observations, bytes));
    REFUSED(MARL_STATUS_NULL_POINTER, RESET(b.env, seeds, ones, ones, NULL, NULL, bytes));
    REFUSED(MARL_STATUS_LENGTH_MISMATCH, RESET(b.env, seeds, ones, ones, NULL, NULL, 0));
    REFUSED(MARL_STATUS_LENGTH_MISMATCH, RESET(b.env, seeds, ones, ones, NULL, b.observations, bytes - 1));
    REFUSED(MARL_STATUS_LENGTH_MISMATCH, RESET(b.env, seeds, ones, ones, NULL, b.observations, bytes - 4));
    REFUSED(MARL_STATUS_INVALID_ARGUMENT, RESET(b.env, seeds, ones, ones, NULL, b.observations, (size_t)-1));
    REFUSED(MARL_STATUS_INVALID_ARGUMENT, RESET(b.env, seeds, ones, ones, NULL, askew(b.drawn), bytes));
    REFUSED(MARL_STATUS_INVALID_ARGUMENT, RESET(b.env, (uint64_t *)askew(seeds), NULL, NULL, NULL, b.observations, bytes));
    REFUSED(MARL_STATUS_INVALID_ARGUMENT, RESET(b.env, seeds, twos, NULL, NULL, b.observations, bytes));
    REFUSED(MARL_STATUS_INVALID_ARGUMENT, RESET(b.env, seeds, NULL, twos, NULL, b.observations, bytes));
    REFUSED(MARL_STATUS_INVALID_ARGUMENT,
            RESET(b.env, (uint64_t *)(void *)b.drawn, NULL, NULL, NULL, b.drawn, bytes));
    REFUSED(MARL_STATUS_INVALID_CONFIG, RESET(b.env, NULL, NULL, NULL, "{", b.observations, bytes));
    REFUSED(MARL_STATUS_INVALID_CONFIG, RESET(b.env, NULL, NULL, NULL, "[1]", b.observations, bytes));
    REFUSED(MARL_STATUS_UNKNOWN_KEY, RESET(b.env, NULL, NULL, NULL, "{\"no such\": 1}", b.observations, bytes));
    REFUSED(MARL_STATUS_UNKNOWN_KEY, marl_vec_env_new(MARKET, "{\"\\u0000\": 1}", 1, 1, 0, &none, err));
    CHECK(none == NULL);
    REFUSED(MARL_STATUS_INVALID_ARGUMENT, RESET(b.env, NULL, NULL, NULL, "\xff", b.observations, bytes));
    unchanged(&b, before, size);
    free(before);
    free_batch(&b);
}

/* One field of `io` changed, the call refused, the field changed back. */
#define IO(expected, field, value)                                      \
    do {                                                                \
        marl_step_io saved = b->io;                                     \
        b->io.field = (value);                                          \
        REFUSED(expected, step(b->env, b->steps, &b->io, err));         \
        b->io = saved;                                                  \
    } while (0)
#define POINTER(field) IO(MARL_STATUS_NULL_POINTER, field, NULL)
#define SIZE(field, one)                                                \
    do {                                                                \
        IO(MARL_STATUS_LENGTH_MISMATCH, field, b->io.field - (one));    \
        IO(MARL_STATUS_LENGTH_MISMATCH, field, b->io.field + (one));    \
    } while (0)

typedef marl_status (*stepper)(marl_vec_env *, size_t, const marl_step_io *, marl_error *);

static marl_status step_once(marl_vec_env *env, size_t steps, const marl_step_io *io, marl_error *err) {
    (void)steps;
    return marl_vec_env_step(env, io, err);
}

static void buffers(batch *b, stepper step) {
    float *scratch = room_for(b->envs * b->steps * AGENTS * FEATURES + 4, sizeof *scratch);
    REFUSED(MARL_STATUS_NULL_POINTER, step(NULL, b->steps, &b->io, err));
    REFUSED(MARL_STATUS_NULL_POINTER, step(b->env, b->steps, NULL, err));
    IO(MARL_STATUS_INVALID_ARGUMENT, size, 0);
    IO(MARL_STATUS_INVALID_ARGUMENT, size, sizeof(size_t));
    IO(MARL_STATUS_INVALID_ARGUMENT, size, sizeof b->io - 1);

    POINTER(observations);
    POINTER(rewards);
    POINTER(terminations);
    POINTER(truncations);
    IO(MARL_STATUS_LENGTH_MISMATCH, actions_bytes, 0);
    IO(MARL_STATUS_LENGTH_MISMATCH, observations_bytes, 0);
    IO(MARL_STATUS_LENGTH_MISMATCH, rewards_bytes, 0);
    IO(MARL_STATUS_LENGTH_MISMATCH, terminations_len, 0);
    IO(MARL_STATUS_LENGTH_MISMATCH, truncations_len, 0);
    SIZE(actions_bytes, sizeof(float));
    SIZE(observations_bytes, sizeof(float));
    SIZE(rewards_bytes, sizeof(float));
    SIZE(terminations_len, 1);
    SIZE(truncations_len, 1);
    SIZE(final_observations_bytes, sizeof(float));
    SIZE(final_mask_len, 1);
    SIZE(episode_returns_len, 1);
    SIZE(episode_lengths_len, 1);
    IO(MARL_STATUS_INVALID_ARGUMENT, observations_bytes, (size_t)-1);
    IO(MARL_STATUS_INVALID_ARGUMENT, episode_lengths_len, (size_t)-1);

    IO(MARL_STATUS_INVALID_ARGUMENT, observations, askew(scratch));
    IO(MARL_STATUS_INVALID_ARGUMENT, rewards, askew(scratch));
    IO(MARL_STATUS_INVALID_ARGUMENT, final_observations, askew(scratch));
    IO(MARL_STATUS_INVALID_ARGUMENT, episode_returns, (double *)askew(scratch));
    IO(MARL_STATUS_INVALID_ARGUMENT, episode_lengths, (int64_t *)askew(scratch));

    IO(MARL_STATUS_INVALID_ARGUMENT, observations, b->finals);
    IO(MARL_STATUS_INVALID_ARGUMENT, rewards, b->observations + 1);
    IO(MARL_STATUS_INVALID_ARGUMENT, truncations, b->terminations);
    IO(MARL_STATUS_INVALID_ARGUMENT, final_mask, b->truncations);
    IO(MARL_STATUS_INVALID_ARGUMENT, rewards, b->actions);

    IO(MARL_STATUS_DTYPE_MISMATCH, actions_dtype, -1);
    IO(MARL_STATUS_DTYPE_MISMATCH, actions_dtype, 99);
    IO(MARL_STATUS_DTYPE_MISMATCH, actions_dtype, MARL_DTYPE_INT32);
    IO(MARL_STATUS_LENGTH_MISMATCH, actions_dtype, MARL_DTYPE_FLOAT64);
    free(scratch);
}

static void bad_actions(batch *b, stepper step) {
    float bad[] = {NAN, INFINITY, -INFINITY, -0.5f, 1.5f};
    size_t k, last = b->envs * b->steps * AGENTS * ACTION - ACTION;
    for (k = 0; k < sizeof bad / sizeof *bad; k++) {
        b->actions[last] = bad[k];
        REFUSED(MARL_STATUS_ACTION_INVALID, step(b->env, b->steps, &b->io, err));
    }
    b->actions[last] = 0;
}

static void stepping(void) {
    batch one = new_batch(ENVS, 1, 1, MARL_AUTORESET_NEXT_STEP), *b = &one;
    stepper step = step_once;
    size_t size;
    uint8_t *before;
    seed_batch(b, 3);
    before = snapshot_of(b->env, &size);
    watch_batch(b);
    buffers(b, step);
    POINTER(actions);
    SIZE(infos_bytes, 1);
    IO(MARL_STATUS_LENGTH_MISMATCH, infos_bytes, b->io.infos_bytes - 64);
    bad_actions(b, step);
    unchanged(b, before, size);

    /* What is optional may be missing. */
    b->io.final_observations = NULL;
    b->io.final_mask = NULL;
    b->io.episode_returns = NULL;
    b->io.episode_lengths = NULL;
    b->io.infos = NULL;
    b->io.infos_bytes = 0;
    FINE(marl_vec_env_step(b->env, &b->io, err));
    free(before);
    free_batch(b);
}

static void rolling(void) {
    batch three = new_batch(ENVS, 3, 1, MARL_AUTORESET_SAME_STEP), *b = &three;
    batch disabled = new_batch(ENVS, 1, 1, MARL_AUTORESET_DISABLED);
    batch one = new_batch(ENVS, 1, 1, MARL_AUTORESET_SAME_STEP);
    stepper step = marl_vec_env_rollout;
    const size_t half = (size_t)-1 / 2 + 1;
    marl_step_io empty;
    size_t size, start_size, k;
    uint8_t *before, *start, *askew;
    seed_batch(b, 3);
    before = snapshot_of(b->env, &size);
    watch_batch(b);
    buffers(b, step);
    bad_actions(b, step);
    REFUSED(MARL_STATUS_INVALID_ARGUMENT, marl_vec_env_rollout(b->env, 0, &b->io, err));
    REFUSED(MARL_STATUS_LENGTH_MISMATCH, marl_vec_env_rollout(b->env, 2, &b->io, err));
    REFUSED(MARL_STATUS_LENGTH_MISMATCH, marl_vec_env_rollout(b->env, 4, &b->io, err));
    REFUSED(MARL_STATUS_INVALID_ARGUMENT, marl_vec_env_rollout(b->env, (size_t)-1, &b->io, err));
    b->io.infos_bytes = infos_bytes(b->env);
    IO(MARL_STATUS_INVALID_ARGUMENT, infos, b->infos);
    b->io.infos_bytes = 0;
    b->io.actions = NULL;
    b->io.actions_out = b->drawn;
    b->io.actions_out_bytes = b->io.actions_bytes - 4;
    REFUSED(MARL_STATUS_LENGTH_MISMATCH, marl_vec_env_rollout(b->env, 3, &b->io, err));
    memset(&empty, 0, sizeof empty);
    empty.size = sizeof empty;
    /* So many steps of two environments are no rows at all in 64 bits. */
    REFUSED(MARL_STATUS_INVALID_ARGUMENT, marl_vec_env_rollout(b->env, half, &empty, err));
    /* So many are as many rows as one step has. */
    seed_batch(&one, 3);
    one.io.infos = NULL;
    one.io.infos_bytes = 0;
    watch_batch(&one);
    REFUSED(MARL_STATUS_INVALID_ARGUMENT, marl_vec_env_rollout(one.env, half + 1, &one.io, err));
    one.io.actions = NULL;
    REFUSED(MARL_STATUS_INVALID_ARGUMENT, marl_vec_env_rollout(one.env, half + 1, &one.io, err));
    FINE(marl_vec_env_rollout(one.env, 1, &one.io, err));
    watch_batch(b);
    b->io.actions_out_bytes = b->io.actions_bytes;
    askew = room_for(b->io.actions_bytes + 1, 1);
    start = snapshot_of(b->env, &start_size);
    FINE(marl_vec_env_rollout(b->env, 3, &b->io, err));
    for (k = 0; k < 3 * ENVS * AGENTS; k++) CHECK(0 <= b->drawn[2 * k] && b->drawn[2 * k] <= 1);
    /* Actions are drawn to any byte. */
    FINE(marl_vec_env_restore(b->env, start, start_size, err));
    b->io.actions_out = askew + 1;
    FINE(marl_vec_env_rollout(b->env, 3, &b->io, err));
    CHECK(memcmp(askew + 1, b->drawn, b->io.actions_bytes) == 0);
    b->io.actions_out = b->drawn;
    free(start);
    free(askew);

    seed_batch(&disabled, 3);
    disabled.io.infos = NULL;
    disabled.io.infos_bytes = 0;
    watch_batch(&disabled);
    REFUSED(MARL_STATUS_INVALID_ARGUMENT, marl_vec_env_rollout(disabled.env, 1, &disabled.io, err));
    for (k = 0; k < HOURS; k++) FINE(marl_vec_env_step(disabled.env, &disabled.io, err));
    CHECK(disabled.terminations[0] == 1 && disabled.terminations[1] == 1);
    watch_batch(&disabled);
    REFUSED(MARL_STATUS_EPISODE_OVER, marl_vec_env_step(disabled.env, &disabled.io, err));
    free(before);
    free_batch(b);
    free_batch(&one);
    free_batch(&disabled);
}

static void looking(void) {
    batch b = new_batch(ENVS, 1, 1, MARL_AUTORESET_NEXT_STEP);
    float demand[ENVS * HOURS], wrong[ENVS * HOURS];
    uint32_t clock[ENVS];
    uint64_t got[ENVS];
    uint8_t twos[ENVS] = {1, 2};
    size_t size = 0, needed, bytes = b.io.observations_bytes;
    uint8_t *before;
    char small[8];
    seed_batch(&b, 3);
    before = snapshot_of(b.env, &needed);
    watch_batch(&b);
    REFUSED(MARL_STATUS_NULL_POINTER, marl_vec_env_observe(NULL, b.observations, bytes, err));
    REFUSED(MARL_STATUS_NULL_POINTER, marl_vec_env_observe(b.env, NULL, bytes, err));
    REFUSED(MARL_STATUS_LENGTH_MISMATCH, marl_vec_env_observe(b.env, b.observations, bytes - 4, err));
    REFUSED(MARL_STATUS_LENGTH_MISMATCH, marl_vec_env_observe(b.env, NULL, 0, err));
    REFUSED(MARL_STATUS_INVALID_ARGUMENT, marl_vec_env_observe(b.env, askew(b.drawn), bytes, err));

    watch(small, sizeof small);
    REFUSED(MARL_STATUS_NULL_POINTER, marl_vec_env_spec(NULL, (uint8_t *)small, sizeof small, &size, err));
    REFUSED(MARL_STATUS_NULL_POINTER, marl_vec_env_spec(b.env, (uint8_t *)small, sizeof small, NULL, err));
    REFUSED(MARL_STATUS_LENGTH_MISMATCH, marl_vec_env_spec(b.env, (uint8_t *)small, sizeof small, &size, err));
    CHECK(size > sizeof small);

    watch(demand, sizeof demand);
    watch(clock, sizeof clock);
#define COLUMN(env, name, out, bytes) marl_vec_env_column(env, name, out, bytes, err)
    REFUSED(MARL_STATUS_NULL_POINTER, COLUMN(NULL, "demand", demand, sizeof demand));
    REFUSED(MARL_STATUS_NULL_POINTER, COLUMN(b.env, NULL, demand, sizeof demand));
    REFUSED(MARL_STATUS_NULL_POINTER, COLUMN(b.env, "demand", NULL, sizeof demand));
    REFUSED(MARL_STATUS_LENGTH_MISMATCH, COLUMN(b.env, "demand", demand, sizeof demand - 4));
    REFUSED(MARL_STATUS_LENGTH_MISMATCH, COLUMN(b.env, "clock", clock, 0));
    REFUSED(MARL_STATUS_UNKNOWN_COLUMN, COLUMN(b.env, "demmand", demand, sizeof demand));
    REFUSED(MARL_STATUS_UNKNOWN_COLUMN, COLUMN(b.env, "", demand, sizeof demand));
    REFUSED(MARL_STATUS_INVALID_ARGUMENT, COLUMN(b.env, "\xff", demand, sizeof demand));
    watch_batch(&b);
    FINE(COLUMN(b.env, "demand", demand, sizeof demand));

#define SET(env, name, values, bytes, mask) marl_vec_env_set_column(env, name, values, bytes, mask, err)
    REFUSED(MARL_STATUS_NULL_POINTER, SET(NULL, "demand", demand, sizeof demand, NULL));
    REFUSED(MARL_STATUS_NULL_POINTER, SET(b.env, NULL, demand, sizeof demand, NULL));
    REFUSED(MARL_STATUS_NULL_POINTER, SET(b.env, "demand", NULL, sizeof demand, NULL));
    REFUSED(MARL_STATUS_LENGTH_MISMATCH, SET(b.env, "demand", demand, sizeof demand - 4, NULL));
    REFUSED(MARL_STATUS_UNKNOWN_COLUMN, SET(b.env, "demands", demand, sizeof demand, NULL));
    REFUSED(MARL_STATUS_INVALID_ARGUMENT, SET(b.env, "demand", demand, sizeof demand, twos));
    memcpy(wrong, demand, sizeof wrong);
    wrong[HOURS + 3] = -1;
    REFUSED(MARL_STATUS_INVALID_STATE, SET(b.env, "demand", wrong, sizeof wrong, NULL));
    wrong[HOURS + 3] = NAN;
    REFUSED(MARL_STATUS_INVALID_STATE, SET(b.env, "demand", wrong, sizeof wrong, NULL));
    unchanged(&b, before, needed);

    watch(NULL, 0);
    watch(got, sizeof got);
    REFUSED(MARL_STATUS_NULL_POINTER, marl_vec_env_seeds(NULL, got, ENVS, err));
    REFUSED(MARL_STATUS_NULL_POINTER, marl_vec_env_seeds(b.env, NULL, ENVS, err));
    REFUSED(MARL_STATUS_LENGTH_MISMATCH, marl_vec_env_seeds(b.env, got, ENVS - 1, err));
    REFUSED(MARL_STATUS_LENGTH_MISMATCH, marl_vec_env_seeds(b.env, NULL, 0, err));
    REFUSED(MARL_STATUS_INVALID_ARGUMENT, marl_vec_env_seeds(b.env, (uint64_t *)askew(seeds), 1, err));
    FINE(marl_vec_env_seeds(b.env, got, ENVS, err));
    CHECK(got[0] == 3 && got[1] == 4);
    free(before);
    free_batch(&b);
}

/* The CRC-32 that ends a snapshot, bit by bit. */
static uint32_t crc32_of(const uint8_t *bytes, size_t len) {
    uint32_t crc = 0xFFFFFFFFu;
    size_t k;
    int bit;
    for (k = 0; k < len; k++) {
        crc ^= bytes[k];
        for (bit = 0; bit < 8; bit++) crc = (crc >> 1) ^ (crc & 1 ? 0xEDB88320u : 0);
    }
    return ~crc;
}

static void snapshots(void) {
    batch b = new_batch(ENVS, 1, 1, MARL_AUTORESET_NEXT_STEP);
    size_t size, k, small = 0;
    uint8_t *good, *bad, room[16];
    seed_batch(&b, 3);
    FINE(marl_vec_env_step(b.env, &b.io, err));
    good = snapshot_of(b.env, &size);
    bad = room_for(size + 1, 1);
    watch(NULL, 0);
    REFUSED(MARL_STATUS_NULL_POINTER, marl_vec_env_snapshot(NULL, NULL, 0, &size, err));
    REFUSED(MARL_STATUS_NULL_POINTER, marl_vec_env_snapshot(b.env, NULL, 0, NULL, err));
    watch(room, sizeof room);
    REFUSED(MARL_STATUS_LENGTH_MISMATCH, marl_vec_env_snapshot(b.env, room, sizeof room, &small, err));
    CHECK(small == size);
    REFUSED(MARL_STATUS_NULL_POINTER, marl_vec_env_restore(NULL, good, size, err));
    REFUSED(MARL_STATUS_NULL_POINTER, marl_vec_env_restore(b.env, NULL, size, err));
    REFUSED(MARL_STATUS_SNAPSHOT_INVALID, marl_vec_env_restore(b.env, NULL, 0, err));
    for (k = 0; k < size; k++) REFUSED(MARL_STATUS_SNAPSHOT_INVALID, marl_vec_env_restore(b.env, good, k, err));
    memcpy(bad, good, size);
    REFUSED(MARL_STATUS_SNAPSHOT_INVALID, marl_vec_env_restore(b.env, bad, size + 1, err));
    for (k = 0; k < size; k++) {
        bad[k] ^= (uint8_t)(1u << (k % 8));
        REFUSED(MARL_STATUS_SNAPSHOT_INVALID, marl_vec_env_restore(b.env, bad, size, err));
        bad[k] = good[k];
    }
    unchanged(&b, good, size);

    /* A forged checksum: whatever is taken, no step may meet a bug, and the good snapshot brings all back. */
    for (k = 0; k + 4 < size; k++) {
        uint32_t crc;
        marl_status status;
        bad[k] ^= 0xFF;
        crc = crc32_of(bad, size - 4);
        bad[size - 4] = (uint8_t)crc;
        bad[size - 3] = (uint8_t)(crc >> 8);
        bad[size - 2] = (uint8_t)(crc >> 16);
        bad[size - 1] = (uint8_t)(crc >> 24);
        status = marl_vec_env_restore(b.env, bad, size, NULL);
        CHECK(status == MARL_STATUS_OK || status == MARL_STATUS_SNAPSHOT_INVALID);
        if (status == MARL_STATUS_OK) {
            status = marl_vec_env_step(b.env, &b.io, NULL);
            CHECK(status != MARL_STATUS_PANIC);
            if (status == MARL_STATUS_PANIC) printf("  (byte %zu of %zu)\n", k, size);
            seed_batch(&b, 3);
        }
        bad[k] = good[k];
    }
    FINE(marl_vec_env_restore(b.env, good, size, err));
    unchanged(&b, good, size);
    free(good);
    free(bad);
    free_batch(&b);
}

int main(void) {
    making();
    resetting();
    stepping();
    rolling();
    looking();
    snapshots();
    return outcome();
}
