/*
 * Forage: two agents on a grid of 8 by 8 look for food. A plug-in for marl_ffi.
 *
 * Each step both agents stay or go one field up, down, left or right. Whoever comes to food eats it and gets a reward
 * of 1; two who come to it together share. Each move costs a little. The episode ends when nothing is left.
 *
 *     cc -std=c99 -O2 -shared -fPIC -ffp-contract=off -I<include> forage.c -o forage.so
 *
 *     >>> import marl_ffi as mf
 *     >>> mf.load_plugin("forage.so")
 *     ['examples.Forage-v0']
 *     >>> env = mf.VecEnv("examples.Forage-v0", 1024)
 */
#include "marl_ffi.h"

#include <stddef.h>
#include <stdio.h>

enum { SIDE = 8, FIELDS = SIDE * SIDE, AGENTS = 2, SEEN = 7 };

/* Places of what the specification lists. */
enum { NUM_FOOD, MOVE_COST };       /* parameters */
enum { POSITION, FOOD };            /* columns */
enum { EATEN };                     /* infos */
enum { STAY, UP, DOWN, LEFT, RIGHT }; /* actions */

static const char SPEC[] =
    "{\"description\": \"Two agents on a grid look for food.\","
    " \"agents\": [\"forager_0\", \"forager_1\"],"
    " \"observation\": {\"type\": \"box\", \"shape\": [7], \"low\": [0, 0, 0, 0, -1, -1, 0], \"high\": 1,"
    "   \"names\": [\"own_x\", \"own_y\", \"other_x\", \"other_y\", \"food_dx\", \"food_dy\", \"food_left\"]},"
    " \"action\": {\"type\": \"discrete\", \"n\": 5},"
    " \"max_episode_steps\": 60,"
    " \"nanoseconds_per_step\": 120,"
    " \"columns\": ["
    "   {\"name\": \"position\", \"dtype\": \"int32\", \"shape\": [2, 2], \"low\": 0, \"high\": 7,"
    "    \"description\": \"Where the agents are: x and y of each.\"},"
    "   {\"name\": \"food\", \"dtype\": \"uint8\", \"shape\": [8, 8], \"low\": 0, \"high\": 1,"
    "    \"description\": \"1 where food lies, by y and x.\"}],"
    " \"infos\": [{\"name\": \"eaten\", \"dtype\": \"int32\", \"description\": \"Food eaten in this step.\"}],"
    " \"parameters\": ["
    "   {\"name\": \"num_food\", \"type\": \"int\", \"default\": 6, \"low\": 1, \"high\": 32,"
    "    \"description\": \"Fields with food at the start.\"},"
    "   {\"name\": \"move_cost\", \"type\": \"float\", \"default\": 0.01, \"low\": 0, \"high\": 1,"
    "    \"description\": \"Reward lost by each move.\"}]}";

/* The state of one environment in its columns. */
typedef struct {
    int32_t (*position)[2]; /* [AGENTS][2] */
    uint8_t *food;          /* [FIELDS] */
} world;

static world world_of(const marl_plugin_rows *rows, size_t row) {
    world w;
    w.position = (int32_t(*)[2])rows->columns[POSITION] + row * AGENTS;
    w.food = (uint8_t *)rows->columns[FOOD] + row * FIELDS;
    return w;
}

static int food_left(const world *w) {
    int field, left = 0;
    for (field = 0; field < FIELDS; field++) left += w->food[field];
    return left;
}

static int32_t reset(const marl_plugin_rows *rows) {
    size_t row;
    for (row = 0; row < rows->count; row++) {
        world w = world_of(rows, row);
        int agent, field, wanted = (int)rows->parameters[NUM_FOOD];
        for (field = 0; field < FIELDS; field++) w.food[field] = 0;
        for (agent = 0; agent < AGENTS; agent++) {
            w.position[agent][0] = (int32_t)rows->draws->below(rows->rng, row, SIDE);
            w.position[agent][1] = (int32_t)rows->draws->below(rows->rng, row, SIDE);
        }
        while (wanted > 0) {
            uint8_t *place = &w.food[rows->draws->below(rows->rng, row, FIELDS)];
            wanted -= !*place;
            *place = 1;
        }
    }
    return 0;
}

