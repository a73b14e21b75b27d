/* The auction's functions under abuse: each refuses with the right status, writes nothing, and works afterwards. */
#include "check.h"

enum { N = 3, E = 2 };

static double bids[N] = {10, 20, 30}, quantities[N] = {50, 50, 50}, costs[N] = {5, 15, 25};
static float bids32[N] = {10, 20, 30}, quantities32[N] = {50, 50, 50}, costs32[N] = {5, 15, 25};
static double many_bids[E * N] = {10, 20, 30, 10, 20, 30}, many_quantities[E * N] = {50, 50, 50, 50, 50, 50};
static float many_bids32[E * N] = {10, 20, 30, 10, 20, 30}, many_quantities32[E * N] = {50, 50, 50, 50, 50, 50};
static double demands[E] = {60, 160};

/* Outputs, with room for a wrong alignment. */
static double price, charged, prices[E], cleared[N + 1], rewards[N + 1], many_cleared[E * N], many_rewards[E * N];
static float prices32[E], cleared32[N + 1], rewards32[N + 1], many_cleared32[E * N], many_rewards32[E * N];

static void watch_all(void) {
    watch(NULL, 0);
    watch(&price, sizeof price);
    watch(&charged, sizeof charged);
    watch(prices, sizeof prices);
    watch(cleared, sizeof cleared);
    watch(rewards, sizeof rewards);
    watch(many_cleared, sizeof many_cleared);
    watch(many_rewards, sizeof many_rewards);
    watch(prices32, sizeof prices32);
    watch(cleared32, sizeof cleared32);
    watch(rewards32, sizeof rewards32);
    watch(many_cleared32, sizeof many_cleared32);
    watch(many_rewards32, sizeof many_rewards32);
}

static void *askew(void *pointer) {
    return (char *)pointer + 1;
}

static void still_works(void) {
    FINE(marl_market_clear_f64(bids, N, quantities, N, 60, NULL, &price, cleared, N, err));
    CHECK(price == 20 && cleared[0] == 50 && cleared[1] == 10 && cleared[2] == 0);
    FINE(marl_market_step_batch_f32(many_bids32, E * N, many_quantities32, E * N, costs32, N, demands, E, N, NULL,
                                    prices32, E, many_cleared32, E * N, many_rewards32, E * N, 0, err));
    CHECK(prices32[0] == 20 && prices32[1] == 30);
    watch_all();
}

#define NULL_IS_REFUSED(call) REFUSED(MARL_STATUS_NULL_POINTER, call)

