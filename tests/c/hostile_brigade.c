/* Episodes and records of Bucket Brigade under abuse: each call refuses with the right status, writes nothing, and works afterwards. */
#include "check.h"

#include <stdint.h>

enum { P = 2, N = 3, S = 5, EPISODES = P * S };

static double params[P * N * 10];
static uint64_t seeds[P * S];
static float scores[EPISODES * N + 1];
static uint32_t nights[EPISODES + 1];
static const char *config = "{\"scenario\": \"hard\", \"max_nights\": 30}";

static void watch_all(void) {
    watch(NULL, 0);
    watch(scores, sizeof scores);
    watch(nights, sizeof nights);
}

/* The call with one thing changed. */
#define EPISODES_OF(c, p, pl, np, na, s, sl, ns, d, o, ol, t, tl) \
    marl_brigade_episodes(c, p, pl, np, na, s, sl, ns, d, 1, o, ol, t, tl, err)
#define WITH_CONFIG(c) EPISODES_OF(c, params, P * N * 10, P, N, seeds, S, S, 0, scores, EPISODES * N, nights, EPISODES)
#define WITH_ARRAYS(p, s, o, t) EPISODES_OF(config, p, P * N * 10, P, N, s, S, S, 0, o, EPISODES * N, t, EPISODES)
#define WITH_LENGTHS(pl, sl, ol, tl) EPISODES_OF(config, params, pl, P, N, seeds, sl, S, 0, scores, ol, nights, tl)
#define WITH_COUNTS(np, na, ns) \
    EPISODES_OF(config, params, P * N * 10, np, na, seeds, S, ns, 0, scores, EPISODES * N, nights, EPISODES)
#define WITH_DECISIONS(d) EPISODES_OF(config, params, P * N * 10, P, N, seeds, S, S, d, scores, EPISODES * N, nights, EPISODES)

static void still_works(void) {
    float all[EPISODES * N];
    uint32_t lasted[EPISODES];
    int k;
    FINE(WITH_CONFIG(config));
    memcpy(all, scores, sizeof all);
    memcpy(lasted, nights, sizeof lasted);
    /* A seed for every episode, on threads: the same. */
    FINE(marl_brigade_episodes(config, params, P * N * 10, P, N, seeds, P * S, S, MARL_BRIGADE_DECISIONS_ORIGINAL, 7, scores,
                               EPISODES * N, nights, EPISODES, err));
    CHECK(memcmp(all, scores, sizeof all) == 0 && memcmp(lasted, nights, sizeof lasted) == 0);
    for (k = 0; k < EPISODES; k++) {
        CHECK(lasted[k] >= 16 && lasted[k] <= 30);
    }
    /* Nobody works and no fire can start: a hundred points a night from ten safe houses, and a half for the rest. */
    FINE(marl_brigade_episodes("{\"scenario\": \"trivial_cooperation\"}", params, 10, 1, 1, seeds, 1, 1,
                               MARL_BRIGADE_DECISIONS_INDEPENDENT, 0, scores, 1, nights, 1, err));
    CHECK(nights[0] == 13 && scores[0] == 13 * 100.5f);
    FINE(WITH_CONFIG(NULL));
    FINE(WITH_CONFIG(""));
    watch_all();
}

static void arrays(void) {
    REFUSED(MARL_STATUS_NULL_POINTER, WITH_ARRAYS(NULL, seeds, scores, nights));
    REFUSED(MARL_STATUS_NULL_POINTER, WITH_ARRAYS(params, NULL, scores, nights));
    REFUSED(MARL_STATUS_NULL_POINTER, WITH_ARRAYS(params, seeds, NULL, nights));
    REFUSED(MARL_STATUS_NULL_POINTER, WITH_ARRAYS(params, seeds, scores, NULL));
    REFUSED(MARL_STATUS_INVALID_ARGUMENT, WITH_ARRAYS((double *)((char *)params + 1), seeds, scores, nights));
    REFUSED(MARL_STATUS_INVALID_ARGUMENT, WITH_ARRAYS(params, (uint64_t *)((char *)seeds + 1), scores, nights));
    REFUSED(MARL_STATUS_INVALID_ARGUMENT, WITH_ARRAYS(params, seeds, (float *)((char *)scores + 1), nights));
    REFUSED(MARL_STATUS_INVALID_ARGUMENT, WITH_ARRAYS(params, seeds, scores, (uint32_t *)((char *)nights + 1)));
    REFUSED(MARL_STATUS_INVALID_ARGUMENT, WITH_ARRAYS(params, seeds, (float *)params, nights));
    REFUSED(MARL_STATUS_INVALID_ARGUMENT, WITH_ARRAYS(params, seeds, scores, (uint32_t *)scores));
    REFUSED(MARL_STATUS_LENGTH_MISMATCH, WITH_LENGTHS(P * N * 10 - 1, S, EPISODES * N, EPISODES));
    REFUSED(MARL_STATUS_LENGTH_MISMATCH, WITH_LENGTHS(0, S, EPISODES * N, EPISODES));
    REFUSED(MARL_STATUS_LENGTH_MISMATCH, WITH_LENGTHS(P * N * 10, S - 1, EPISODES * N, EPISODES));
    REFUSED(MARL_STATUS_LENGTH_MISMATCH, WITH_LENGTHS(P * N * 10, 0, EPISODES * N, EPISODES));
    REFUSED(MARL_STATUS_LENGTH_MISMATCH, WITH_LENGTHS(P * N * 10, S, EPISODES * N - 1, EPISODES));
    REFUSED(MARL_STATUS_LENGTH_MISMATCH, WITH_LENGTHS(P * N * 10, S, 0, EPISODES));
    REFUSED(MARL_STATUS_LENGTH_MISMATCH, WITH_LENGTHS(P * N * 10, S, EPISODES * N, EPISODES - 1));
    REFUSED(MARL_STATUS_INVALID_ARGUMENT, WITH_LENGTHS(SIZE_MAX, S, EPISODES * N, EPISODES));
    REFUSED(MARL_STATUS_INVALID_ARGUMENT, WITH_LENGTHS(P * N * 10, SIZE_MAX, EPISODES * N, EPISODES));
}

