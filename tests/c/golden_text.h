/* Reads recorded cases from a plain text file: words, numbers in hexadecimal, and whole lines. */
#ifndef GOLDEN_TEXT_H
#define GOLDEN_TEXT_H

#include "check.h"

enum { LONGEST_WORD = 256, LONGEST_LINE = 1 << 16 };

static inline FILE *open_golden(int argc, char **argv) {
    FILE *file = argc > 1 ? fopen(argv[1], "r") : NULL;
    if (file == NULL) {
        printf("usage: %s FILE\n", argv[0]);
        exit(2);
    }
    return file;
}

/* The next word, or 0 at the end of the file. `word` has room for LONGEST_WORD bytes. */
static inline int next_word(FILE *file, char *word) {
    return fscanf(file, "%255s", word) == 1;
}

static inline void expect_word(FILE *file, const char *expected) {
    char word[LONGEST_WORD] = "";
    if (!next_word(file, word) || strcmp(word, expected) != 0) {
        printf("golden file: expected %s, got %s\n", expected, word);
        exit(2);
    }
}

static inline double next_number(FILE *file) {
    char word[LONGEST_WORD] = "", *end = word;
    double x = 0.0;
    if (next_word(file, word)) x = strtod(word, &end);
    if (end == word || *end != '\0') {
        printf("golden file: expected a number, got %s\n", word);
        exit(2);
    }
    return x;
}

static inline size_t next_count(FILE *file) {
    return (size_t)next_number(file);
}

/* A count and as many numbers, to be freed. Never NULL. */
static inline double *next_numbers(FILE *file, size_t *count) {
    double *numbers;
    size_t k;
    *count = next_count(file);
    numbers = malloc((*count + 1) * sizeof *numbers);
    if (numbers == NULL) exit(2);
    for (k = 0; k < *count; k++) numbers[k] = next_number(file);
    return numbers;
}

/* The rest of a line, without the blank before it. `line` has room for LONGEST_LINE bytes. */
static inline void next_line(FILE *file, char *line) {
    if (fgetc(file) != ' ' || fgets(line, LONGEST_LINE, file) == NULL) {
        printf("golden file: expected a line\n");
        exit(2);
    }
    line[strcspn(line, "\n")] = '\0';
}

/* Equal to the last bit: zeros of different sign differ. */
static inline int same_f64(const double *a, const double *b, size_t count) {
    return memcmp(a, b, count * sizeof *a) == 0;
}

static inline int same_f32(const float *a, const double *b, size_t count) {
    size_t k;
    for (k = 0; k < count; k++) {
        float expected = (float)b[k];
        if (memcmp(&a[k], &expected, sizeof expected) != 0) return 0;
    }
    return 1;
}

static inline int close_to(double a, double b, double relative, double absolute) {
    return fabs(a - b) <= absolute + relative * fabs(b);
}

static inline float *narrowed(const double *from, size_t count) {
    float *to = malloc((count + 1) * sizeof *to);
    size_t k;
    if (to == NULL) exit(2);
    for (k = 0; k < count; k++) to[k] = (float)from[k];
    return to;
}

#endif
