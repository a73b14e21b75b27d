/* Little memory: what does not fit is refused with an error, the process lives on, and nothing has changed. */
#define _POSIX_C_SOURCE 200809L
#include "batch.h"

#include <sys/resource.h>
#include <unistd.h>

enum { KILO = 1 << 10, MEGA = 1 << 20, MANY = 1 << 24, STEPS = 1 << 18, UNITS = 3000, WATCHERS = 40000 };

/* Lets the process have `more` bytes of address space than it has now; with `more` 0, as much as there is. */
static void limit(size_t more) {
    struct rlimit now;
    unsigned long pages = 0;
    if (getrlimit(RLIMIT_AS, &now) != 0) exit(2);
    now.rlim_cur = now.rlim_max;
    if (more > 0) {
        FILE *file;
        if (setrlimit(RLIMIT_AS, &now) != 0) exit(2);
        file = fopen("/proc/self/statm", "r");
        if (file == NULL || fscanf(file, "%lu", &pages) != 1) exit(2);
        fclose(file);
        now.rlim_cur = (rlim_t)pages * (rlim_t)sysconf(_SC_PAGESIZE) + more;
    }
    if (setrlimit(RLIMIT_AS, &now) != 0) exit(2);
}

static const size_t allowed[] = {4 * KILO, MEGA, 10 * MEGA, 40 * MEGA};
enum { LIMITS = sizeof allowed / sizeof *allowed };

static const char *const ids[] = {
    "CartPole-v1", "MountainCar-v0", "MountainCarContinuous-v0", "Pendulum-v1", "Acrobot-v1", "ElectricityMarket-v0",
    "BucketBrigade-v0",
};

static void batches(void) {
    size_t k, id;
    for (id = 0; id < sizeof ids / sizeof *ids; id++) {
        for (k = 0; k < LIMITS; k++) {
            marl_vec_env *env = NULL;
            limit(allowed[k]);
            REFUSED(MARL_STATUS_OUT_OF_MEMORY, marl_vec_env_new(ids[id], NULL, MANY, 1, 0, &env, err));
            limit(0);
            CHECK(env == NULL);
        }
    }
}

static char *list(char *to, const char *name, int count, int number) {
    int k;
    to += sprintf(to, "\"%s\":[", name);
    for (k = 0; k < count; k++) to += sprintf(to, k == 0 ? "%d" : ",%d", number);
    return to + sprintf(to, "]");
}

/* A description that grows with the square of its configuration. */
static void descriptions(void) {
    char *config = malloc(64 * KILO), *at = config;
    size_t k, size = 0;
    marl_vec_env *env = NULL;
    if (config == NULL) exit(2);
    at += sprintf(at, "{\"observer\":\"basic\",\"params\":{\"N_generators\":%d,\"T\":1,", UNITS);
    at = list(at, "demand_profile", 1, 1);
    *at++ = ',';
    at = list(at, "capacities", UNITS, 3);
    *at++ = ',';
    at = list(at, "costs", UNITS, 4);
    sprintf(at, "}}");
    for (k = 2; k < LIMITS; k++) {
        limit(allowed[k]);
        REFUSED(MARL_STATUS_OUT_OF_MEMORY, marl_env_spec("ElectricityMarket-v0", config, NULL, 0, &size, err));
        REFUSED(MARL_STATUS_OUT_OF_MEMORY, marl_vec_env_new("ElectricityMarket-v0", config, 1, 1, 0, &env, err));
        limit(0);
    }
    CHECK(size == 0 && env == NULL);
    free(config);
}

/* A name as long as a book is compared with none. */
static void long_names(void) {
    const size_t length = 4 * MEGA;
    char *text = malloc(length + 8);
    marl_vec_env *env = NULL;
    if (text == NULL) exit(2);
    memset(text, 'x', length);
    memcpy(text, "{\"", 2);
    memcpy(text + length, "\":1}", 5);
    limit(200 * MEGA);
    REFUSED(MARL_STATUS_UNKNOWN_KEY, marl_vec_env_new("CartPole-v1", text, 1, 1, 0, &env, err));
    REFUSED(MARL_STATUS_UNKNOWN_ID, marl_vec_env_new(text, NULL, 1, 1, 0, &env, err));
    limit(0);
    free(text);
}

static void markets(void) {
    double *numbers = calloc(WATCHERS, sizeof *numbers), one = 1;
    marl_market *market = NULL;
    marl_observer *observer = NULL;
    size_t k;
    if (numbers == NULL) exit(2);
    for (k = 0; k < LIMITS; k++) {
        limit(allowed[k]);
        REFUSED(MARL_STATUS_OUT_OF_MEMORY, marl_market_new(MANY * 4u, MARL_DTYPE_FLOAT64, NULL, &market, err));
        if (allowed[k] >= 3 * MEGA) {
            REFUSED(MARL_STATUS_OUT_OF_MEMORY, marl_observer_new("basic", &one, 1, numbers, numbers, WATCHERS, -1,
                                                                 MARL_DTYPE_FLOAT32, &observer, err));
        }
        limit(0);
        CHECK(market == NULL && observer == NULL);
    }
    free(numbers);
}