static void null_pointers(void) {
    NULL_IS_REFUSED(marl_market_clear_f64(NULL, N, quantities, N, 60, NULL, &price, cleared, N, err));
    NULL_IS_REFUSED(marl_market_clear_f64(bids, N, NULL, N, 60, NULL, &price, cleared, N, err));
    NULL_IS_REFUSED(marl_market_clear_f64(bids, N, quantities, N, 60, NULL, NULL, cleared, N, err));
    NULL_IS_REFUSED(marl_market_clear_f64(bids, N, quantities, N, 60, NULL, &price, NULL, N, err));
    NULL_IS_REFUSED(marl_market_clear_f32(NULL, N, quantities32, N, 60, NULL, &price, cleared32, N, err));
    NULL_IS_REFUSED(marl_market_clear_f32(bids32, N, NULL, N, 60, NULL, &price, cleared32, N, err));
    NULL_IS_REFUSED(marl_market_clear_f32(bids32, N, quantities32, N, 60, NULL, NULL, cleared32, N, err));
    NULL_IS_REFUSED(marl_market_clear_f32(bids32, N, quantities32, N, 60, NULL, &price, NULL, N, err));

#define STEP_64(b, q, c, p, a, r) marl_market_step_f64(b, N, q, N, c, N, 60, NULL, p, a, N, r, N, err)
    NULL_IS_REFUSED(STEP_64(NULL, quantities, costs, &price, cleared, rewards));
    NULL_IS_REFUSED(STEP_64(bids, NULL, costs, &price, cleared, rewards));
    NULL_IS_REFUSED(STEP_64(bids, quantities, NULL, &price, cleared, rewards));
    NULL_IS_REFUSED(STEP_64(bids, quantities, costs, NULL, cleared, rewards));
    NULL_IS_REFUSED(STEP_64(bids, quantities, costs, &price, NULL, rewards));
    NULL_IS_REFUSED(STEP_64(bids, quantities, costs, &price, cleared, NULL));
#define STEP_32(b, q, c, p, a, r) marl_market_step_f32(b, N, q, N, c, N, 60, NULL, p, a, N, r, N, err)
    NULL_IS_REFUSED(STEP_32(NULL, quantities32, costs32, &price, cleared32, rewards32));
    NULL_IS_REFUSED(STEP_32(bids32, NULL, costs32, &price, cleared32, rewards32));
    NULL_IS_REFUSED(STEP_32(bids32, quantities32, NULL, &price, cleared32, rewards32));
    NULL_IS_REFUSED(STEP_32(bids32, quantities32, costs32, NULL, cleared32, rewards32));
    NULL_IS_REFUSED(STEP_32(bids32, quantities32, costs32, &price, NULL, rewards32));
    NULL_IS_REFUSED(STEP_32(bids32, quantities32, costs32, &price, cleared32, NULL));

#define MANY(name, b, q, d, p, a) marl_market_clear_batch_##name(b, E * N, q, E * N, d, E, N, NULL, p, E, a, E * N, 0, err)
    NULL_IS_REFUSED(MANY(f64, NULL, many_quantities, demands, prices, many_cleared));
    NULL_IS_REFUSED(MANY(f64, many_bids, NULL, demands, prices, many_cleared));
    NULL_IS_REFUSED(MANY(f64, many_bids, many_quantities, NULL, prices, many_cleared));
    NULL_IS_REFUSED(MANY(f64, many_bids, many_quantities, demands, NULL, many_cleared));
    NULL_IS_REFUSED(MANY(f64, many_bids, many_quantities, demands, prices, NULL));
    NULL_IS_REFUSED(MANY(f32, NULL, many_quantities32, demands, prices32, many_cleared32));
    NULL_IS_REFUSED(MANY(f32, many_bids32, NULL, demands, prices32, many_cleared32));
    NULL_IS_REFUSED(MANY(f32, many_bids32, many_quantities32, NULL, prices32, many_cleared32));
    NULL_IS_REFUSED(MANY(f32, many_bids32, many_quantities32, demands, NULL, many_cleared32));
    NULL_IS_REFUSED(MANY(f32, many_bids32, many_quantities32, demands, prices32, NULL));

#define STEP_MANY(name, b, q, c, d, p, a, r) \
    marl_market_step_batch_##name(b, E * N, q, E * N, c, N, d, E, N, NULL, p, E, a, E * N, r, E * N, 0, err)
    NULL_IS_REFUSED(STEP_MANY(f64, NULL, many_quantities, costs, demands, prices, many_cleared, many_rewards));
    NULL_IS_REFUSED(STEP_MANY(f64, many_bids, NULL, costs, demands, prices, many_cleared, many_rewards));
    NULL_IS_REFUSED(STEP_MANY(f64, many_bids, many_quantities, NULL, demands, prices, many_cleared, many_rewards));
    NULL_IS_REFUSED(STEP_MANY(f64, many_bids, many_quantities, costs, NULL, prices, many_cleared, many_rewards));
    NULL_IS_REFUSED(STEP_MANY(f64, many_bids, many_quantities, costs, demands, NULL, many_cleared, many_rewards));
    NULL_IS_REFUSED(STEP_MANY(f64, many_bids, many_quantities, costs, demands, prices, NULL, many_rewards));
    NULL_IS_REFUSED(STEP_MANY(f64, many_bids, many_quantities, costs, demands, prices, many_cleared, NULL));
    NULL_IS_REFUSED(STEP_MANY(f32, NULL, many_quantities32, costs32, demands, prices32, many_cleared32, many_rewards32));
    NULL_IS_REFUSED(STEP_MANY(f32, many_bids32, NULL, costs32, demands, prices32, many_cleared32, many_rewards32));
    NULL_IS_REFUSED(
        STEP_MANY(f32, many_bids32, many_quantities32, NULL, demands, prices32, many_cleared32, many_rewards32));
    NULL_IS_REFUSED(
        STEP_MANY(f32, many_bids32, many_quantities32, costs32, NULL, prices32, many_cleared32, many_rewards32));
    NULL_IS_REFUSED(
        STEP_MANY(f32, many_bids32, many_quantities32, costs32, demands, NULL, many_cleared32, many_rewards32));
    NULL_IS_REFUSED(STEP_MANY(f32, many_bids32, many_quantities32, costs32, demands, prices32, NULL, many_rewards32));
    NULL_IS_REFUSED(STEP_MANY(f32, many_bids32, many_quantities32, costs32, demands, prices32, many_cleared32, NULL));

#define STORAGE(b, q, bid, quantity, p, a, c) \
    marl_market_clear_with_storage_f64(b, N, q, N, 40, bid, quantity, NULL, p, a, N, c, err)
    NULL_IS_REFUSED(STORAGE(NULL, quantities, 25, 20, &price, cleared, &charged));
    NULL_IS_REFUSED(STORAGE(bids, NULL, 25, 20, &price, cleared, &charged));
    NULL_IS_REFUSED(STORAGE(bids, quantities, 25, 20, NULL, cleared, &charged));
    NULL_IS_REFUSED(STORAGE(bids, quantities, 25, 20, &price, NULL, &charged));
    NULL_IS_REFUSED(STORAGE(bids, quantities, 25, 20, &price, cleared, NULL));
#define STORAGE_32(b, q, bid, quantity, p, a, c) \
    marl_market_clear_with_storage_f32(b, N, q, N, 40, bid, quantity, NULL, p, a, N, c, err)
    NULL_IS_REFUSED(STORAGE_32(NULL, quantities32, 25, 20, &price, cleared32, &charged));
    NULL_IS_REFUSED(STORAGE_32(bids32, NULL, 25, 20, &price, cleared32, &charged));
    NULL_IS_REFUSED(STORAGE_32(bids32, quantities32, 25, 20, NULL, cleared32, &charged));
    NULL_IS_REFUSED(STORAGE_32(bids32, quantities32, 25, 20, &price, NULL, &charged));
    NULL_IS_REFUSED(STORAGE_32(bids32, quantities32, 25, 20, &price, cleared32, NULL));
    REFUSED(MARL_STATUS_BID_NOT_FINITE, STORAGE(bids, quantities, NAN, 20, &price, cleared, &charged));
    REFUSED(MARL_STATUS_QUANTITY_NOT_FINITE, STORAGE(bids, quantities, 25, INFINITY, &price, cleared, &charged));
    REFUSED(MARL_STATUS_QUANTITY_NEGATIVE, STORAGE(bids, quantities, 25, -1, &price, cleared, &charged));
    still_works();
}

