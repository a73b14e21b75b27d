/* The library's own functions, the registry and the observers under abuse. */
#include "check.h"

enum { HOURS = 24, N = 4 };

static double demand[HOURS], capacities[N] = {30, 30, 60, 60}, costs[N] = {20, 25, 30, 40};
static double features[8];
static char text[1 << 16];
static size_t size;

static void library(void) {
    CHECK(marl_abi_version() == MARL_ABI_VERSION);
    CHECK(strlen(marl_version()) > 0 && strlen(marl_simd_level()) > 0 && marl_default_num_threads() >= 1);
    CHECK(strcmp(marl_status_name(MARL_STATUS_OK), "ok") == 0);
    CHECK(strcmp(marl_status_name(-1), "unknown_status") == 0);
    CHECK(strcmp(marl_status_name(INT32_MIN), "unknown_status") == 0);
    CHECK(strcmp(marl_status_name(INT32_MAX), "unknown_status") == 0);
}

static void registry(void) {
    char room[4];
    size_t needed = 0;
    watch(NULL, 0);
    watch(text, sizeof text);
    watch(&size, sizeof size);
    REFUSED(MARL_STATUS_NULL_POINTER, marl_env_list((uint8_t *)text, sizeof text, NULL, err));
    REFUSED(MARL_STATUS_NULL_POINTER, marl_env_spec(NULL, NULL, (uint8_t *)text, sizeof text, &size, err));
    REFUSED(MARL_STATUS_NULL_POINTER,
            marl_env_spec("ElectricityMarket-v0", NULL, (uint8_t *)text, sizeof text, NULL, err));
#define SPEC(id, config) marl_env_spec(id, config, (uint8_t *)text, sizeof text, &size, err)
    REFUSED(MARL_STATUS_UNKNOWN_ID, SPEC("ElectricityMarket", NULL));
    REFUSED(MARL_STATUS_UNKNOWN_ID, SPEC("", NULL));
    REFUSED(MARL_STATUS_INVALID_ARGUMENT, SPEC("\xff\xfe", NULL));
    REFUSED(MARL_STATUS_INVALID_ARGUMENT, SPEC("ElectricityMarket-v0", "{\"observer\": \"\xff\"}"));
    REFUSED(MARL_STATUS_INVALID_CONFIG, SPEC("ElectricityMarket-v0", "{"));
    REFUSED(MARL_STATUS_INVALID_CONFIG, SPEC("ElectricityMarket-v0", "[]"));
    REFUSED(MARL_STATUS_INVALID_CONFIG, SPEC("ElectricityMarket-v0", "7"));
    REFUSED(MARL_STATUS_INVALID_CONFIG, SPEC("ElectricityMarket-v0", "{\"observer\": 3}"));
    REFUSED(MARL_STATUS_UNKNOWN_KEY, SPEC("ElectricityMarket-v0", "{\"observr\": \"simple\"}"));

    /* Too little room is the one error after which the size is still told. */
    watch(NULL, 0);
    watch(room, sizeof room);
    REFUSED(MARL_STATUS_LENGTH_MISMATCH, marl_env_list((uint8_t *)room, sizeof room, &needed, err));
    CHECK(needed > sizeof room && needed < sizeof text);
    FINE(marl_env_list(NULL, 0, &size, err));
    CHECK(size == needed);
    memset(text, 0, sizeof text);
    FINE(marl_env_list((uint8_t *)text, size, &size, err));
    CHECK(strstr(text, "\"ElectricityMarket-v0\"") != NULL);
    FINE(SPEC("ElectricityMarket-v0", ""));
    CHECK(size > 1000 && text[0] == '{' && text[size - 1] == '}');
}

static void deep_configuration(void) {
    enum { DEEP = 100000 };
    char *config = malloc(DEEP + 16);
    if (config == NULL) exit(2);
    strcpy(config, "{\"params\":");
    memset(config + strlen(config), '[', DEEP);
    config[DEEP] = '\0';
    watch(NULL, 0);
    watch(text, sizeof text);
    REFUSED(MARL_STATUS_INVALID_CONFIG, SPEC("ElectricityMarket-v0", config));
    free(config);
}

