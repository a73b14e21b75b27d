/* Every recorded market through the C ABI: alone, bound to a handle, and in a batch. */
#include "golden_text.h"

enum { COPIES = 5 };

static void *room(size_t count, size_t size) {
    void *made = calloc(count + 1, size);
    if (made == NULL) exit(2);
    return made;
}

static double *repeated_f64(const double *from, size_t count) {
    double *to = room(COPIES * count, sizeof *to);
    size_t k;
    for (k = 0; k < COPIES * count; k++) to[k] = from[k % count];
    return to;
}

static float *repeated_f32(const double *from, size_t count) {
    float *to = room(COPIES * count, sizeof *to);
    size_t k;
    for (k = 0; k < COPIES * count; k++) to[k] = (float)from[k % count];
    return to;
}

/* A market as recorded. `costs` is NULL for clearing alone, `rewards` too. */
typedef struct {
    size_t n, num_quantities;
    double *bids, *quantities, *costs;
    double demand;
    marl_market_params params;
    double price;
    double *cleared, *rewards;
} market_case;

static void check_rewards_f64(const market_case *it, const double *rewards) {
    size_t k;
    for (k = 0; k < it->n; k++) CHECK(close_to(rewards[k], it->rewards[k], 1e-12, 1e-13));
}

static void one_f64(const market_case *it) {
    double price = 0.0, *cleared = room(it->n, sizeof *cleared), *rewards = room(it->n, sizeof *rewards);
    if (it->costs == NULL) {
        FINE(marl_market_clear_f64(it->bids, it->n, it->quantities, it->n, it->demand, &it->params, &price, cleared,
                                   it->n, err));
    } else {
        FINE(marl_market_step_f64(it->bids, it->n, it->quantities, it->n, it->costs, it->n, it->demand, &it->params,
                                  &price, cleared, it->n, rewards, it->n, err));
        check_rewards_f64(it, rewards);
    }
    CHECK(same_f64(&price, &it->price, 1));
    CHECK(same_f64(cleared, it->cleared, it->n));
    free(cleared);
    free(rewards);
}

static void one_f32(const market_case *it) {
    float *bids = narrowed(it->bids, it->n), *quantities = narrowed(it->quantities, it->n);
    float *cleared = room(it->n, sizeof *cleared), *rewards = room(it->n, sizeof *rewards);
    double price = 0.0;
    if (it->costs == NULL) {
        FINE(marl_market_clear_f32(bids, it->n, quantities, it->n, it->demand, &it->params, &price, cleared, it->n,
                                   err));
    } else {
        float *costs = narrowed(it->costs, it->n);
        FINE(marl_market_step_f32(bids, it->n, quantities, it->n, costs, it->n, it->demand, &it->params, &price,
                                  cleared, it->n, rewards, it->n, err));
        CHECK(same_f32(rewards, it->rewards, it->n));
        free(costs);
    }
    CHECK(same_f64(&price, &it->price, 1));
    CHECK(same_f32(cleared, it->cleared, it->n));
    free(bids);
    free(quantities);
    free(cleared);
    free(rewards);
}

static void bound(const market_case *it, int32_t dtype) {
    marl_market *market = NULL;
    double price;
    size_t k;
    FINE(marl_market_new(it->n, dtype, &it->params, &market, err));
    for (k = 0; k < it->n; k++) {
        double bid = it->bids[k], quantity = it->quantities[k], cost = it->costs == NULL ? 0.0 : it->costs[k];
        if (dtype == MARL_DTYPE_FLOAT32) {
            ((float *)marl_market_data(market, MARL_MARKET_ARRAY_BIDS))[k] = (float)bid;
            ((float *)marl_market_data(market, MARL_MARKET_ARRAY_QUANTITIES))[k] = (float)quantity;
            ((float *)marl_market_data(market, MARL_MARKET_ARRAY_COSTS))[k] = (float)cost;
        } else {
            ((double *)marl_market_data(market, MARL_MARKET_ARRAY_BIDS))[k] = bid;
            ((double *)marl_market_data(market, MARL_MARKET_ARRAY_QUANTITIES))[k] = quantity;
            ((double *)marl_market_data(market, MARL_MARKET_ARRAY_COSTS))[k] = cost;
        }
    }
    price = it->costs == NULL ? marl_market_clear(market, it->demand, NULL) : marl_market_step(market, it->demand, NULL);
    CHECK(same_f64(&price, &it->price, 1));
    if (dtype == MARL_DTYPE_FLOAT32) {
        CHECK(same_f32(marl_market_data(market, MARL_MARKET_ARRAY_CLEARED), it->cleared, it->n));
        if (it->costs != NULL) CHECK(same_f32(marl_market_data(market, MARL_MARKET_ARRAY_REWARDS), it->rewards, it->n));
    } else {
        CHECK(same_f64(marl_market_data(market, MARL_MARKET_ARRAY_CLEARED), it->cleared, it->n));
        if (it->costs != NULL) check_rewards_f64(it, marl_market_data(market, MARL_MARKET_ARRAY_REWARDS));
    }
    marl_market_free(market);
}