static void lengths_and_places(void) {
    const size_t huge = (size_t)-1, half = (size_t)-1 / 2 + 1;

#define ONE(b, nb, q, nq, p, a, na) marl_market_clear_f64(b, nb, q, nq, 60, NULL, p, a, na, err)
    REFUSED(MARL_STATUS_EMPTY, ONE(NULL, 0, NULL, 0, &price, NULL, 0));
    REFUSED(MARL_STATUS_EMPTY, ONE(bids, 0, quantities, 0, &price, cleared, 0));
    REFUSED(MARL_STATUS_LENGTH_MISMATCH, ONE(bids, N, quantities, N - 1, &price, cleared, N));
    REFUSED(MARL_STATUS_LENGTH_MISMATCH, ONE(bids, N - 1, quantities, N, &price, cleared, N));
    REFUSED(MARL_STATUS_LENGTH_MISMATCH, ONE(bids, N, quantities, N, &price, cleared, N - 1));
    REFUSED(MARL_STATUS_LENGTH_MISMATCH, ONE(bids, N, quantities, N, &price, cleared, N + 1));
    REFUSED(MARL_STATUS_LENGTH_MISMATCH, ONE(bids, N, quantities, N, &price, cleared, 0));
    REFUSED(MARL_STATUS_INVALID_ARGUMENT, ONE(bids, huge, quantities, huge, &price, cleared, huge));
    REFUSED(MARL_STATUS_INVALID_ARGUMENT, ONE(askew(bids), N - 1, quantities, N - 1, &price, cleared, N - 1));
    REFUSED(MARL_STATUS_INVALID_ARGUMENT, ONE(bids, N - 1, askew(quantities), N - 1, &price, cleared, N - 1));
    REFUSED(MARL_STATUS_INVALID_ARGUMENT, ONE(bids, N, quantities, N, &price, askew(cleared), N));
    REFUSED(MARL_STATUS_INVALID_ARGUMENT, ONE(bids, N, quantities, N, askew(rewards), cleared, N));
    REFUSED(MARL_STATUS_INVALID_ARGUMENT, STORAGE(bids, quantities, 25, 20, askew(rewards), cleared, &charged));
    REFUSED(MARL_STATUS_INVALID_ARGUMENT, STORAGE(bids, quantities, 25, 20, &price, cleared, askew(rewards)));
    REFUSED(MARL_STATUS_INVALID_ARGUMENT, STORAGE_32(bids32, quantities32, 25, 20, askew(rewards), cleared32, &charged));
    REFUSED(MARL_STATUS_INVALID_ARGUMENT, STORAGE_32(bids32, quantities32, 25, 20, &price, cleared32, askew(rewards)));
    REFUSED(MARL_STATUS_INVALID_ARGUMENT, ONE(bids, N, quantities, N, &price, bids, N));
    REFUSED(MARL_STATUS_INVALID_ARGUMENT, ONE(bids, N, quantities, N, &price, quantities, N));
    REFUSED(MARL_STATUS_INVALID_ARGUMENT, STEP_64(bids, quantities, costs, &price, cleared, cleared));
    REFUSED(MARL_STATUS_INVALID_ARGUMENT, STEP_64(bids, quantities, costs, &price, cleared, costs));
    CHECK(bids[0] == 10 && quantities[0] == 50 && costs[0] == 5);

#define COSTS(nc, nr) \
    marl_market_step_f64(bids, N, quantities, N, costs, nc, 60, NULL, &price, cleared, N, rewards, nr, err)
    REFUSED(MARL_STATUS_LENGTH_MISMATCH, COSTS(N - 1, N));
    REFUSED(MARL_STATUS_LENGTH_MISMATCH, COSTS(0, N));
    REFUSED(MARL_STATUS_LENGTH_MISMATCH, COSTS(N, N - 1));
    REFUSED(MARL_STATUS_LENGTH_MISMATCH, COSTS(N, 0));

#define BATCH(nb, nd, n, np, na) \
    marl_market_clear_batch_f64(many_bids, nb, many_quantities, nb, demands, nd, n, NULL, prices, np, many_cleared, na, 0, err)
    REFUSED(MARL_STATUS_EMPTY, BATCH(E * N, E, 0, E, E * N));
    FINE(BATCH(0, 0, N, 0, 0));
    REFUSED(MARL_STATUS_LENGTH_MISMATCH, BATCH(E * N - 1, E, N, E, E * N));
    REFUSED(MARL_STATUS_LENGTH_MISMATCH, BATCH(E * N, E - 1, N, E, E * N));
    REFUSED(MARL_STATUS_LENGTH_MISMATCH, BATCH(E * N, E, N + 1, E, E * N));
    REFUSED(MARL_STATUS_LENGTH_MISMATCH, BATCH(E * N, E, N, E - 1, E * N));
    REFUSED(MARL_STATUS_LENGTH_MISMATCH, BATCH(E * N, E, N, E, E * N - 1));
    /* E times this many generators is 0 in 64 bits. */
    REFUSED(MARL_STATUS_LENGTH_MISMATCH, BATCH(0, E, half, E, 0));
    still_works();
}