/* More steps in one call than there is memory to plan; with more memory, the same call goes through. */
static void rollouts(void) {
    float *observations = malloc(STEPS * 4 * sizeof *observations);
    double *rewards = malloc(STEPS * sizeof *rewards);
    uint8_t *terminations = malloc(STEPS), *truncations = malloc(STEPS);
    marl_vec_env *env = NULL;
    marl_step_io io;
    size_t size = 0;
    uint8_t before[4 * KILO], after[4 * KILO];
    if (observations == NULL || rewards == NULL || terminations == NULL || truncations == NULL) exit(2);
    FINE(marl_vec_env_new("CartPole-v1", NULL, 1, 1, MARL_AUTORESET_SAME_STEP, &env, err));
    FINE(marl_vec_env_reset(env, NULL, NULL, NULL, NULL, observations, 4 * sizeof *observations, err));
    memset(&io, 0, sizeof io);
    io.size = sizeof io;
    io.observations = observations;
    io.observations_bytes = STEPS * 4 * sizeof *observations;
    io.rewards = rewards;
    io.rewards_bytes = STEPS * sizeof *rewards;
    io.terminations = terminations;
    io.terminations_len = STEPS;
    io.truncations = truncations;
    io.truncations_len = STEPS;
    watch(observations, io.observations_bytes);
    watch(terminations, STEPS);
    FINE(marl_vec_env_snapshot(env, before, sizeof before, &size, err));
    limit(3 * MEGA);
    REFUSED(MARL_STATUS_OUT_OF_MEMORY, marl_vec_env_rollout(env, STEPS, &io, err));
    FINE(marl_vec_env_snapshot(env, after, sizeof after, &size, err));
    CHECK(memcmp(before, after, size) == 0);
    FINE(marl_vec_env_restore(env, before, size, err));
    limit(0);
    watch(NULL, 0);
    FINE(marl_vec_env_rollout(env, STEPS, &io, err));
    marl_vec_env_free(env);
    free(observations);
    free(rewards);
    free(terminations);
    free(truncations);
}

/* No memory for threads, or for some of them: the calling thread does all the work, with the same results. */
static void threads(void) {
    static const size_t rooms[] = {100, 900, 4000, 20000, 52000, 54000, 60000};
    enum { GAMES = 4000, PLAYERS = 4 };
    double *params = calloc(PLAYERS * 10, sizeof *params);
    uint64_t *seeds = calloc(GAMES, sizeof *seeds);
    float *first = malloc(GAMES * PLAYERS * sizeof *first), *second = malloc(GAMES * PLAYERS * sizeof *second);
    uint32_t *nights = malloc(GAMES * sizeof *nights);
    size_t k;
    if (params == NULL || seeds == NULL || first == NULL || second == NULL || nights == NULL) exit(2);
    for (k = 0; k < GAMES; k++) seeds[k] = k;
#define EPISODES(threads, scores)                                                                                   \
    marl_brigade_episodes(NULL, params, PLAYERS * 10, 1, PLAYERS, seeds, GAMES, GAMES, MARL_BRIGADE_DECISIONS_ORIGINAL, \
                          threads, scores, GAMES * PLAYERS, nights, GAMES, err)
    FINE(EPISODES(1, second));
    for (k = 0; k < sizeof rooms / sizeof *rooms; k++) {
        memset(first, 0, GAMES * PLAYERS * sizeof *first);
        limit(rooms[k] * KILO);
        FINE(EPISODES(24, first));
        limit(0);
        CHECK(memcmp(first, second, GAMES * PLAYERS * sizeof *first) == 0);
    }
    FINE(EPISODES(24, second));
    CHECK(memcmp(first, second, GAMES * PLAYERS * sizeof *first) == 0);
    free(params);
    free(seeds);
    free(first);
    free(second);
    free(nights);
}

/* A batch that was made has the memory for its steps. */
static void first_steps(void) {
    batch b = new_batch(1 << 14, 1, 1, MARL_AUTORESET_NEXT_STEP);
    seed_batch(&b, 0);
    limit(100 * KILO);
    FINE(marl_vec_env_step(b.env, &b.io, err));
    limit(0);
    CHECK(b.rewards[0] != 0);
    free_batch(&b);
}

int main(void) {
    /* Before the others, whose memory the allocator may have kept. */
    first_steps();
    rollouts();
    threads();
    batches();
    descriptions();
    long_names();
    markets();
    return outcome();
}