static void batch_f64(const market_case *it) {
    size_t all = COPIES * it->n, k;
    double *bids = repeated_f64(it->bids, it->n), *quantities = repeated_f64(it->quantities, it->n);
    double *demand = repeated_f64(&it->demand, 1), prices[COPIES];
    double *cleared = room(all, sizeof *cleared), *rewards = room(all, sizeof *rewards);
    if (it->costs == NULL) {
        FINE(marl_market_clear_batch_f64(bids, all, quantities, all, demand, COPIES, it->n, &it->params, prices, COPIES,
                                         cleared, all, 2, err));
    } else {
        FINE(marl_market_step_batch_f64(bids, all, quantities, all, it->costs, it->n, demand, COPIES, it->n,
                                        &it->params, prices, COPIES, cleared, all, rewards, all, 2, err));
    }
    for (k = 0; k < COPIES; k++) {
        CHECK(same_f64(&prices[k], &it->price, 1));
        CHECK(same_f64(cleared + k * it->n, it->cleared, it->n));
        if (it->costs != NULL) check_rewards_f64(it, rewards + k * it->n);
    }
    free(bids);
    free(quantities);
    free(demand);
    free(cleared);
    free(rewards);
}

static void batch_f32(const market_case *it) {
    size_t all = COPIES * it->n, k;
    float *bids = repeated_f32(it->bids, it->n), *quantities = repeated_f32(it->quantities, it->n);
    float prices[COPIES], *cleared = room(all, sizeof *cleared), *rewards = room(all, sizeof *rewards);
    double *demand = repeated_f64(&it->demand, 1);
    if (it->costs == NULL) {
        FINE(marl_market_clear_batch_f32(bids, all, quantities, all, demand, COPIES, it->n, &it->params, prices, COPIES,
                                         cleared, all, 2, err));
    } else {
        float *costs = repeated_f32(it->costs, it->n);
        FINE(marl_market_step_batch_f32(bids, all, quantities, all, costs, all, demand, COPIES, it->n, &it->params,
                                        prices, COPIES, cleared, all, rewards, all, 2, err));
        free(costs);
    }
    for (k = 0; k < COPIES; k++) {
        CHECK(same_f32(&prices[k], &it->price, 1));
        CHECK(same_f32(cleared + k * it->n, it->cleared, it->n));
        if (it->costs != NULL) CHECK(same_f32(rewards + k * it->n, it->rewards, it->n));
    }
    free(bids);
    free(quantities);
    free(cleared);
    free(rewards);
    free(demand);
}

static void every_way(const market_case *it, int narrow) {
    if (narrow) {
        one_f32(it);
        bound(it, MARL_DTYPE_FLOAT32);
        batch_f32(it);
    } else {
        one_f64(it);
        bound(it, MARL_DTYPE_FLOAT64);
        batch_f64(it);
    }
}

/* The number of the status called `name`, or -1. */
static int status_called(const char *name) {
    int status;
    for (status = 0; status < 1000; status++) {
        if (strcmp(marl_status_name(status), name) == 0) return status;
    }
    return -1;
}

static void clear_is_refused(const market_case *it, marl_status expected) {
    double price, cleared[64];
    watch(NULL, 0);
    watch(&price, sizeof price);
    watch(cleared, sizeof cleared);
    REFUSED(expected, marl_market_clear_f64(it->bids, it->n, it->quantities, it->num_quantities, it->demand, NULL,
                                            &price, cleared, it->n, err));
}

