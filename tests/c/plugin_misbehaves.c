/*
 * A plug-in that breaks every promise there is, one at a time: the parameter `fault` says which. It does nothing wrong
 * before the third step of an episode.
 *
 * MARL_TEST_INIT in the process's environment says what its entry does wrong.
 */
#include "marl_ffi.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum fault {
    NONE, CREATE_FAILS, CREATE_REPLACES_PARAMETERS, CREATE_TELLS_NONSENSE, RESET_FAILS, STEP_FAILS, OBSERVE_FAILS, SILENT, LONG_MESSAGE,
    NAN_OBSERVATION, OBSERVATION_OUT_OF_SPACE, OBSERVATION_UNWRITTEN, NAN_REWARD, REWARD_UNWRITTEN, TERMINATION_TWO,
    WRITES_BEFORE, WRITES_BEYOND_STATE, WRITES_BEYOND_OBSERVATIONS, WRITES_BEYOND_REWARDS, WRITES_CLOCK,
    CHANGES_STATE_IN_OBSERVE, HIDDEN_STATE, NEIGHBOURS, DRAWS_BEYOND, DRAWS_IN_OBSERVE, STATE_OUT_OF_BOUNDS, NUM_FAULTS
};

#define SPEC                                                                                                     \
    "{\"observation\": {\"type\": \"box\", \"shape\": [1], \"low\": -9, \"high\": 9}, \"state_size\": 8,"         \
    " \"action\": {\"type\": \"discrete\", \"n\": 2}, \"max_episode_steps\": 50,"                                 \
    " \"columns\": [{\"name\": \"x\", \"dtype\": \"float64\", \"low\": -5, \"high\": 5}],"                        \
    " \"parameters\": [{\"name\": \"fault\", \"type\": \"str\", \"default\": \"none\", \"choices\": [\"none\","   \
    " \"create fails\", \"create replaces parameters\", \"create tells nonsense\", \"reset fails\","              \
    " \"step fails\", \"observe fails\", \"silent\", \"long message\", \"nan observation\","                      \
    " \"observation out of space\", \"observation unwritten\", \"nan reward\", \"reward unwritten\","             \
    " \"termination two\", \"writes before\", \"writes beyond state\", \"writes beyond observations\","           \
    " \"writes beyond rewards\", \"writes clock\", \"changes state in observe\", \"hidden state\","               \
    " \"neighbours\", \"draws beyond\", \"draws in observe\", \"state out of bounds\"]},"                         \
    " {\"name\": \"ends\", \"type\": \"bool\", \"default\": false}]}"

/* The private state: how often there was a reset, and whether the episode is over. */
typedef struct {
    int32_t resets, over;
} life;

static int inside;
static int created, destroyed, hidden;

static int32_t create(marl_plugin_setup *setup) {
    enum fault fault = (enum fault)setup->parameters[0];
    if (fault == CREATE_FAILS) {
        snprintf(setup->message, setup->message_size, "no such thing");
        return 3;
    }
    if (fault == CREATE_REPLACES_PARAMETERS) setup->spec_json = "{\"parameters\": []}";
    if (fault == CREATE_TELLS_NONSENSE) setup->spec_json = "{\"action\": {\"type\": \"discrete\", \"n\": 0}}";
    setup->instance = malloc(1);
    created++;
    return 0;
}

static void destroy(void *instance) {
    free(instance);
    destroyed++;
}

static int32_t failing(const marl_plugin_rows *rows, const char *why) {
    snprintf(rows->message, rows->message_size, "%s", why);
    return 1;
}

static int32_t reset(const marl_plugin_rows *rows) {
    double *x = rows->columns[0];
    life *lives = rows->state;
    size_t row;
    if (rows->parameters[0] == RESET_FAILS && rows->seeded && lives[0].resets != 0) return failing(rows, "cannot start again");
    for (row = 0; row < rows->count; row++) {
        x[row] = rows->draws->uniform(rows->rng, row, -1, 1);
        lives[row].resets++;
        lives[row].over = 0;
    }
    return 0;
}

