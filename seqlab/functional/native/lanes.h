/* Rows of float64, padded to whole vectors of the machine. */
#ifndef SEQLAB_LANES_H
#define SEQLAB_LANES_H

#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#if defined(__AVX512F__)
enum { LANES = 8 };
#elif defined(__AVX__)
enum { LANES = 4 };
#else
enum { LANES = 2 };
#endif
typedef double lanes __attribute__((vector_size(LANES * sizeof(double)), aligned(8), may_alias));
typedef int64_t choice __attribute__((vector_size(LANES * sizeof(double)), aligned(8), may_alias));

#define EACH(i, n) for (int64_t i = 0; i < (n); i++)
#define RESTRICT __restrict__

/* Length of a row padded to whole vectors. */
static inline int64_t filled(int64_t n) { return (n + LANES - 1) / LANES * LANES; }

static inline double *numbers(int64_t n) { return malloc(n * sizeof(double)); }

static inline void zeros(double *x, int64_t n)
{
    if (x && n > 0)
        memset(x, 0, n * sizeof(double));
}

static inline lanes chosen(choice is_first, lanes x, lanes y) { return (lanes)(((choice)x & is_first) | ((choice)y & ~is_first)); }

static inline lanes larger(lanes x, lanes y) { return chosen(x > y, x, y); }

/* The largest number of a padded row. */
static inline double largest(const double *x, int64_t n)
{
    lanes most = *(const lanes *)x;
    for (int64_t i = LANES; i < n; i += LANES)
        most = larger(*(const lanes *)(x + i), most);
    double found = most[0];
    for (int i = 1; i < LANES; i++)
        found = most[i] > found ? most[i] : found;
    return found;
}

static inline double sum_of(const double *x, int64_t n)
{
    lanes sum = *(const lanes *)x;
    for (int64_t i = LANES; i < n; i += LANES)
        sum += *(const lanes *)(x + i);
    double found = sum[0];
    for (int i = 1; i < LANES; i++)
        found += sum[i];
    return found;
}

/* e^x for -708 <= x <= 0 to an ulp or two: 2^n times the Taylor series of the rest, |rest| <= ln(2) / 2. */
static inline lanes exponential(lanes x)
{
    lanes shifted = x * 1.44269504088896341 + 6755399441055744.0; /* its lowest bits are those of the nearest integer, n */
    lanes n = shifted - 6755399441055744.0;
    /* ln 2 in two parts, the first with few digits, so that n times it is exact. */
    lanes r = x - n * 6.93147180369123816490e-01 - n * 1.90821492927058770002e-10;
    lanes series = r * (1 / 6227020800.0) + 1 / 479001600.0;
    series = series * r + 1 / 39916800.0;
    series = series * r + 1 / 3628800.0;
    series = series * r + 1 / 362880.0;
    series = series * r + 1 / 40320.0;
    series = series * r + 1 / 5040.0;
    series = series * r + 1 / 720.0;
    series = series * r + 1 / 120.0;
    series = series * r + 1 / 24.0;
    series = series * r + 1 / 6.0;
    series = series * r + 1 / 2.0;
    series = series * r + 1;
    series = series * r + 1;
    /* 1023 is the bias of float64's exponent, which begins at bit 52. */
    return series * (lanes)(((choice)shifted << 52) + ((choice){0} + ((int64_t)1023 << 52)));
}

#endif
