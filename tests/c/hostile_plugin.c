/* Tables of plug-ins under abuse: each is refused with the right status and adds nothing; what was created is destroyed. */
#include "check.h"

static int created, destroyed, failing;

static int32_t create(marl_plugin_setup *setup) {
    static char replaced[64];
    if (failing == 1) return 1;
    if (failing == 2) setup->spec_json = "{\"options\": []}";
    if (failing == 3) setup->spec_json = "[";
    if (failing == 4) setup->spec_json = "\xff";
    if (setup->num_parameters > 0) {
        sprintf(replaced, "{\"state_size\": %d}", (int)setup->parameters[0]);
        setup->spec_json = replaced;
    }
    setup->instance = malloc(1);
    created++;
    return 0;
}

static void destroy(void *instance) {
    free(instance);
    destroyed++;
}

static int32_t reset(const marl_plugin_rows *rows) {
    size_t k;
    for (k = 0; k < rows->count; k++) ((double *)rows->columns[0])[k] = rows->draws->next_double(rows->rng, k);
    return 0;
}

static int32_t step(const marl_plugin_rows *rows) {
    size_t k;
    if (failing == 5) return 5;
    for (k = 0; k < rows->count; k++) {
        ((double *)rows->columns[0])[k] += 1;
        ((float *)rows->rewards)[k] = 1;
        rows->terminations[k] = 0;
    }
    return 0;
}

static int32_t observe(const marl_plugin_rows *rows) {
    size_t k;
    for (k = 0; k < rows->count; k++) ((float *)rows->observations)[k] = (float)((double *)rows->columns[0])[k];
    return failing == 6 ? 6 : 0;
}

#define SEEN "\"observation\": {\"type\": \"box\", \"shape\": [1]}"
#define DONE "\"action\": {\"type\": \"discrete\", \"n\": 2}"
#define KEPT "\"columns\": [{\"name\": \"x\", \"dtype\": \"float64\"}]"
#define GOOD "{" SEEN "," DONE "," KEPT "}"

static marl_plugin_env good(void) {
    marl_plugin_env env = {0};
    env.size = sizeof env;
    env.version = MARL_PLUGIN_VERSION;
    env.spec_json = GOOD;
    env.create = create;
    env.destroy = destroy;
    env.reset = reset;
    env.step = step;
    env.observe = observe;
    return env;
}

static size_t bytes_of_list(void) {
    size_t size = 0;
    FINE(marl_env_list(NULL, 0, &size, err));
    return size;
}

