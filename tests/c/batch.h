/* A batch of default markets with all its buffers, for the programs that step one. */
#ifndef BATCH_H
#define BATCH_H

#include "check.h"

enum { AGENTS = 5, FEATURES = 4, ACTION = 2, HOURS = 24, ID_ROOM = 1 << 16 };
#define MARKET "ElectricityMarket-v0"

typedef struct {
    size_t envs, steps;
    marl_vec_env *env;
    marl_step_io io;
    float *actions, *observations, *rewards, *finals, *drawn;
    uint8_t *terminations, *truncations, *final_mask, *infos;
    double *returns;
    int64_t *lengths;
} batch;

static inline void *room_for(size_t count, size_t size) {
    void *made = calloc(count, size);
    if (made == NULL) exit(2);
    return made;
}

static inline size_t infos_bytes(const marl_vec_env *env) {
    static char spec[ID_ROOM];
    size_t size = 0;
    const char *at;
    if (marl_vec_env_spec(env, (uint8_t *)spec, sizeof spec - 1, &size, NULL) != MARL_STATUS_OK) exit(2);
    spec[size] = '\0';
    at = strstr(spec, "\"infos_bytes\":");
    return at == NULL ? 0 : (size_t)strtoul(at + strlen("\"infos_bytes\":"), NULL, 10);
}

/* Makes buffers for `steps` steps of `envs` default markets and points `io` to them; one step also has infos. */
static inline batch new_batch(size_t envs, size_t steps, size_t threads, int32_t autoreset) {
    batch b;
    size_t rows = envs * steps;
    memset(&b, 0, sizeof b);
    b.envs = envs;
    b.steps = steps;
    FINE(marl_vec_env_new(MARKET, NULL, envs, threads, autoreset, &b.env, err));
    if (b.env == NULL) exit(1);
    b.io.size = sizeof b.io;
    b.io.actions = b.actions = room_for(rows * AGENTS * ACTION, sizeof(float));
    b.io.actions_bytes = rows * AGENTS * ACTION * sizeof(float);
    b.io.actions_dtype = MARL_DTYPE_FLOAT32;
    b.io.observations = b.observations = room_for(rows * AGENTS * FEATURES, sizeof(float));
    b.io.observations_bytes = rows * AGENTS * FEATURES * sizeof(float);
    b.io.rewards = b.rewards = room_for(rows * AGENTS, sizeof(float));
    b.io.rewards_bytes = rows * AGENTS * sizeof(float);
    b.io.terminations = b.terminations = room_for(rows, 1);
    b.io.terminations_len = rows;
    b.io.truncations = b.truncations = room_for(rows, 1);
    b.io.truncations_len = rows;
    b.io.final_observations = b.finals = room_for(rows * AGENTS * FEATURES, sizeof(float));
    b.io.final_observations_bytes = rows * AGENTS * FEATURES * sizeof(float);
    b.io.final_mask = b.final_mask = room_for(rows, 1);
    b.io.final_mask_len = rows;
    b.io.episode_returns = b.returns = room_for(rows * AGENTS, sizeof(double));
    b.io.episode_returns_len = rows * AGENTS;
    b.io.episode_lengths = b.lengths = room_for(rows, sizeof(int64_t));
    b.io.episode_lengths_len = rows;
    b.infos = room_for(infos_bytes(b.env) + 1, 1);
    b.drawn = room_for(rows * AGENTS * ACTION, sizeof(float));
    if (steps == 1) {
        b.io.infos = b.infos;
        b.io.infos_bytes = infos_bytes(b.env);
    }
    return b;
}

static inline void free_batch(batch *b) {
    marl_vec_env_free(b->env);
    free(b->actions);
    free(b->observations);
    free(b->rewards);
    free(b->terminations);
    free(b->truncations);
    free(b->finals);
    free(b->final_mask);
    free(b->returns);
    free(b->lengths);
    free(b->infos);
    free(b->drawn);
}

/* Resets all environments with seeds from `first_seed` on. */
static inline void seed_batch(batch *b, uint64_t first_seed) {
    uint64_t *seeds = room_for(b->envs, sizeof *seeds);
    size_t k;
    for (k = 0; k < b->envs; k++) seeds[k] = first_seed + k;
    FINE(marl_vec_env_reset(b->env, seeds, NULL, NULL, NULL, b->observations,
                            b->envs * AGENTS * FEATURES * sizeof(float), err));
    free(seeds);
}

/* Watches every output of a step. */
static inline void watch_batch(batch *b) {
    watch(NULL, 0);
    watch(b->observations, b->io.observations_bytes);
    watch(b->rewards, b->io.rewards_bytes);
    watch(b->terminations, b->io.terminations_len);
    watch(b->truncations, b->io.truncations_len);
    watch(b->finals, b->io.final_observations_bytes);
    watch(b->final_mask, b->io.final_mask_len);
    watch(b->returns, b->io.episode_returns_len * sizeof(double));
    watch(b->lengths, b->io.episode_lengths_len * sizeof(int64_t));
    if (b->io.infos_bytes > 0) watch(b->infos, b->io.infos_bytes);
}

/* The snapshot of a batch, to be freed. */
static inline uint8_t *snapshot_of(marl_vec_env *env, size_t *size) {
    uint8_t *bytes;
    FINE(marl_vec_env_snapshot(env, NULL, 0, size, err));
    bytes = room_for(*size, 1);
    FINE(marl_vec_env_snapshot(env, bytes, *size, size, err));
    return bytes;
}

#endif
