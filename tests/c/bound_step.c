/* Steps bound to their buffers: the same bytes as ordinary ones, and the same refusals. */
#include "check.h"

enum { MOST_SEEN = 6, STEPS = 200 };

typedef struct {
    const char *id;
    size_t seen;
    int discrete;
} game;

static const game GAMES[] = {
    {"CartPole-v1", 4, 1},    {"MountainCar-v0", 2, 1}, {"MountainCarContinuous-v0", 2, 0},
    {"Pendulum-v1", 3, 0},    {"Acrobot-v1", 6, 1},
};
enum { NUM_GAMES = sizeof GAMES / sizeof GAMES[0] };

/* One environment, everything that a step of it may write, and how much of that is asked for. */
typedef struct {
    marl_vec_env *env;
    marl_step_io io;
    union {
        float f32[1];
        double f64[1];
        int32_t i32[1];
        int64_t i64[1];
    } action;
    struct {
        float observations[MOST_SEEN], finals[MOST_SEEN];
        /* Twice the room, so that a length of 2 is wrong and nothing else. */
        double rewards[2], returns[2];
        int64_t lengths[2];
        uint8_t terminations[2], truncations[2], final_mask[2];
    } out;
} single;

static void make(single *s, const game *g, const char *dtype, int32_t actions, int32_t mode, int more) {
    char config[96];
    memset(s, 0, sizeof *s);
    snprintf(config, sizeof config, "{\"dtype\": \"%s\", \"max_episode_steps\": 13}", dtype);
    FINE(marl_vec_env_new(g->id, config, 1, 1, mode, &s->env, err));
    if (s->env == NULL) exit(1);
    s->io.size = sizeof s->io;
    s->io.actions = &s->action;
    s->io.actions_bytes = actions == MARL_DTYPE_FLOAT32 || actions == MARL_DTYPE_INT32 ? 4 : 8;
    s->io.actions_dtype = actions;
    s->io.observations = s->out.observations;
    s->io.observations_bytes = g->seen * sizeof(float);
    s->io.rewards = s->out.rewards;
    s->io.rewards_bytes = strcmp(dtype, "float32") == 0 ? 4 : 8;
    s->io.terminations = s->out.terminations;
    s->io.terminations_len = 1;
    s->io.truncations = s->out.truncations;
    s->io.truncations_len = 1;
    if (more) {
        s->io.final_observations = s->out.finals;
        s->io.final_observations_bytes = g->seen * sizeof(float);
        s->io.final_mask = s->out.final_mask;
        s->io.final_mask_len = 1;
        s->io.episode_returns = s->out.returns;
        s->io.episode_returns_len = 1;
        s->io.episode_lengths = s->out.lengths;
        s->io.episode_lengths_len = 1;
    }
}

static void reset(single *s, uint64_t seed) {
    FINE(marl_vec_env_reset(s->env, &seed, NULL, NULL, NULL, s->out.observations, s->io.observations_bytes, err));
}

static void put(single *s, double action) {
    switch (s->io.actions_dtype) {
    case MARL_DTYPE_FLOAT32: s->action.f32[0] = (float)action; break;
    case MARL_DTYPE_FLOAT64: s->action.f64[0] = action; break;
    case MARL_DTYPE_INT32: s->action.i32[0] = (int32_t)action; break;
    default: s->action.i64[0] = (int64_t)action;
    }
}

static double reward_of(const single *s) {
    float narrow;
    if (s->io.rewards_bytes == 8) return s->out.rewards[0];
    memcpy(&narrow, s->out.rewards, sizeof narrow);
    return (double)narrow;
}