static void tables(void) {
    static const char *const ids[] = {"", "Rope", "Rope-v", "-v0", "Rope-vx", "9Rope-v0", "Ro pe-v0", "a/Rope-v0", "a..Rope-v0",
        "CartPole-v1", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa-v0"};
    marl_plugin_env env = good();
    size_t k;
#define REGISTER(id, env) marl_env_register(id, env, err)
    REFUSED(MARL_STATUS_NULL_POINTER, REGISTER(NULL, &env));
    REFUSED(MARL_STATUS_NULL_POINTER, REGISTER("Rope-v0", NULL));
    REFUSED(MARL_STATUS_INVALID_ARGUMENT, REGISTER("\xc3\x28-v0", &env));
    for (k = 0; k < sizeof ids / sizeof *ids; k++) REFUSED(MARL_STATUS_PLUGIN_INVALID, REGISTER(ids[k], &env));
#define WRONG(field, value)                                           \
    do {                                                              \
        env = good();                                                 \
        env.field = (value);                                          \
        REFUSED(MARL_STATUS_PLUGIN_INVALID, REGISTER("Rope-v0", &env)); \
    } while (0)
    WRONG(size, 0);
    WRONG(size, sizeof env - 1);
    WRONG(version, 0);
    WRONG(version, MARL_PLUGIN_VERSION + 1);
    WRONG(flags, 2);
    WRONG(spec_json, NULL);
    WRONG(reset, NULL);
    WRONG(step, NULL);
    WRONG(observe, NULL);
    WRONG(state_size, (size_t)-1);
}

static void specifications(void) {
    static const char *const wrong[] = {
        "", "[]", "{", "null", "\xff", "{}", "{" SEEN "}", "{" DONE "}", "{" SEEN "," DONE ", \"actions\": 1}",
        "{" SEEN "," DONE ", \"agents\": []}", "{" SEEN "," DONE ", \"agents\": [\"a\", \"a\"]}",
        "{" SEEN "," DONE ", \"agents\": [\"\"]}", "{" SEEN "," DONE ", \"agents\": [7]}",
        "{" SEEN "," DONE ", \"agents\": [{\"name\": \"a\", \"seat\": 1}]}",
        "{" SEEN "," DONE ", \"agents\": [\"a\", {\"name\": \"b\", \"action\": {\"type\": \"box\", \"shape\": [1], \"low\": 0, \"high\": 1}}]}",
        "{" SEEN "," DONE ", \"agents\": [\"a\", {\"name\": \"b\", \"observation\": {\"type\": \"box\", \"shape\": [2, 2]}}]}",
        "{" SEEN "," DONE ", \"max_episode_steps\": 0}", "{" SEEN "," DONE ", \"max_episode_steps\": -1}",
        "{" SEEN "," DONE ", \"reward_dtype\": \"int32\"}", "{" SEEN "," DONE ", \"reward_dtype\": \"float16\"}",
        "{" SEEN "," DONE ", \"state_size\": 99999999999}", "{" SEEN "," DONE ", \"nanoseconds_per_step\": -1}",
        "{" DONE ", \"observation\": {\"type\": \"discrete\", \"n\": 2}}",
        "{" DONE ", \"observation\": {\"type\": \"sphere\", \"shape\": [1]}}",
        "{" DONE ", \"observation\": {\"type\": \"box\", \"shape\": []" "}, \"columns\": 3}",
        "{" DONE ", \"observation\": {\"type\": \"box\", \"shape\": [0]}}",
        "{" DONE ", \"observation\": {\"type\": \"box\", \"shape\": [4294967296, 4294967296]}}",
        "{" DONE ", \"observation\": {\"type\": \"box\", \"shape\": [1], \"dtype\": \"int32\"}}",
        "{" DONE ", \"observation\": {\"type\": \"box\", \"shape\": [2], \"low\": [1]}}",
        "{" DONE ", \"observation\": {\"type\": \"box\", \"shape\": [1], \"low\": \"no\"}}",
        "{" DONE ", \"observation\": {\"type\": \"box\", \"shape\": [1], \"low\": 2, \"high\": 1}}",
        "{" DONE ", \"observation\": {\"type\": \"box\", \"shape\": [1], \"names\": [\"a\", \"b\"]}}",
        "{" SEEN ", \"action\": {\"type\": \"discrete\", \"n\": 0}}", "{" SEEN ", \"action\": {\"type\": \"discrete\", \"n\": 1e99}}",
        "{" SEEN ", \"action\": {\"type\": \"multi_discrete\", \"nvec\": []}}",
        "{" SEEN ", \"action\": {\"type\": \"multi_discrete\", \"nvec\": [2, 0]}}",
        "{" SEEN ", \"action\": {\"type\": \"box\", \"shape\": [1]}}",
        "{" SEEN ", \"action\": {\"type\": \"box\", \"shape\": [1], \"low\": -1e300, \"high\": 1e300}}",
        "{" SEEN ", \"action\": {\"type\": \"box\", \"shape\": [1], \"low\": 0, \"high\": 1, \"dtype\": \"uint8\"}}",
        "{" SEEN "," DONE ", \"columns\": [{\"name\": \"clock\", \"dtype\": \"uint8\"}]}",
        "{" SEEN "," DONE ", \"columns\": [{\"name\": \"memory\", \"dtype\": \"uint8\"}]}",
        "{" SEEN "," DONE ", \"columns\": [{\"name\": \"x\", \"dtype\": \"uint8\"}, {\"name\": \"x\", \"dtype\": \"uint8\"}]}",
        "{" SEEN "," DONE ", \"columns\": [{\"name\": \"x\", \"dtype\": \"bool\"}]}",
        "{" SEEN "," DONE ", \"columns\": [{\"name\": \"x\", \"dtype\": \"uint8\", \"shape\": [0]}]}",
        "{" SEEN "," DONE ", \"columns\": [{\"name\": \"x\", \"dtype\": \"uint8\", \"low\": 2, \"high\": 1}]}",
        "{" SEEN "," DONE ", \"infos\": [{\"name\": \"x\", \"dtype\": \"uint8\", \"low\": 2}]}",
        "{" SEEN "," DONE ", \"parameters\": {}}", "{" SEEN "," DONE ", \"parameters\": [1]}",
        "{" SEEN "," DONE ", \"parameters\": [{\"name\": \"p\", \"type\": \"float\"}]}",
        "{" SEEN "," DONE ", \"parameters\": [{\"name\": \"p\", \"type\": \"float\", \"default\": null}]}",
        "{" SEEN "," DONE ", \"parameters\": [{\"name\": \"p\", \"type\": \"float\", \"default\": \"1\"}]}",
        "{" SEEN "," DONE ", \"parameters\": [{\"name\": \"p\", \"type\": \"int\", \"default\": 1.5}]}",
        "{" SEEN "," DONE ", \"parameters\": [{\"name\": \"p\", \"type\": \"int\", \"default\": 9, \"high\": 8}]}",
        "{" SEEN "," DONE ", \"parameters\": [{\"name\": \"p\", \"type\": \"bool\", \"default\": 1}]}",
        "{" SEEN "," DONE ", \"parameters\": [{\"name\": \"p\", \"type\": \"str\", \"default\": \"c\", \"choices\": [\"a\", \"b\"]}]}",
        "{" SEEN "," DONE ", \"parameters\": [{\"name\": \"p\", \"type\": \"str\", \"default\": 1}]}",
        "{" SEEN "," DONE ", \"parameters\": [{\"name\": \"p\", \"type\": \"complex\", \"default\": 1}]}",
        "{" SEEN "," DONE ", \"parameters\": [{\"name\": \"checked\", \"type\": \"bool\", \"default\": true}]}",
        "{" SEEN "," DONE ", \"options\": [{\"name\": \"reset_mask\", \"type\": \"bool\", \"default\": true}]}",
    };
    marl_plugin_env env = good();
    size_t k;
    for (k = 0; k < sizeof wrong / sizeof *wrong; k++) {
        env.spec_json = wrong[k];
        REFUSED(MARL_STATUS_PLUGIN_INVALID, REGISTER("Rope-v0", &env));
    }
}

static void creating(void) {
    marl_plugin_env env = good();
    failing = 1;
    REFUSED(MARL_STATUS_PLUGIN_FAILED, REGISTER("Rope-v0", &env));
    for (failing = 2; failing <= 4; failing++) REFUSED(MARL_STATUS_PLUGIN_INVALID, REGISTER("Rope-v0", &env));
    failing = 0;
    CHECK(created == destroyed && created > 0);
}

static void loading(void) {
    REFUSED(MARL_STATUS_NULL_POINTER, marl_plugin_load(NULL, err));
    REFUSED(MARL_STATUS_PLUGIN_INVALID, marl_plugin_load("", err));
    REFUSED(MARL_STATUS_PLUGIN_INVALID, marl_plugin_load("./there/is/no/such.so", err));
    REFUSED(MARL_STATUS_PLUGIN_INVALID, marl_plugin_load(__FILE__, err));
    REFUSED(MARL_STATUS_PLUGIN_INVALID, marl_plugin_load("libm.so.6", err));
    REFUSED(MARL_STATUS_INVALID_ARGUMENT, marl_plugin_load("\xc3\x28", err));
}

/* A program's own environment, by the same table; and a failure in the middle of its life. */
static void living(void) {
    enum { ENVS = 3 };
    marl_plugin_env env = good();
    marl_vec_env *batch = NULL;
    marl_step_io io;
    const int64_t actions[ENVS] = {0, 1, 0};
    const uint64_t seeds[ENVS] = {1, 2, 3};
    const uint8_t first[ENVS] = {1, 0, 0};
    float observations[ENVS], rewards[ENVS];
    uint8_t terminations[ENVS], truncations[ENVS], saved[4096];
    double x[ENVS];
    size_t size = 0;
    FINE(REGISTER("Rope-v0", &env));
    REFUSED(MARL_STATUS_PLUGIN_INVALID, REGISTER("Rope-v0", &env));
    env.spec_json = "{" SEEN "," DONE "," KEPT ", \"parameters\": [{\"name\": \"bytes\", \"type\": \"int\", \"default\": 8}]}";
    FINE(REGISTER("yours.Rope-v0", &env));
    FINE(marl_vec_env_new("yours.Rope-v0", "{\"bytes\": 160}", ENVS, 1, MARL_AUTORESET_NEXT_STEP, &batch, err));
    FINE(marl_vec_env_reset(batch, seeds, NULL, NULL, NULL, observations, sizeof observations, err));
    marl_vec_env_free(batch);

    FINE(marl_vec_env_new("Rope-v0", NULL, ENVS, 1, MARL_AUTORESET_NEXT_STEP, &batch, err));
    memset(&io, 0, sizeof io);
    io.size = sizeof io;
    io.actions = actions;
    io.actions_bytes = sizeof actions;
    io.actions_dtype = MARL_DTYPE_INT64;
    io.observations = observations;
    io.observations_bytes = sizeof observations;
    io.rewards = rewards;
    io.rewards_bytes = sizeof rewards;
    io.terminations = terminations;
    io.terminations_len = ENVS;
    io.truncations = truncations;
    io.truncations_len = ENVS;
#define RESET(mask, options) \
    marl_vec_env_reset(batch, seeds, NULL, mask, options, observations, sizeof observations, err)
#define LET(call, expected) CHECK((call) == (expected))
    FINE(RESET(NULL, NULL));
    FINE(marl_vec_env_step(batch, &io, err));
    FINE(marl_vec_env_snapshot(batch, saved, sizeof saved, &size, err));
    failing = 5;
    LET(marl_vec_env_step(batch, &io, NULL), MARL_STATUS_PLUGIN_FAILED);
    failing = 0;
    LET(marl_vec_env_step(batch, &io, NULL), MARL_STATUS_POISONED);
    LET(marl_vec_env_rollout(batch, 1, &io, NULL), MARL_STATUS_POISONED);
    LET(marl_vec_env_observe(batch, observations, sizeof observations, NULL), MARL_STATUS_POISONED);
    LET(marl_vec_env_snapshot(batch, NULL, 0, &size, NULL), MARL_STATUS_POISONED);
    LET(marl_vec_env_restore(batch, saved, size, NULL), MARL_STATUS_POISONED);
    LET(marl_vec_env_column(batch, "x", x, sizeof x, NULL), MARL_STATUS_POISONED);
    LET(marl_vec_env_set_column(batch, "x", x, sizeof x, NULL, NULL), MARL_STATUS_POISONED);
    LET(marl_vec_env_reset(batch, seeds, NULL, first, NULL, observations, sizeof observations, NULL), MARL_STATUS_POISONED);
    failing = 6;
    LET(marl_vec_env_reset(batch, seeds, NULL, NULL, NULL, observations, sizeof observations, NULL), MARL_STATUS_PLUGIN_FAILED);
    LET(marl_vec_env_step(batch, &io, NULL), MARL_STATUS_POISONED);
    failing = 0;
    FINE(RESET(NULL, NULL));
    FINE(RESET(first, "{}"));
    LET(marl_vec_env_reset(batch, seeds, NULL, NULL, "{\"low\": 1}", observations, sizeof observations, NULL),
        MARL_STATUS_UNKNOWN_KEY);
    FINE(marl_vec_env_step(batch, &io, err));
    FINE(marl_vec_env_restore(batch, saved, size, err));
    FINE(marl_vec_env_column(batch, "x", x, sizeof x, err));
    FINE(marl_vec_env_step(batch, &io, err));
    marl_vec_env_free(batch);
    CHECK(created == destroyed && created > 20);
}

int main(void) {
    size_t before = bytes_of_list();
    tables();
    specifications();
    creating();
    loading();
    CHECK(bytes_of_list() == before);
    living();
    return outcome();
}