static void numbers(void) {
    double wrong[N] = {10, NAN, 30};
#define BIDS(b, q, d) marl_market_clear_f64(b, N, q, N, d, NULL, &price, cleared, N, err)
    REFUSED(MARL_STATUS_BID_NOT_FINITE, BIDS(wrong, quantities, 60));
    REFUSED(MARL_STATUS_QUANTITY_NOT_FINITE, BIDS(bids, wrong, 60));
    wrong[1] = -1;
    REFUSED(MARL_STATUS_QUANTITY_NEGATIVE, BIDS(bids, wrong, 60));
    REFUSED(MARL_STATUS_DEMAND_NOT_FINITE, BIDS(bids, quantities, NAN));
    REFUSED(MARL_STATUS_DEMAND_NOT_FINITE, BIDS(bids, quantities, -INFINITY));
    REFUSED(MARL_STATUS_DEMAND_NEGATIVE, BIDS(bids, quantities, -0.5));
    wrong[1] = INFINITY;
    REFUSED(MARL_STATUS_COST_NOT_FINITE, STEP_64(bids, quantities, wrong, &price, cleared, rewards));
    demands[1] = NAN;
    REFUSED(MARL_STATUS_DEMAND_NOT_FINITE, MANY(f64, many_bids, many_quantities, demands, prices, many_cleared));
    demands[1] = -3;
    REFUSED(MARL_STATUS_DEMAND_NEGATIVE, MANY(f32, many_bids32, many_quantities32, demands, prices32, many_cleared32));
    demands[1] = 160;
    many_bids32[E * N - 1] = -INFINITY;
    REFUSED(MARL_STATUS_BID_NOT_FINITE, MANY(f32, many_bids32, many_quantities32, demands, prices32, many_cleared32));
    many_bids32[E * N - 1] = 30;
    still_works();
}