/* The same episodes both ways: every buffer alike after every step. */
static void alike(const game *g, const char *dtype, int32_t actions, int32_t mode, int more) {
    static single plain, bound;
    marl_bound_step *step = NULL;
    marl_error why;
    int k, over = 0, ends = 0;
    make(&plain, g, dtype, actions, mode, more);
    make(&bound, g, dtype, actions, mode, more);
    FINE(marl_bound_step_new(bound.env, &bound.io, &why, &step, err));
    /* What was bound needs the struct no longer. */
    memset(&bound.io.observations, 0, sizeof bound.io - offsetof(marl_step_io, observations));
    bound.io.observations_bytes = g->seen * sizeof(float);
    bound.io.rewards_bytes = plain.io.rewards_bytes;
    reset(&plain, 7);
    reset(&bound, 7);
    for (k = 0; k < STEPS; k++) {
        double action = g->discrete ? k * k % 2 : 1.3 * (k % 7) - 4.0, told;
        int ended;
        if (over) {
            reset(&plain, 100 + (uint64_t)k);
            reset(&bound, 100 + (uint64_t)k);
        }
        put(&plain, action);
        FINE(marl_vec_env_step(plain.env, &plain.io, err));
        told = marl_bound_step_run(step, action);
        CHECK(memcmp(&plain.out, &bound.out, sizeof plain.out) == 0);
        ended = plain.out.terminations[0] || plain.out.truncations[0];
        CHECK(ended ? isinf(told) && told > 0 : told == reward_of(&plain));
        ends += ended;
        over = ended && mode == MARL_AUTORESET_DISABLED;
    }
    CHECK(ends > 10);
    marl_bound_step_free(step);
    marl_vec_env_free(plain.env);
    marl_vec_env_free(bound.env);
}