static void counts(void) {
    REFUSED(MARL_STATUS_EMPTY, WITH_COUNTS(0, N, S));
    REFUSED(MARL_STATUS_EMPTY, WITH_COUNTS(P, N, 0));
    REFUSED(MARL_STATUS_EMPTY, WITH_COUNTS(SIZE_MAX, N, 0));
    REFUSED(MARL_STATUS_INVALID_ARGUMENT, WITH_COUNTS(P, 0, S));
    REFUSED(MARL_STATUS_INVALID_ARGUMENT, WITH_COUNTS(P, 256, S));
    REFUSED(MARL_STATUS_INVALID_ARGUMENT, WITH_COUNTS(P, SIZE_MAX, S));
    REFUSED(MARL_STATUS_INVALID_ARGUMENT, WITH_COUNTS(SIZE_MAX, N, S));
    REFUSED(MARL_STATUS_INVALID_ARGUMENT, WITH_COUNTS(SIZE_MAX / 2, N, 2));
    REFUSED(MARL_STATUS_LENGTH_MISMATCH, WITH_COUNTS(P, N + 1, S));
    REFUSED(MARL_STATUS_LENGTH_MISMATCH, WITH_COUNTS(P + 1, N, S));
    REFUSED(MARL_STATUS_LENGTH_MISMATCH, WITH_COUNTS(P, N, S + 1));
    REFUSED(MARL_STATUS_INVALID_ARGUMENT, WITH_DECISIONS(-1));
    REFUSED(MARL_STATUS_INVALID_ARGUMENT, WITH_DECISIONS(2));
    REFUSED(MARL_STATUS_INVALID_ARGUMENT, WITH_DECISIONS(INT32_MAX));
}

static void numbers(void) {
    static const double wrong[] = {-1e-300, 1.0000000000000002, NAN, INFINITY, -INFINITY, 1e300};
    size_t k;
    for (k = 0; k < sizeof wrong / sizeof *wrong; k++) {
        params[P * N * 10 - 1] = wrong[k];
        REFUSED(MARL_STATUS_INVALID_ARGUMENT, WITH_CONFIG(config));
        params[P * N * 10 - 1] = 0;
    }
}

static void configurations(void) {
    REFUSED(MARL_STATUS_INVALID_CONFIG, WITH_CONFIG("{"));
    REFUSED(MARL_STATUS_INVALID_CONFIG, WITH_CONFIG("[]"));
    REFUSED(MARL_STATUS_INVALID_CONFIG, WITH_CONFIG("{\"scenario\": []}"));
    REFUSED(MARL_STATUS_INVALID_CONFIG, WITH_CONFIG("{\"scenario\": {}}"));
    REFUSED(MARL_STATUS_INVALID_CONFIG, WITH_CONFIG("{\"max_nights\": null}"));
    REFUSED(MARL_STATUS_INVALID_CONFIG, WITH_CONFIG("{\"max_nights\": -1}"));
    REFUSED(MARL_STATUS_INVALID_CONFIG, WITH_CONFIG("{\"scenario\": \"v2_minimal\"}")); /* for four agents */
    REFUSED(MARL_STATUS_INVALID_CONFIG, WITH_CONFIG("{\"prob_house_catches_fire\": \"much\"}"));
    REFUSED(MARL_STATUS_UNKNOWN_ID, WITH_CONFIG("{\"scenario\": \"harder\"}"));
    REFUSED(MARL_STATUS_UNKNOWN_KEY, WITH_CONFIG("{\"scenarios\": \"hard\"}"));
    REFUSED(MARL_STATUS_UNKNOWN_KEY, WITH_CONFIG("{\"observation\": \"v1\"}"));
    REFUSED(MARL_STATUS_INVALID_ARGUMENT, WITH_CONFIG("{\"scenario\": \"\xff\"}"));
}

/* One game, recorded. */
enum { NIGHTS = 30, TOWN = (NIGHTS + 1) * 10, MOVES = NIGHTS * 4 * 3, PAID = NIGHTS * 4 };
static uint8_t houses[TOWN + 1], actions[MOVES + 1], is_over[2];
static float rewards[PAID + 1];
static uint32_t played[2];

