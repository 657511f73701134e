/* Recurrences over contiguous float32 arrays (direction, time, batch, feature), split among threads. Records are independent: each
   thread runs all steps of its own records and never waits, and a record's numbers do not depend on its batch. */
#ifndef SEQLAB_SHARES_H
#define SEQLAB_SHARES_H

#include <stdlib.h>

#include "floats.h"

typedef struct {
    int64_t n_directions, n_steps, n_records, n_threads;
} Size;

/* Share of the old state that stays (zoneout): one value each, or one number for all. */
typedef struct {
    const float *values;
    double everywhere;
} Zone;

/* The records of one thread: `n_rows` rows of one direction, from `first`. */
typedef struct {
    int64_t direction, first, n_rows;
} Share;

HEADER_FUNCTION int64_t shares_a_direction(const Size *s)
{
    int64_t n = (s->n_threads + s->n_directions - 1) / s->n_directions;
    /* No more shares than records: an empty one would only cost a thread. */
    n = n < s->n_records ? n : s->n_records;
    return n < 1 ? 1 : n;
}

HEADER_FUNCTION Share share_of(const Size *s, int64_t i)
{
    int64_t n = shares_a_direction(s), part = i % n, first = s->n_records * part / n;
    /* Bounds by multiplication, not by a fixed size, so that shares differ by one record at most. */
    return (Share){i / n, first, s->n_records * (part + 1) / n - first};
}

/* Run all shares in parallel; 0 where memory is too small. */
HEADER_FUNCTION int run_shares(int (*run)(const void *, Share), const void *problem)
{
    const Size *s = problem;
    int64_t n = shares_a_direction(s) * s->n_directions;
    int is_done = 1;
#ifdef _OPENMP
#pragma omp parallel for num_threads(s->n_threads) schedule(static, 1) reduction(&& : is_done)
#endif
    for (int64_t i = 0; i < n; i++)
        is_done = run(problem, share_of(s, i)) && is_done;
    return is_done;
}

/* The share's rows of step t, in an array of n_steps steps. */
static inline float *rows(const float *array, const Size *s, Share share, int64_t n_steps, int64_t t, int64_t width)
{
    return (float *)array + ((share.direction * n_steps + t) * s->n_records + share.first) * width;
}

/* The share's rows of an array without time. */
static inline float *rows_once(const float *array, const Size *s, Share share, int64_t width)
{
    return rows(array, s, share, 1, 0, width);
}

HEADER_FUNCTION int is_zoned(Zone zone) { return zone.values || zone.everywhere; }

/* fresh += zone * (old - fresh) */
HEADER_FUNCTION void keep(
    Zone zone, const Size *s, Share share, int64_t t, int64_t width, const float *RESTRICT old, float *RESTRICT fresh)
{
    int64_t n = share.n_rows * width;
    if (zone.values) {
        const float *z = rows(zone.values, s, share, s->n_steps, t, width);
        EACH(i, n) fresh[i] += z[i] * (old[i] - fresh[i]);
    } else if (zone.everywhere) {
        float z = zone.everywhere;
        EACH(i, n) fresh[i] += z * (old[i] - fresh[i]);
    }
}

/* kept = zone * d, d -= kept */
HEADER_FUNCTION void keep_backward(
    Zone zone, const Size *s, Share share, int64_t t, int64_t width, float *RESTRICT d, float *RESTRICT kept)
{
    int64_t n = share.n_rows * width;
    const float *z = zone.values ? rows(zone.values, s, share, s->n_steps, t, width) : 0;
    EACH(i, n) {
        kept[i] = (z ? z[i] : (float)zone.everywhere) * d[i];
        d[i] -= kept[i];
    }
}

/* Scratch space: `n` numbers, zero. */
HEADER_FUNCTION float *scratch(int64_t n) { return calloc(n ? n : 1, sizeof(float)); }

#endif