static void observers(void) {
    marl_observer *observer = NULL;
    const double *seen;
    size_t k;
    CHECK(marl_observer_data(NULL) == NULL && marl_observer_len(NULL) == 0);
    marl_observer_free(NULL);
    watch(NULL, 0);
    REFUSED(MARL_STATUS_NULL_POINTER, marl_observer_observe(NULL, 0, err));
    watch(&observer, sizeof observer);

#define MAKE(name, d, nd, k, c, n, agent, dtype, out) marl_observer_new(name, d, nd, k, c, n, agent, dtype, out, err)
#define GOOD(name, agent, dtype) MAKE(name, demand, HOURS, capacities, costs, N, agent, dtype, &observer)
    REFUSED(MARL_STATUS_NULL_POINTER, GOOD(NULL, 0, MARL_DTYPE_FLOAT64));
    REFUSED(MARL_STATUS_NULL_POINTER, MAKE("simple", NULL, HOURS, capacities, costs, N, 0, 1, &observer));
    REFUSED(MARL_STATUS_NULL_POINTER, MAKE("simple", demand, HOURS, NULL, costs, N, 0, 1, &observer));
    REFUSED(MARL_STATUS_NULL_POINTER, MAKE("simple", demand, HOURS, capacities, NULL, N, 0, 1, &observer));
    REFUSED(MARL_STATUS_NULL_POINTER, MAKE("simple", demand, HOURS, capacities, costs, N, 0, 1, NULL));
    REFUSED(MARL_STATUS_INVALID_ARGUMENT,
            MAKE("simple", demand, HOURS, capacities, costs, N, 0, 1, (marl_observer **)(void *)((char *)features + 1)));
    REFUSED(MARL_STATUS_EMPTY, MAKE("simple", demand, 0, capacities, costs, N, 0, 1, &observer));
    REFUSED(MARL_STATUS_EMPTY, MAKE("simple", demand, HOURS, capacities, costs, 0, 0, 1, &observer));
    REFUSED(MARL_STATUS_UNKNOWN_ID, GOOD("simpel", 0, MARL_DTYPE_FLOAT64));
    REFUSED(MARL_STATUS_UNKNOWN_ID, GOOD("", 0, MARL_DTYPE_FLOAT64));
    REFUSED(MARL_STATUS_INVALID_ARGUMENT, GOOD("simple", N, MARL_DTYPE_FLOAT64));
    REFUSED(MARL_STATUS_INVALID_ARGUMENT, GOOD("simple", -2, MARL_DTYPE_FLOAT64));
    REFUSED(MARL_STATUS_INVALID_ARGUMENT, GOOD("simple", INT64_MAX, MARL_DTYPE_FLOAT64));
    REFUSED(MARL_STATUS_DTYPE_MISMATCH, GOOD("simple", 0, MARL_DTYPE_INT64));
    REFUSED(MARL_STATUS_DTYPE_MISMATCH, GOOD("simple", 0, 77));
    demand[3] = NAN;
    REFUSED(MARL_STATUS_INVALID_ARGUMENT, GOOD("simple", 0, MARL_DTYPE_FLOAT64));
    demand[3] = 80;
    capacities[1] = INFINITY;
    REFUSED(MARL_STATUS_INVALID_ARGUMENT, GOOD("simple", 0, MARL_DTYPE_FLOAT64));
    capacities[1] = 30;

    watch(NULL, 0);
    FINE(GOOD("basic", -1, MARL_DTYPE_FLOAT64));
    CHECK(marl_observer_len(observer) == N * 2 * N);
    seen = marl_observer_data(observer);
    CHECK((uintptr_t)seen % 64 == 0);
    FINE(marl_observer_observe(observer, 5, err));
    memcpy(features, seen, sizeof features);
    REFUSED(MARL_STATUS_INVALID_ARGUMENT, marl_observer_observe(observer, -1, err));
    REFUSED(MARL_STATUS_INVALID_ARGUMENT, marl_observer_observe(observer, HOURS + 1, err));
    REFUSED(MARL_STATUS_INVALID_ARGUMENT, marl_observer_observe(observer, INT64_MIN, err));
    REFUSED(MARL_STATUS_INVALID_ARGUMENT, marl_observer_observe(observer, INT64_MAX, err));
    CHECK(memcmp(features, seen, sizeof features) == 0);
    FINE(marl_observer_observe(observer, HOURS, err));
    for (k = 0; k < marl_observer_len(observer); k++) CHECK(isfinite(seen[k]));
    marl_observer_free(observer);
}

static void one_observation(void) {
    watch(NULL, 0);
    watch(features, sizeof features);
#define SEE(name, d, t, ds, out, len) marl_market_observe(name, d, 30, 35, t, ds, 50, 50, out, len, err)
    REFUSED(MARL_STATUS_NULL_POINTER, SEE(NULL, 75, 15, 100, features, 4));
    REFUSED(MARL_STATUS_NULL_POINTER, SEE("simple", 75, 15, 100, NULL, 4));
    REFUSED(MARL_STATUS_LENGTH_MISMATCH, SEE("simple", 75, 15, 100, features, 3));
    REFUSED(MARL_STATUS_LENGTH_MISMATCH, SEE("simple", 75, 15, 100, features, 5));
    REFUSED(MARL_STATUS_LENGTH_MISMATCH, SEE("simple_v3", 75, 15, 100, features, 0));
    REFUSED(MARL_STATUS_UNKNOWN_ID, SEE("simple_v9", 75, 15, 100, features, 4));
    REFUSED(MARL_STATUS_DEMAND_NOT_FINITE, SEE("simple", NAN, 15, 100, features, 4));
    REFUSED(MARL_STATUS_INVALID_ARGUMENT, SEE("simple", 75, -1, 100, features, 4));
    REFUSED(MARL_STATUS_INVALID_ARGUMENT, SEE("simple", 75, INT64_MIN, 100, features, 4));
    REFUSED(MARL_STATUS_PARAMETER_INVALID, SEE("simple", 75, 15, 0, features, 4));
    REFUSED(MARL_STATUS_PARAMETER_INVALID, SEE("simple", 75, 15, -1, features, 4));
    REFUSED(MARL_STATUS_PARAMETER_INVALID, SEE("simple", 75, 15, INFINITY, features, 4));
    REFUSED(MARL_STATUS_INVALID_ARGUMENT, SEE("simple", 75, 15, 100, (double *)(void *)((char *)features + 1), 4));
    FINE(SEE("simple", 75, 15, 100, features, 4));
    CHECK(features[0] == 0.75 && features[1] == 0.6);
    FINE(SEE("simple", 75, INT64_MAX, 100, features, 4));
}

int main(void) {
    size_t k;
    for (k = 0; k < HOURS; k++) demand[k] = 75 + (double)k;
    library();
    registry();
    deep_configuration();
    observers();
    one_observation();
    return outcome();
}
