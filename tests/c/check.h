/* Checks that name themselves when they fail, and outputs that notice when they are written. */
#ifndef CHECK_H
#define CHECK_H

#include "marl_ffi.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int checks_made, checks_failed;

#define CHECK(condition)                                                          \
    do {                                                                          \
        checks_made++;                                                            \
        if (!(condition)) {                                                       \
            checks_failed++;                                                      \
            printf("%s:%d: not so: %s\n", __FILE__, __LINE__, #condition);        \
        }                                                                         \
    } while (0)

/* To be returned from main: prints how many checks were made and fails if one did, or if there was none. */
static inline int outcome(void) {
    printf("%d checks, %d failed\n", checks_made, checks_failed);
    return checks_failed > 0 || checks_made == 0;
}

/* `call` succeeds; in it, `err` is a place for its error. */
#define FINE(call)                                                                              \
    do {                                                                                        \
        marl_error error_, *err = &error_;                                                      \
        marl_status status_ = (call);                                                           \
        checks_made++;                                                                          \
        if (status_ != MARL_STATUS_OK) {                                                        \
            checks_failed++;                                                                    \
            printf("%s:%d: %s: %s: %s\n", __FILE__, __LINE__, #call, marl_status_name(status_), error_.message); \
        }                                                                                       \
    } while (0)

/* Outputs under watch: painted before a call, and found as they were after it. */
enum { MOST_WATCHED = 32, PAINT = 0xA5 };
static struct {
    unsigned char *start;
    size_t size;
} watched[MOST_WATCHED];
static int num_watched;

/* Paints an output and watches it; `watch(NULL, 0)` forgets all. */
static inline void watch(void *start, size_t size) {
    if (start == NULL) {
        num_watched = 0;
        return;
    }
    if (num_watched == MOST_WATCHED) {
        printf("too many outputs under watch\n");
        exit(2);
    }
    memset(start, PAINT, size);
    watched[num_watched].start = (unsigned char *)start;
    watched[num_watched++].size = size;
}

/* Whether no output under watch was written since; paints those again that were. */
static inline int all_untouched(void) {
    int k, untouched = 1;
    size_t byte;
    for (k = 0; k < num_watched; k++) {
        for (byte = 0; byte < watched[k].size; byte++) {
            if (watched[k].start[byte] != PAINT) {
                memset(watched[k].start, PAINT, watched[k].size);
                untouched = 0;
            }
        }
    }
    return untouched;
}

static inline int told(const marl_error *error, marl_status expected) {
    return error->status == expected && error->message[0] != '\0' &&
           memchr(error->message, '\0', sizeof error->message) != NULL;
}

static inline void refused(const char *file, int line, const char *call, marl_status expected, marl_status got,
                           const marl_error *error) {
    checks_made++;
    if (got != expected) {
        checks_failed++;
        printf("%s:%d: expected %s, got %s: %s\n", file, line, marl_status_name(expected), marl_status_name(got), call);
    } else if (error != NULL && !told(error, expected)) {
        checks_failed++;
        printf("%s:%d: no message: %s\n", file, line, call);
    }
    if (!all_untouched()) {
        checks_failed++;
        printf("%s:%d: wrote to an output in spite of an error: %s\n", file, line, call);
    }
}

/* `call` is refused with a status, with and without a place for the error (`err` in it), and writes nothing. */
#define REFUSED(expected, call)                                               \
    do {                                                                      \
        marl_error error_, *err = &error_;                                    \
        memset(&error_, 0, sizeof error_);                                    \
        refused(__FILE__, __LINE__, #call, (expected), (call), &error_);      \
        err = NULL;                                                           \
        refused(__FILE__, __LINE__, #call, (expected), (call), NULL);         \
        (void)err;                                                            \
    } while (0)

/* The same for a call that returns a price: NaN tells of a failure. */
#define NO_PRICE(expected, call)                                              \
    do {                                                                      \
        marl_error error_, *err = &error_;                                    \
        memset(&error_, 0, sizeof error_);                                    \
        CHECK(isnan(call));                                                   \
        refused(__FILE__, __LINE__, #call, (expected), error_.status, &error_); \
        err = NULL;                                                           \
        CHECK(isnan(call));                                                   \
        CHECK(all_untouched());                                               \
        (void)err;                                                            \
    } while (0)

#endif