/* A run that is refused: NaN, why, and no buffer written. */
#define NO_STEP(expected, action)                                             \
    do {                                                                      \
        marl_error *error_ = &why;                                            \
        memset(&why, 0, sizeof why);                                          \
        CHECK(isnan(marl_bound_step_run(step, (action))));                    \
        refused(__FILE__, __LINE__, #action, (expected), why.status, error_); \
    } while (0)

static void running(const game *g, int32_t actions) {
    static single s;
    marl_bound_step *step = NULL, *silent = NULL;
    marl_error why;
    uint8_t before[1 << 12], after[1 << 12];
    size_t size = 0;
    int k;
    make(&s, g, "float64", actions, MARL_AUTORESET_DISABLED, 0);
    FINE(marl_bound_step_new(s.env, &s.io, &why, &step, err));
    FINE(marl_bound_step_new(s.env, &s.io, NULL, &silent, err));
    watch(NULL, 0);
    watch(&s.out, sizeof s.out);
    NO_STEP(MARL_STATUS_NOT_RESET, 0.0);
    reset(&s, 3);
    watch(NULL, 0);
    watch(&s.out, sizeof s.out);
    FINE(marl_vec_env_snapshot(s.env, before, sizeof before, &size, err));
    NO_STEP(MARL_STATUS_ACTION_INVALID, NAN);
    NO_STEP(MARL_STATUS_ACTION_INVALID, INFINITY);
    NO_STEP(MARL_STATUS_ACTION_INVALID, -INFINITY);
    if (actions != MARL_DTYPE_FLOAT64) {
        NO_STEP(MARL_STATUS_ACTION_INVALID, 1e300);
        NO_STEP(MARL_STATUS_ACTION_INVALID, -1e300);
    }
    if (g->discrete) {
        NO_STEP(MARL_STATUS_ACTION_INVALID, 0.5);
        NO_STEP(MARL_STATUS_ACTION_INVALID, -1.0);
        NO_STEP(MARL_STATUS_ACTION_INVALID, 3.0);
        NO_STEP(MARL_STATUS_ACTION_INVALID, 4294967296.0);
        NO_STEP(MARL_STATUS_ACTION_INVALID, 9223372036854775808.0);
    }
    CHECK(isnan(marl_bound_step_run(silent, NAN)));
    CHECK(isnan(marl_bound_step_run(NULL, 0.0)));
    CHECK(all_untouched());
    FINE(marl_vec_env_snapshot(s.env, after, sizeof after, &size, err));
    CHECK(memcmp(before, after, size) == 0);
    for (k = 0; !isinf(marl_bound_step_run(k % 2 ? step : silent, 0.0)); k++) CHECK(k < 13);
    CHECK(s.out.terminations[0] + s.out.truncations[0] > 0);
    watch(NULL, 0);
    watch(&s.out, sizeof s.out);
    NO_STEP(MARL_STATUS_EPISODE_OVER, 0.0);
    marl_bound_step_free(silent);
    marl_bound_step_free(step);
    marl_bound_step_free(NULL);
    marl_vec_env_free(s.env);
}

/* Bindings that are refused: one field of `io` changed each time. */
#define IO(expected, field, value)                                            \
    do {                                                                      \
        marl_step_io saved = s.io;                                            \
        s.io.field = (value);                                                 \
        REFUSED(expected, marl_bound_step_new(s.env, &s.io, &why, &step, err)); \
        s.io = saved;                                                         \
    } while (0)

static void binding(void) {
    static single s, two, wide;
    marl_bound_step *step = NULL;
    marl_error why;
    make(&s, &GAMES[0], "float64", MARL_DTYPE_INT64, MARL_AUTORESET_DISABLED, 1);
    watch(NULL, 0);
    watch(&step, sizeof step);
    watch(&why, sizeof why);
    watch(&s.out, sizeof s.out);
    REFUSED(MARL_STATUS_NULL_POINTER, marl_bound_step_new(NULL, &s.io, &why, &step, err));
    REFUSED(MARL_STATUS_NULL_POINTER, marl_bound_step_new(s.env, NULL, &why, &step, err));
    REFUSED(MARL_STATUS_NULL_POINTER, marl_bound_step_new(s.env, &s.io, &why, NULL, err));
    IO(MARL_STATUS_INVALID_ARGUMENT, size, sizeof s.io - 1);
    IO(MARL_STATUS_DTYPE_MISMATCH, actions_dtype, MARL_DTYPE_FLOAT32);
    IO(MARL_STATUS_DTYPE_MISMATCH, actions_dtype, 9);
    IO(MARL_STATUS_NULL_POINTER, observations, NULL);
    IO(MARL_STATUS_NULL_POINTER, rewards, NULL);
    IO(MARL_STATUS_NULL_POINTER, terminations, NULL);
    IO(MARL_STATUS_NULL_POINTER, truncations, NULL);
    IO(MARL_STATUS_LENGTH_MISMATCH, observations_bytes, 12);
    IO(MARL_STATUS_LENGTH_MISMATCH, rewards_bytes, 4);
    IO(MARL_STATUS_LENGTH_MISMATCH, terminations_len, 0);
    IO(MARL_STATUS_LENGTH_MISMATCH, truncations_len, 2);
    IO(MARL_STATUS_LENGTH_MISMATCH, final_observations_bytes, 4);
    IO(MARL_STATUS_LENGTH_MISMATCH, final_mask_len, 2);
    IO(MARL_STATUS_LENGTH_MISMATCH, episode_returns_len, 2);
    IO(MARL_STATUS_LENGTH_MISMATCH, episode_lengths_len, 2);
    IO(MARL_STATUS_INVALID_ARGUMENT, truncations, s.out.terminations);
    IO(MARL_STATUS_INVALID_ARGUMENT, rewards, (char *)s.out.rewards + 1);
    IO(MARL_STATUS_INVALID_ARGUMENT, rewards, &why);

    FINE(marl_vec_env_new("CartPole-v1", NULL, 2, 1, MARL_AUTORESET_DISABLED, &two.env, err));
    FINE(marl_vec_env_new("ElectricityMarket-v0", NULL, 1, 1, MARL_AUTORESET_DISABLED, &wide.env, err));
    REFUSED(MARL_STATUS_INVALID_ARGUMENT, marl_bound_step_new(two.env, &s.io, &why, &step, err));
    REFUSED(MARL_STATUS_INVALID_ARGUMENT, marl_bound_step_new(wide.env, &s.io, &why, &step, err));
    marl_vec_env_free(two.env);
    marl_vec_env_free(wide.env);
    marl_vec_env_free(s.env);
}

int main(void) {
    static const int32_t MODES[] = {MARL_AUTORESET_NEXT_STEP, MARL_AUTORESET_SAME_STEP, MARL_AUTORESET_DISABLED};
    int g, mode, more, width;
    for (g = 0; g < NUM_GAMES; g++) {
        const game *each = &GAMES[g];
        const int32_t narrow = each->discrete ? MARL_DTYPE_INT32 : MARL_DTYPE_FLOAT32;
        for (mode = 0; mode < 3; mode++) {
            for (more = 0; more < 2; more++) {
                for (width = 0; width < 2; width++) {
                    alike(each, "float64", narrow + width, MODES[mode], more);
                    alike(each, "float32", narrow + width, MODES[mode], more);
                }
            }
        }
        running(each, narrow);
        running(each, narrow + 1);
    }
    binding();
    return outcome();
}