static void options(void) {
    marl_market_params params;
    marl_market *market = NULL;
    marl_market_params_default(NULL);

#define WITH(change)                                                                                                 \
    marl_market_params_default(&params);                                                                             \
    change;                                                                                                          \
    REFUSED(MARL_STATUS_PARAMETER_INVALID,                                                                           \
            marl_market_clear_f64(bids, N, quantities, N, 60, &params, &price, cleared, N, err));                    \
    REFUSED(MARL_STATUS_PARAMETER_INVALID, marl_market_new(N, MARL_DTYPE_FLOAT64, &params, &market, err));
    watch(&market, sizeof market);
    WITH(params.lambda_bid_penalty = -1)
    WITH(params.lambda_bid_penalty = NAN)
    WITH(params.unit_lol_penalty = INFINITY)
    WITH(params.demand_scale = 0)
    WITH(params.cost_scale = -1)
    WITH(params.price_cap = NAN)
    WITH(params.time_horizon = -1)
    WITH(params.scarcity_price = 2)
    WITH(params.loss_of_load = -1)
    WITH(params.tie_rule = INT32_MAX)
    marl_market_params_default(&params);
    params.size = sizeof params - 1;
    REFUSED(MARL_STATUS_INVALID_ARGUMENT,
            marl_market_clear_f64(bids, N, quantities, N, 60, &params, &price, cleared, N, err));
    params.size = 0;
    REFUSED(MARL_STATUS_INVALID_ARGUMENT, marl_market_new(N, MARL_DTYPE_FLOAT64, &params, &market, err));

    REFUSED(MARL_STATUS_EMPTY, marl_market_new(0, MARL_DTYPE_FLOAT64, NULL, &market, err));
    REFUSED(MARL_STATUS_NULL_POINTER, marl_market_new(N, MARL_DTYPE_FLOAT64, NULL, NULL, err));
    REFUSED(MARL_STATUS_INVALID_ARGUMENT, marl_market_new(N, MARL_DTYPE_FLOAT64, NULL, askew(rewards), err));
    REFUSED(MARL_STATUS_DTYPE_MISMATCH, marl_market_new(N, MARL_DTYPE_INT32, NULL, &market, err));
    REFUSED(MARL_STATUS_DTYPE_MISMATCH, marl_market_new(N, MARL_DTYPE_INT64, NULL, &market, err));
    REFUSED(MARL_STATUS_DTYPE_MISMATCH, marl_market_new(N, -1, NULL, &market, err));
    REFUSED(MARL_STATUS_DTYPE_MISMATCH, marl_market_new(N, INT32_MAX, NULL, &market, err));
    REFUSED(MARL_STATUS_INVALID_ARGUMENT, marl_market_new((size_t)-1, MARL_DTYPE_FLOAT64, NULL, &market, err));
    still_works();
}