#define RECORD_OF(c, n, h, hl, a, al, r, rl, t, o) marl_brigade_record(c, 7, n, h, hl, a, al, r, rl, t, o, err)
#define RECORD(c) RECORD_OF(c, NIGHTS, houses, TOWN, actions, MOVES, rewards, PAID, played, is_over)
#define RECORD_IN(h, a, r, t, o) RECORD_OF(config, NIGHTS, h, TOWN, a, MOVES, r, PAID, t, o)
#define RECORD_SIZED(n, hl, al, rl) RECORD_OF(config, n, houses, hl, actions, al, rewards, rl, played, is_over)

static void records(void) {
    uint8_t evening[10];
    watch(NULL, 0);
    FINE(RECORD(config));
    CHECK(is_over[0] == 1 && played[0] >= 16 && played[0] <= NIGHTS && rewards[0] != 0);
    memcpy(evening, houses, sizeof evening);
    FINE(RECORD_OF(config, 0, houses, 10, NULL, 0, NULL, 0, played, is_over));
    CHECK(is_over[0] == 0 && played[0] == 0 && memcmp(evening, houses, sizeof evening) == 0);
    FINE(RECORD_OF("{\"max_nights\": null}", 1, houses, 20, actions, 12, rewards, 4, played, is_over));
    CHECK(is_over[0] == 0 && played[0] == 1);
    watch(houses, sizeof houses);
    watch(actions, sizeof actions);
    watch(rewards, sizeof rewards);
    watch(played, sizeof played);
    watch(is_over, sizeof is_over);
    REFUSED(MARL_STATUS_NULL_POINTER, RECORD_IN(NULL, actions, rewards, played, is_over));
    REFUSED(MARL_STATUS_NULL_POINTER, RECORD_IN(houses, NULL, rewards, played, is_over));
    REFUSED(MARL_STATUS_NULL_POINTER, RECORD_IN(houses, actions, NULL, played, is_over));
    REFUSED(MARL_STATUS_NULL_POINTER, RECORD_IN(houses, actions, rewards, NULL, is_over));
    REFUSED(MARL_STATUS_NULL_POINTER, RECORD_IN(houses, actions, rewards, played, NULL));
    REFUSED(MARL_STATUS_INVALID_ARGUMENT, RECORD_IN(houses, houses, rewards, played, is_over));
    REFUSED(MARL_STATUS_INVALID_ARGUMENT, RECORD_IN(houses, actions, rewards, (uint32_t *)rewards, is_over));
    REFUSED(MARL_STATUS_INVALID_ARGUMENT, RECORD_IN(houses, actions, rewards, played, (uint8_t *)played));
    REFUSED(MARL_STATUS_INVALID_ARGUMENT, RECORD_IN(houses, actions, (float *)((char *)rewards + 1), played, is_over));
    REFUSED(MARL_STATUS_LENGTH_MISMATCH, RECORD_SIZED(NIGHTS, TOWN - 1, MOVES, PAID));
    REFUSED(MARL_STATUS_LENGTH_MISMATCH, RECORD_SIZED(NIGHTS, TOWN, MOVES + 1, PAID));
    REFUSED(MARL_STATUS_LENGTH_MISMATCH, RECORD_SIZED(NIGHTS, TOWN, MOVES, 0));
    REFUSED(MARL_STATUS_LENGTH_MISMATCH, RECORD_SIZED(NIGHTS + 1, TOWN, MOVES, PAID));
    REFUSED(MARL_STATUS_INVALID_ARGUMENT, RECORD_SIZED(SIZE_MAX, TOWN, MOVES, PAID));
    REFUSED(MARL_STATUS_INVALID_ARGUMENT, RECORD_SIZED(SIZE_MAX / 2, TOWN, MOVES, PAID));
    REFUSED(MARL_STATUS_INVALID_ARGUMENT, RECORD_SIZED(NIGHTS, TOWN, MOVES, SIZE_MAX));
    REFUSED(MARL_STATUS_INVALID_CONFIG, RECORD("{"));
    REFUSED(MARL_STATUS_INVALID_CONFIG, RECORD("{\"policies\": []}"));
    REFUSED(MARL_STATUS_INVALID_CONFIG, RECORD("{\"policies\": [1, 2, 3, 4]}"));
    REFUSED(MARL_STATUS_INVALID_CONFIG, RECORD("{\"decisions\": \"mine\"}"));
    REFUSED(MARL_STATUS_UNKNOWN_ID, RECORD("{\"scenario\": \"harder\"}"));
    REFUSED(MARL_STATUS_UNKNOWN_KEY, RECORD("{\"agents\": [0]}"));
}

int main(void) {
    int k;
    for (k = 0; k < P * S; k++) {
        seeds[k] = (uint64_t)(k % S) * UINT64_C(0x9E3779B97F4A7C15);
    }
    still_works();
    arrays();
    counts();
    numbers();
    configurations();
    still_works();
    records();
    return outcome();
}
