/* Threads and processes: one handle refuses a second call, handles do not know of each other, a fork lives on. */
#define _POSIX_C_SOURCE 200809L
#include "batch.h"

#include <pthread.h>
#include <sys/wait.h>
#include <unistd.h>

enum { MANY = 4096, STEPS = 30, TRIES = 200 };

typedef struct {
    batch *b;
    int done, busy, other;
    marl_status status;
} rival;

/* Rolls, as soon as nobody else is inside. */
static void *roll(void *argument) {
    rival *r = argument;
    do {
        r->status = marl_vec_env_rollout(r->b->env, r->b->steps, &r->b->io, NULL);
    } while (r->status == MARL_STATUS_BUSY);
    __atomic_store_n(&r->done, 1, __ATOMIC_RELEASE);
    return NULL;
}

/* Enters the handle again and again while another thread may be inside. */
static void *knock(void *argument) {
    rival *r = argument;
    uint64_t *seeds = room_for(r->b->envs, sizeof *seeds);
    while (!__atomic_load_n(&r->done, __ATOMIC_ACQUIRE)) {
        marl_status status = marl_vec_env_seeds(r->b->env, seeds, r->b->envs, NULL);
        if (status == MARL_STATUS_BUSY) {
            r->busy = 1;
        } else if (status != MARL_STATUS_OK) {
            r->other = 1;
        }
    }
    free(seeds);
    return NULL;
}

static void one_handle(void) {
    batch b = new_batch(MANY, STEPS, 2, MARL_AUTORESET_SAME_STEP);
    int tries = 0, busy = 0;
    b.io.actions = NULL;
    seed_batch(&b, 1);
    while (!busy && tries++ < TRIES) {
        pthread_t first, second;
        rival r;
        memset(&r, 0, sizeof r);
        r.b = &b;
        if (pthread_create(&second, NULL, knock, &r) != 0 || pthread_create(&first, NULL, roll, &r) != 0) exit(2);
        pthread_join(first, NULL);
        pthread_join(second, NULL);
        CHECK(r.other == 0 && r.status == MARL_STATUS_OK);
        busy = r.busy;
    }
    CHECK(busy);
    FINE(marl_vec_env_rollout(b.env, STEPS, &b.io, err));
    free_batch(&b);
}

static int same_outputs(const batch *a, const batch *b) {
    return memcmp(a->observations, b->observations, a->io.observations_bytes) == 0 &&
           memcmp(a->rewards, b->rewards, a->io.rewards_bytes) == 0 &&
           memcmp(a->terminations, b->terminations, a->io.terminations_len) == 0;
}

static void two_handles(void) {
    batch alone = new_batch(MANY, STEPS, 1, MARL_AUTORESET_SAME_STEP);
    batch left = new_batch(MANY, STEPS, 2, MARL_AUTORESET_SAME_STEP);
    batch right = new_batch(MANY, STEPS, 7, MARL_AUTORESET_SAME_STEP);
    pthread_t first, second;
    rival a, b;
    memset(&a, 0, sizeof a);
    memset(&b, 0, sizeof b);
    a.b = &left;
    b.b = &right;
    alone.io.actions = left.io.actions = right.io.actions = NULL;
    seed_batch(&alone, 7);
    seed_batch(&left, 7);
    seed_batch(&right, 7);
    FINE(marl_vec_env_rollout(alone.env, STEPS, &alone.io, err));
    if (pthread_create(&first, NULL, roll, &a) != 0 || pthread_create(&second, NULL, roll, &b) != 0) exit(2);
    pthread_join(first, NULL);
    pthread_join(second, NULL);
    CHECK(a.status == MARL_STATUS_OK && b.status == MARL_STATUS_OK);
    CHECK(same_outputs(&alone, &left) && same_outputs(&alone, &right));
    free_batch(&alone);
    free_batch(&left);
    free_batch(&right);
}

/* The pool is alive when the process forks: parent and child go on from there, to the same end. */
static void forked(void) {
    batch b = new_batch(MANY, STEPS, 2, MARL_AUTORESET_SAME_STEP);
    int pipe_ends[2], status = -1;
    float *from_child = room_for(b.io.rewards_bytes, 1);
    size_t got = 0;
    pid_t child;
    b.io.actions = NULL;
    seed_batch(&b, 9);
    FINE(marl_vec_env_rollout(b.env, STEPS, &b.io, err));
    if (pipe(pipe_ends) != 0) exit(2);
    fflush(stdout);
    child = fork();
    if (child == 0) {
        size_t sent = 0;
        alarm(60); /* a child that waits for threads it does not have would wait forever */
        close(pipe_ends[0]);
        if (marl_vec_env_rollout(b.env, STEPS, &b.io, NULL) != MARL_STATUS_OK) _exit(3);
        while (sent < b.io.rewards_bytes) {
            ssize_t count = write(pipe_ends[1], (char *)b.rewards + sent, b.io.rewards_bytes - sent);
            if (count <= 0) _exit(4);
            sent += (size_t)count;
        }
        _exit(0);
    }
    CHECK(child > 0);
    close(pipe_ends[1]);
    while (got < b.io.rewards_bytes) {
        ssize_t count = read(pipe_ends[0], (char *)from_child + got, b.io.rewards_bytes - got);
        if (count <= 0) break;
        got += (size_t)count;
    }
    close(pipe_ends[0]);
    CHECK(waitpid(child, &status, 0) == child && WIFEXITED(status) && WEXITSTATUS(status) == 0);
    FINE(marl_vec_env_rollout(b.env, STEPS, &b.io, err));
    CHECK(got == b.io.rewards_bytes && memcmp(from_child, b.rewards, got) == 0);
    free(from_child);
    free_batch(&b);
}

int main(void) {
    one_handle();
    two_handles();
    forked();
    return outcome();
}