/* The first header did not have it. */
#ifdef MARL_MARKET_RESULTS_MAY_BE_LOST
/* Offers checked while they are cleared: the same statuses and messages, whichever way markets of that size take. */
static void results_that_may_be_lost(size_t units) {
    enum { MARKETS = 19, MOST = 40 };
    static double b[MARKETS * MOST], q[MARKETS * MOST], c[MOST], d[MARKETS], p[MARKETS], a[MARKETS * MOST], r[MARKETS * MOST];
    marl_market_params params;
    marl_error before, after;
    size_t k, size = MARKETS * units, wrong = size - 2;
    watch(NULL, 0);
    for (k = 0; k < size; k++) {
        b[k] = 20 + (double)(k * 37 % 101);
        q[k] = 5 + (double)(k % 7);
    }
    for (k = 0; k < units; k++) {
        c[k] = 10;
    }
    for (k = 0; k < MARKETS; k++) {
        d[k] = 4 * (double)units;
    }
    marl_market_params_default(&params);
#define STEP_LOST(nc, np) \
    marl_market_step_batch_f64(b, size, q, size, c, nc, d, MARKETS, units, &params, p, np, a, size, r, size, 1, &after)
#define SAME(expected, nc, np)                                                       \
    params.reserved = 0;                                                            \
    CHECK(STEP_LOST(nc, np) == expected);                                           \
    before = after;                                                                 \
    params.reserved = MARL_MARKET_RESULTS_MAY_BE_LOST;                              \
    CHECK(STEP_LOST(nc, np) == expected);                                           \
    CHECK(expected == MARL_STATUS_OK || strcmp(before.message, after.message) == 0)
    SAME(MARL_STATUS_OK, units, MARKETS);
    b[wrong] = NAN;
    SAME(MARL_STATUS_BID_NOT_FINITE, units, MARKETS);
    /* Wrong offers are told of before wrong costs, parameters and outputs. */
    c[0] = INFINITY;
    SAME(MARL_STATUS_BID_NOT_FINITE, units, MARKETS);
    SAME(MARL_STATUS_BID_NOT_FINITE, units, MARKETS - 1);
    params.tie_rule = 9;
    SAME(MARL_STATUS_BID_NOT_FINITE, units, MARKETS);
    b[wrong] = 30;
    SAME(MARL_STATUS_COST_NOT_FINITE, units, MARKETS);
    c[0] = 10;
    SAME(MARL_STATUS_PARAMETER_INVALID, units, MARKETS);
    params.tie_rule = 0;
    SAME(MARL_STATUS_LENGTH_MISMATCH, units, MARKETS - 1);
    q[wrong] = -1;
    SAME(MARL_STATUS_QUANTITY_NEGATIVE, units, MARKETS);
    q[wrong] = 5;
    d[MARKETS - 1] = INFINITY;
    SAME(MARL_STATUS_DEMAND_NOT_FINITE, units, MARKETS);
    d[MARKETS - 1] = 4;
    SAME(MARL_STATUS_OK, units, MARKETS);
    params.reserved = ~MARL_MARKET_RESULTS_MAY_BE_LOST; /* bits without a meaning */
    CHECK(STEP_LOST(units, MARKETS) == MARL_STATUS_OK);
    watch_all();
}