static int32_t play(const marl_plugin_rows *rows) {
    enum fault fault = rows->clock[0] >= 2 ? (enum fault)rows->parameters[0] : NONE;
    double *x = rows->columns[0];
    float *rewards = rows->rewards;
    const int64_t *actions = rows->actions;
    life *lives = rows->state;
    size_t row;
    if (fault == STEP_FAILS) return failing(rows, "the rope broke");
    if (fault == SILENT) return -7;
    if (fault == LONG_MESSAGE) {
        memset(rows->message, 'x', rows->message_size);
        return 1;
    }
    for (row = 0; row < rows->count; row++) {
        if (lives[row].over) return failing(rows, "stepped an environment that is over");
        if (actions[row] < 0 || actions[row] > 1) return failing(rows, "got an action that does not exist");
        x[row] += 0.1 * rows->draws->standard_normal(rows->rng, row);
        if (fault == NEIGHBOURS) x[row] += 0.001 * (double)row;
        if (fault == HIDDEN_STATE) x[row] = 1e-3 * hidden++;
        if (fault != REWARD_UNWRITTEN) rewards[row] = fault == NAN_REWARD ? NAN : 1.0f;
        lives[row].over = rows->parameters[1] == 1 && fabs(x[row]) > 0.7;
        rows->terminations[row] = fault == TERMINATION_TWO ? 2 : (uint8_t)lives[row].over;
        if (fabs(x[row]) > 4.5) x[row] = 0;
        if (fault == STATE_OUT_OF_BOUNDS) x[row] = 6;
    }
    if (fault == WRITES_BEFORE) x[-1] = 0;
    if (fault == WRITES_BEYOND_STATE) ((int64_t *)rows->state)[rows->count] = 0;
    if (fault == WRITES_BEYOND_REWARDS) rewards[rows->count] = 0;
    if (fault == WRITES_CLOCK) ((uint32_t *)(uintptr_t)rows->clock)[0] = 0;
    if (fault == DRAWS_BEYOND) x[0] += rows->draws->below(rows->rng, rows->count, 1);
    return 0;
}

/* This plug-in is not thread-safe, and says so. */
static int32_t step(const marl_plugin_rows *rows) {
    int32_t code;
    if (__sync_fetch_and_add(&inside, 1) != 0) {
        __sync_fetch_and_sub(&inside, 1);
        return failing(rows, "entered by two threads at once");
    }
    code = play(rows);
    __sync_fetch_and_sub(&inside, 1);
    return code;
}

static int32_t observe(const marl_plugin_rows *rows) {
    enum fault fault = rows->clock[0] >= 3 ? (enum fault)rows->parameters[0] : NONE;
    double *x = rows->columns[0];
    float *observations = rows->observations;
    size_t row;
    if (fault == OBSERVE_FAILS) return failing(rows, "it is dark");
    for (row = 0; row < rows->count; row++) {
        if (fault != OBSERVATION_UNWRITTEN) observations[row] = (float)x[row];
        if (fault == NAN_OBSERVATION) observations[row] = NAN;
        if (fault == OBSERVATION_OUT_OF_SPACE) observations[row] = 10;
        if (fault == DRAWS_IN_OBSERVE) observations[row] = (float)rows->draws->next_double(rows->rng, row);
    }
    if (fault == WRITES_BEYOND_OBSERVATIONS) observations[rows->count] = 0;
    if (fault == CHANGES_STATE_IN_OBSERVE) x[0] = 0.123;
    return 0;
}

/* How often the plug-in was created and not destroyed; for tests that load it themselves. */
MARL_PLUGIN_EXPORT int num_alive(void) {
    return created - destroyed;
}

MARL_PLUGIN_EXPORT int32_t marl_plugin_init(const marl_plugin_host *host, marl_error *err) {
    const char *wrong = getenv("MARL_TEST_INIT");
    marl_plugin_env env = {0};
    marl_status status;
    env.size = sizeof env;
    env.version = MARL_PLUGIN_VERSION;
    env.spec_json = SPEC;
    env.create = create;
    env.destroy = destroy;
    env.reset = reset;
    env.step = step;
    env.observe = observe;
    if (wrong == NULL) return host->env_register(host, "test.Misbehaves-v0", &env, err);
    if (strcmp(wrong, "nothing") == 0) return 0;
    if (strcmp(wrong, "fails") == 0) {
        snprintf(err->message, sizeof err->message, "needs another library");
        return 1;
    }
    if (strcmp(wrong, "silent") == 0) return -1;
    /* The first one is fine: all or none. */
    status = host->env_register(host, "test.First-v0", &env, err);
    if (status != MARL_STATUS_OK) return status;
    if (strcmp(wrong, "version") == 0) env.version = 99;
    if (strcmp(wrong, "size") == 0) env.size = 16;
    if (strcmp(wrong, "step") == 0) env.step = NULL;
    if (strcmp(wrong, "json") == 0) env.spec_json = "{\"observation\": ";
    if (strcmp(wrong, "twice") == 0) return host->env_register(host, "test.First-v0", &env, err);
    if (strcmp(wrong, "taken") == 0) return host->env_register(host, "CartPole-v1", &env, err);
    return host->env_register(host, strcmp(wrong, "id") == 0 ? "no version" : "test.Second-v0", &env, err);
}