static int32_t step(const marl_plugin_rows *rows) {
    const int64_t *actions = rows->actions;
    float *rewards = rows->rewards;
    int32_t *eaten = rows->infos[EATEN];
    size_t row;
    for (row = 0; row < rows->count; row++) {
        world w = world_of(rows, row);
        int agent, visitors;
        eaten[row] = 0;
        for (agent = 0; agent < AGENTS; agent++) {
            int32_t *x = &w.position[agent][0], *y = &w.position[agent][1];
            int64_t action = actions[row * AGENTS + agent];
            rewards[row * AGENTS + agent] = action == STAY ? 0.0f : -(float)rows->parameters[MOVE_COST];
            if (action == UP && *y > 0) --*y;
            if (action == DOWN && *y < SIDE - 1) ++*y;
            if (action == LEFT && *x > 0) --*x;
            if (action == RIGHT && *x < SIDE - 1) ++*x;
        }
        visitors = w.position[0][0] == w.position[1][0] && w.position[0][1] == w.position[1][1] ? 2 : 1;
        for (agent = 0; agent < AGENTS; agent++) {
            uint8_t *place = &w.food[w.position[agent][1] * SIDE + w.position[agent][0]];
            if (!*place) continue;
            rewards[row * AGENTS] += visitors == 2 ? 0.5f : agent == 0 ? 1.0f : 0.0f;
            rewards[row * AGENTS + 1] += visitors == 2 ? 0.5f : agent == 1 ? 1.0f : 0.0f;
            *place = 0;
            ++eaten[row];
        }
        rows->terminations[row] = food_left(&w) == 0;
    }
    return 0;
}

/* What an agent sees: both places, the way to the nearest food, and how much is left, all of them scaled. */
static void look(const world *w, int agent, float *seen, double num_food) {
    const float scale = 1.0f / (SIDE - 1);
    const int32_t *own = w->position[agent], *other = w->position[1 - agent];
    int field, nearest = 4 * SIDE, dx = 0, dy = 0;
    for (field = 0; field < FIELDS; field++) {
        int x = field % SIDE - own[0], y = field / SIDE - own[1];
        int distance = (x < 0 ? -x : x) + (y < 0 ? -y : y);
        if (w->food[field] && distance < nearest) {
            nearest = distance;
            dx = x;
            dy = y;
        }
    }
    seen[0] = (float)own[0] * scale;
    seen[1] = (float)own[1] * scale;
    seen[2] = (float)other[0] * scale;
    seen[3] = (float)other[1] * scale;
    seen[4] = (float)dx * scale;
    seen[5] = (float)dy * scale;
    seen[6] = (float)(food_left(w) < num_food ? food_left(w) / num_food : 1.0);
}

static int32_t observe(const marl_plugin_rows *rows) {
    float *observations = rows->observations;
    size_t row;
    int agent;
    for (row = 0; row < rows->count; row++) {
        world w = world_of(rows, row);
        for (agent = 0; agent < AGENTS; agent++) {
            look(&w, agent, observations + (row * AGENTS + agent) * SEEN, rows->parameters[NUM_FOOD]);
        }
    }
    return 0;
}

MARL_PLUGIN_EXPORT int32_t marl_plugin_init(const marl_plugin_host *host, marl_error *err) {
    marl_plugin_env env = {0};
    if (host->version != MARL_PLUGIN_VERSION) {
        snprintf(err->message, sizeof err->message, "forage needs version %d of the tables", MARL_PLUGIN_VERSION);
        return 1;
    }
    env.size = sizeof env;
    env.version = MARL_PLUGIN_VERSION;
    env.flags = MARL_PLUGIN_THREAD_SAFE;
    env.spec_json = SPEC;
    env.reset = reset;
    env.step = step;
    env.observe = observe;
    return host->env_register(host, "examples.Forage-v0", &env, err);
}