#else
static void results_that_may_be_lost(size_t units) {
    (void)units;
}
#endif

static void bound_market(void) {
    marl_market *market = NULL;
    double *own, *dispatch, *pay;
    int32_t array;
    NO_PRICE(MARL_STATUS_NULL_POINTER, marl_market_clear(NULL, 60, err));
    NO_PRICE(MARL_STATUS_NULL_POINTER, marl_market_step(NULL, 60, err));
    CHECK(marl_market_data(NULL, MARL_MARKET_ARRAY_BIDS) == NULL);
    marl_market_free(NULL);

    FINE(marl_market_new(N, MARL_DTYPE_FLOAT64, NULL, &market, err));
    CHECK(marl_market_data(market, -1) == NULL && marl_market_data(market, 5) == NULL);
    CHECK(marl_market_data(market, INT32_MIN) == NULL && marl_market_data(market, INT32_MAX) == NULL);
    for (array = 0; array < 5; array++) {
        own = marl_market_data(market, array);
        CHECK(own != NULL && (uintptr_t)own % 64 == 0 && own[0] == 0 && own[N - 1] == 0);
    }
    memcpy(marl_market_data(market, MARL_MARKET_ARRAY_BIDS), bids, sizeof bids);
    memcpy(marl_market_data(market, MARL_MARKET_ARRAY_QUANTITIES), quantities, sizeof quantities);
    memcpy(marl_market_data(market, MARL_MARKET_ARRAY_COSTS), costs, sizeof costs);
    dispatch = marl_market_data(market, MARL_MARKET_ARRAY_CLEARED);
    pay = marl_market_data(market, MARL_MARKET_ARRAY_REWARDS);
    watch(NULL, 0);
    watch(dispatch, N * sizeof *dispatch);
    watch(pay, N * sizeof *pay);
    NO_PRICE(MARL_STATUS_DEMAND_NOT_FINITE, marl_market_clear(market, NAN, err));
    NO_PRICE(MARL_STATUS_DEMAND_NEGATIVE, marl_market_step(market, -1, err));
    own = marl_market_data(market, MARL_MARKET_ARRAY_BIDS);
    own[1] = NAN;
    NO_PRICE(MARL_STATUS_BID_NOT_FINITE, marl_market_clear(market, 60, err));
    own[1] = 20;
    own = marl_market_data(market, MARL_MARKET_ARRAY_QUANTITIES);
    own[2] = -1;
    NO_PRICE(MARL_STATUS_QUANTITY_NEGATIVE, marl_market_step(market, 60, err));
    own[2] = INFINITY;
    NO_PRICE(MARL_STATUS_QUANTITY_NOT_FINITE, marl_market_clear(market, 60, err));
    own[2] = 50;
    own = marl_market_data(market, MARL_MARKET_ARRAY_COSTS);
    own[0] = -INFINITY;
    NO_PRICE(MARL_STATUS_COST_NOT_FINITE, marl_market_step(market, 60, err));
    CHECK(marl_market_clear(market, 60, NULL) == 20); /* which looks at no cost */
    own[0] = 5;
    CHECK(marl_market_step(market, 60, NULL) == 20);
    CHECK(dispatch[0] == 50 && dispatch[1] == 10 && dispatch[2] == 0 && isfinite(pay[0]));
    marl_market_free(market);
}

int main(void) {
    watch_all();
    null_pointers();
    lengths_and_places();
    numbers();
    options();
    results_that_may_be_lost(3);
    results_that_may_be_lost(20);
    results_that_may_be_lost(40);
    bound_market();
    return outcome();
}
