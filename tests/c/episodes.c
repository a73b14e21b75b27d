/* Replays recorded episodes: every agent learns, and this program plays them all, the recorded learner included. */
#include "golden_text.h"

enum { MOST_AGENTS = 8, MOST_FEATURES = 64, MOST_BYTES = 1 << 16 };

/* How an agent acts: a constant, or a line through its first two features. */
typedef struct {
    int is_linear;
    float constant[2];
} policy;

static void act(const policy *how, const float *observation, float *action) {
    if (how->is_linear) {
        action[0] = (float)(0.25 * (double)observation[0]);
        action[1] = (float)(0.5 * (double)observation[1] - 0.125);
    } else {
        memcpy(action, how->constant, sizeof how->constant);
    }
}

/* Index in `list` (a JSON list of objects, the start of it) of the object called `name`. */
static int index_of(const char *list, const char *name) {
    char wanted[64];
    const char *at = list, *end;
    int index = 0;
    snprintf(wanted, sizeof wanted, "\"name\":\"%s\"", name);
    end = strstr(list, wanted);
    if (end == NULL) return -1;
    while ((at = strstr(at, "\"name\":")) != end) {
        index++;
        at++;
    }
    return index;
}

static size_t number_after(const char *json, const char *key, int skip) {
    const char *at = strstr(json, key);
    if (at == NULL) exit(2);
    at += strlen(key);
    while (skip-- > 0) at = strchr(at, ',') + 1;
    return (size_t)strtoul(at, NULL, 10);
}

/* The info array called `name` of an environment, as floats. */
static const float *info(const char *spec, const char *name, const unsigned char *infos) {
    const char *list = strstr(spec, "\"infos\":[");
    int index = list == NULL ? -1 : index_of(list, name);
    if (index < 0) {
        printf("no info called %s\n", name);
        exit(2);
    }
    return (const float *)(const void *)(infos + number_after(spec, "\"info_offsets\":[", index));
}

static void compare(FILE *file, const char *what, const float *got, size_t count, double tolerance) {
    size_t n, k;
    double *expected;
    expect_word(file, what);
    expected = next_numbers(file, &n);
    CHECK(n == count);
    for (k = 0; k < count && k < n; k++) {
        CHECK(tolerance > 0.0 ? close_to(got[k], (float)expected[k], 0.0, tolerance) : got[k] == (float)expected[k]);
    }
    free(expected);
}

/* Recorded numbers are 32-bit: a tolerance is for what the tanh of another library may change. */
static const double PRICE = 2e-5, QUANTITY = 1e-6, REWARD = 1e-6, EXACT = 0.0;

static void replay(FILE *file) {
    static char config[LONGEST_LINE], spec[MOST_BYTES];
    static unsigned char infos[MOST_BYTES];
    char word[LONGEST_WORD];
    policy policies[MOST_AGENTS];
    float observations[MOST_AGENTS * MOST_FEATURES], actions[MOST_AGENTS * 2], rewards[MOST_AGENTS];
    uint8_t terminated = 2, truncated = 2, final_mask = 2;
    double total = 0.0, *numbers, returns[MOST_AGENTS];
    int64_t length = -1;
    marl_vec_env *env = NULL;
    marl_step_io io;
    size_t agents, learner, hours, features, size = 0, n, k, hour;
    int seeded;
    uint64_t seed = 0;

    expect_word(file, "config");
    next_line(file, config);
    expect_word(file, "agents");
    agents = next_count(file);
    learner = next_count(file);
    features = next_count(file);
    if (agents > MOST_AGENTS || learner >= agents || features > MOST_FEATURES) exit(2);
    if (!next_word(file, word)) exit(2);
    seeded = strcmp(word, "seed") == 0;
    if (seeded) seed = (uint64_t)next_number(file);
    for (k = 0; k < agents; k++) {
        if (!next_word(file, word)) exit(2);
        policies[k].is_linear = strcmp(word, "linear") == 0;
        if (!policies[k].is_linear) {
            policies[k].constant[0] = (float)next_number(file);
            policies[k].constant[1] = (float)next_number(file);
        }
    }
    expect_word(file, "hours");
    hours = next_count(file);

    FINE(marl_vec_env_new("ElectricityMarket-v0", config, 1, 1, MARL_AUTORESET_NEXT_STEP, &env, err));
    if (env == NULL) exit(1);
    FINE(marl_vec_env_spec(env, (uint8_t *)spec, sizeof spec - 1, &size, err));
    spec[size] = '\0';
    FINE(marl_vec_env_reset(env, seeded ? &seed : NULL, NULL, NULL, NULL, observations,
                            agents * features * sizeof(float), err));
    {
        float *demand = malloc(hours * sizeof *demand);
        if (demand == NULL) exit(2);
        FINE(marl_vec_env_column(env, "demand", demand, hours * sizeof *demand, err));
        compare(file, "demand", demand, hours, EXACT);
        free(demand);
    }

    memset(&io, 0, sizeof io);
    io.size = sizeof io;
    io.actions = actions;
    io.actions_bytes = agents * 2 * sizeof(float);
    io.actions_dtype = MARL_DTYPE_FLOAT32;
    io.observations = observations;
    io.observations_bytes = agents * features * sizeof(float);
    io.rewards = rewards;
    io.rewards_bytes = agents * sizeof(float);
    io.terminations = &terminated;
    io.terminations_len = 1;
    io.truncations = &truncated;
    io.truncations_len = 1;
    io.final_mask = &final_mask;
    io.final_mask_len = 1;
    io.episode_returns = returns;
    io.episode_returns_len = agents;
    io.episode_lengths = &length;
    io.episode_lengths_len = 1;
    io.infos = infos;
    io.infos_bytes = number_after(spec, "\"infos_bytes\":", 0);
    for (hour = 0; hour < hours; hour++) {
        compare(file, "obs", observations + learner * features, features, EXACT);
        for (k = 0; k < agents; k++) act(&policies[k], observations + k * features, actions + 2 * k);
        expect_word(file, "action");
        numbers = next_numbers(file, &n);
        for (k = 0; k < n; k++) actions[2 * learner + k] = (float)numbers[k];
        free(numbers);
        FINE(marl_vec_env_step(env, &io, err));
        compare(file, "price", info(spec, "price", infos), 1, PRICE);
        compare(file, "q_cleared", info(spec, "q_cleared", infos), agents, QUANTITY);
        compare(file, "bids", info(spec, "bids", infos), agents, PRICE);
        compare(file, "q_offered", info(spec, "quantities", infos), agents, QUANTITY);
        compare(file, "rewards", rewards, agents, REWARD);
        total += rewards[learner];
        CHECK(terminated == (hour + 1 == hours) && truncated == 0 && final_mask == terminated);
    }
    expect_word(file, "return");
    CHECK(close_to(total, next_number(file), 0.0, 1e-5));
    CHECK(length == (int64_t)hours && returns[learner] == total);
    marl_vec_env_free(env);
}

int main(int argc, char **argv) {
    FILE *file = open_golden(argc, argv);
    char kind[LONGEST_WORD], id[LONGEST_WORD];
    int cases = 0;
    while (next_word(file, kind) && strcmp(kind, "end") != 0) {
        int failed_before = checks_failed;
        if (strcmp(kind, "episode") != 0 || !next_word(file, id)) return 2;
        replay(file);
        if (checks_failed > failed_before) printf("^ in episode %s\n", id);
        cases++;
    }
    CHECK(strcmp(kind, "end") == 0);
    printf("%d cases\n", cases);
    fclose(file);
    return outcome();
}