static void storage_f64(const market_case *it, double buy_bid, double buy_quantity, double charged) {
    double price = 0.0, got_charged = -1.0, *cleared = room(it->n, sizeof *cleared);
    FINE(marl_market_clear_with_storage_f64(it->bids, it->n, it->quantities, it->n, it->demand, buy_bid, buy_quantity,
                                            NULL, &price, cleared, it->n, &got_charged, err));
    CHECK(same_f64(&price, &it->price, 1));
    CHECK(same_f64(&got_charged, &charged, 1));
    CHECK(same_f64(cleared, it->cleared, it->n));
    free(cleared);
}

static void storage_f32(const market_case *it, double buy_bid, double buy_quantity, double charged) {
    float *bids = narrowed(it->bids, it->n), *quantities = narrowed(it->quantities, it->n);
    float *cleared = room(it->n, sizeof *cleared);
    double price = 0.0, got_charged = -1.0;
    FINE(marl_market_clear_with_storage_f32(bids, it->n, quantities, it->n, it->demand, buy_bid, buy_quantity, NULL,
                                            &price, cleared, it->n, &got_charged, err));
    CHECK(same_f64(&price, &it->price, 1));
    CHECK(same_f64(&got_charged, &charged, 1));
    CHECK(same_f32(cleared, it->cleared, it->n));
    free(bids);
    free(quantities);
    free(cleared);
}

static void storage_is_refused(const market_case *it, double buy_bid, double buy_quantity, marl_status expected) {
    double price, charged, cleared[64];
    watch(NULL, 0);
    watch(&price, sizeof price);
    watch(&charged, sizeof charged);
    watch(cleared, sizeof cleared);
    REFUSED(expected,
            marl_market_clear_with_storage_f64(it->bids, it->n, it->quantities, it->n, it->demand, buy_bid,
                                               buy_quantity, NULL, &price, cleared, it->n, &charged, err));
}

int main(int argc, char **argv) {
    FILE *file = open_golden(argc, argv);
    char kind[LONGEST_WORD], id[LONGEST_WORD], dtype[LONGEST_WORD], status[LONGEST_WORD] = "";
    int cases = 0;
    while (next_word(file, kind) && strcmp(kind, "end") != 0) {
        market_case it;
        size_t count;
        double buy_bid = 0.0, buy_quantity = 0.0, charged = 0.0;
        int failed_before = checks_failed, narrow;
        memset(&it, 0, sizeof it);
        marl_market_params_default(&it.params);
        if (!next_word(file, id) || !next_word(file, dtype)) return 2;
        narrow = strcmp(dtype, "f32") == 0;
        it.bids = next_numbers(file, &it.n);
        it.quantities = next_numbers(file, &it.num_quantities);
        it.demand = next_number(file);
        if (strcmp(kind, "step") == 0) {
            it.costs = next_numbers(file, &count);
            it.params.lambda_bid_penalty = next_number(file);
            it.params.unit_lol_penalty = next_number(file);
            it.params.demand_scale = next_number(file);
            it.params.cost_scale = next_number(file);
            it.params.time_horizon = (int64_t)next_number(file);
        } else if (strcmp(kind, "storage") == 0) {
            buy_bid = next_number(file);
            buy_quantity = next_number(file);
        }
        if (!next_word(file, status)) return 2;
        if (strcmp(status, "ok") == 0) {
            it.price = next_number(file);
            it.cleared = next_numbers(file, &count);
            if (strcmp(kind, "step") == 0) it.rewards = next_numbers(file, &count);
            if (strcmp(kind, "storage") == 0) charged = next_number(file);
        }
        if (strcmp(kind, "storage") == 0) {
            if (strcmp(status, "ok") != 0) {
                storage_is_refused(&it, buy_bid, buy_quantity, (marl_status)status_called(status));
            } else if (narrow) {
                storage_f32(&it, buy_bid, buy_quantity, charged);
            } else {
                storage_f64(&it, buy_bid, buy_quantity, charged);
            }
        } else if (strcmp(status, "ok") == 0) {
            every_way(&it, narrow);
        } else {
            clear_is_refused(&it, (marl_status)status_called(status));
        }
        if (checks_failed > failed_before) printf("^ in case %s\n", id);
        free(it.bids);
        free(it.quantities);
        free(it.costs);
        free(it.cleared);
        free(it.rewards);
        cases++;
    }
    CHECK(strcmp(kind, "end") == 0);
    printf("%d cases\n", cases);
    fclose(file);
    return outcome();
}
