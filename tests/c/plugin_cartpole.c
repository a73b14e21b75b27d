/*
 * CartPole as a plug-in, to the last bit the CartPole-v1 of the engine in float64: same order of operations, and where
 * the C library is GNU's, same sine and cosine. Compile with -ffp-contract=off.
 *
 * It registers test.CartPole-v1, and test.CartPoleAlone-v1, the same without the promise to be thread-safe and with
 * its state in private memory.
 */
#include "marl_ffi.h"

#include <math.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

enum { SUTTON_BARTO, INTEGRATOR };
enum { X, X_DOT, THETA, THETA_DOT, NUMBERS };

static const char SPEC[] =
    "{\"description\": \"Balance a pole on a cart by pushing the cart left (0) or right (1).\","
    " \"observation\": {\"type\": \"box\", \"shape\": [4],"
    "   \"low\": [-4.8, null, -0.41887902047863906, null], \"high\": [4.8, null, 0.41887902047863906, null],"
    "   \"names\": [\"x\", \"x_dot\", \"theta\", \"theta_dot\"]},"
    " \"action\": {\"type\": \"discrete\", \"n\": 2},"
    " \"reward_dtype\": \"float64\", \"max_episode_steps\": 500, \"nanoseconds_per_step\": 20,"
    " \"columns\": [{\"name\": \"x\", \"dtype\": \"float64\"}, {\"name\": \"x_dot\", \"dtype\": \"float64\"},"
    "   {\"name\": \"theta\", \"dtype\": \"float64\"}, {\"name\": \"theta_dot\", \"dtype\": \"float64\"}],"
    " \"parameters\": [{\"name\": \"sutton_barto_reward\", \"type\": \"bool\", \"default\": false},"
    "   {\"name\": \"kinematics_integrator\", \"type\": \"str\", \"default\": \"euler\","
    "    \"choices\": [\"euler\", \"semi-implicit euler\"]}],"
    " \"options\": [{\"name\": \"low\", \"type\": \"float\", \"default\": -0.05},"
    "   {\"name\": \"high\", \"type\": \"float\", \"default\": 0.05}]}";

/* Where the state lies: a column per number, or private memory. */
static double *numbers_of(const marl_plugin_rows *rows, size_t row, int number) {
    if (rows->state != NULL) return (double *)rows->state + row * NUMBERS + number;
    return (double *)rows->columns[number] + row;
}

static int32_t check(const marl_plugin_rows *rows) {
    if (rows->options[0] <= rows->options[1]) return 0;
    snprintf(rows->message, rows->message_size, "low: expected at most high (%g)", rows->options[1]);
    return 1;
}

static int32_t reset(const marl_plugin_rows *rows) {
    size_t row;
    int k;
    for (row = 0; row < rows->count; row++) {
        for (k = 0; k < NUMBERS; k++) {
            *numbers_of(rows, row, k) = rows->draws->uniform(rows->rng, row, rows->options[0], rows->options[1]);
        }
    }
    return 0;
}

static int32_t step(const marl_plugin_rows *rows) {
    const int64_t *actions = rows->actions;
    const double total = 0.1 + 1.0, pole = 0.1 * 0.5, limit = 12.0 * 2.0 * 3.14159265358979323846 / 360.0;
    double *rewards = rows->rewards;
    size_t row;
    for (row = 0; row < rows->count; row++) {
        double *x = numbers_of(rows, row, X), *x_dot = numbers_of(rows, row, X_DOT);
        double *theta = numbers_of(rows, row, THETA), *theta_dot = numbers_of(rows, row, THETA_DOT);
        double force = actions[row] == 1 ? 10.0 : -10.0, sine, cosine, push, theta_acc, x_acc, v, omega;
        uint8_t fallen;
        sine = sin(*theta);
        cosine = cos(*theta);
        push = (force + pole * (*theta_dot * *theta_dot) * sine) / total;
        theta_acc = (9.8 * sine - cosine * push) / (0.5 * (4.0 / 3.0 - (0.1 * (cosine * cosine)) / total));
        x_acc = push - (pole * theta_acc * cosine) / total;
        v = *x_dot + 0.02 * x_acc;
        omega = *theta_dot + 0.02 * theta_acc;
        if (rows->parameters[INTEGRATOR] == 1) {
            *x = *x + 0.02 * v;
            *theta = *theta + 0.02 * omega;
        } else {
            *x = *x + 0.02 * *x_dot;
            *theta = *theta + 0.02 * *theta_dot;
        }
        *x_dot = v;
        *theta_dot = omega;
        fallen = fabs(*x) > 2.4 || fabs(*theta) > limit;
        rewards[row] = rows->parameters[SUTTON_BARTO] == 0 ? 1.0 : fallen ? -1.0 : 0.0;
        rows->terminations[row] = fallen;
    }
    return 0;
}

static int32_t observe(const marl_plugin_rows *rows) {
    float *observations = rows->observations;
    size_t row;
    int k;
    for (row = 0; row < rows->count; row++) {
        for (k = 0; k < NUMBERS; k++) observations[row * NUMBERS + k] = (float)*numbers_of(rows, row, k);
    }
    return 0;
}

MARL_PLUGIN_EXPORT int32_t marl_plugin_init(const marl_plugin_host *host, marl_error *err) {
    marl_plugin_env env = {0};
    char alone[sizeof SPEC];
    const char *columns = strstr(SPEC, " \"columns\""), *parameters = strstr(SPEC, " \"parameters\"");
    marl_status status;
    env.size = sizeof env;
    env.version = MARL_PLUGIN_VERSION;
    env.flags = MARL_PLUGIN_THREAD_SAFE;
    env.spec_json = SPEC;
    env.check = check;
    env.reset = reset;
    env.step = step;
    env.observe = observe;
    status = host->env_register(host, "test.CartPole-v1", &env, err);
    if (status != MARL_STATUS_OK) return status;

    /* The same specification without columns. */
    memcpy(alone, SPEC, (size_t)(columns - SPEC));
    strcpy(alone + (columns - SPEC), parameters);
    env.flags = 0;
    env.state_size = NUMBERS * sizeof(double);
    env.spec_json = alone;
    return host->env_register(host, "test.CartPoleAlone-v1", &env, err);
}
