/* Activations and elementwise operations on rows of float32. */
#ifndef SEQLAB_FLOATS_H
#define SEQLAB_FLOATS_H

#include <stdint.h>
#include <string.h>

#define EACH(i, n) for (int64_t i = 0; i < (n); i++)
#define RESTRICT __restrict__
/* Unused in some sources, hence the attribute; not `inline`, so that the compiler decides for each call. */
#define HEADER_FUNCTION static __attribute__((unused))

enum { TANH, SIGMOID, RELU, IDENTITY };

/* e^x to an ulp or two: 2^n times the Taylor series of the rest, |rest| <= ln(2) / 2. Clamped, so that 2^n stays a normal number;
   NaN passes both comparisons and stays NaN. */
static inline float exponential(float x)
{
    x = x > 88.0f ? 88.0f : x;
    x = x < -87.0f ? -87.0f : x;
    /* Adding 1.5 * 2^23 leaves no room for a fraction, so x / ln 2 is rounded to the nearest integer. */
    float shifted = x * 1.44269504f + 12582912.0f;
    float n = shifted - 12582912.0f;
    /* ln 2 in two parts, the first with few digits, so that n times it is exact. */
    float r = x - n * 0.693359375f + n * 2.12194440e-4f;
    float series = 1 + r * (1 + r * (1 / 2.0f + r * (1 / 6.0f + r * (1 / 24.0f + r * (1 / 120.0f + r * (1 / 720.0f))))));
    /* 127 is the bias of float32's exponent, which begins at bit 23. */
    int32_t bits = ((int32_t)n + 127) << 23;
    float power;
    memcpy(&power, &bits, sizeof power);
    return series * power;
}

static inline float sigmoid(float x) { return 1 / (1 + exponential(-x)); }

static inline float hyperbolic_tangent(float x)
{
    float t = x * x, e = exponential(2 * x);
    float near_zero = x * (1 + t * (-1 / 3.0f + t * (2 / 15.0f + t * (-17 / 315.0f + t * (62 / 2835.0f)))));
    /* Near 0 the difference 1 - 2 / (e + 1) would cancel. */
    return t < 0.0625f ? near_zero : 1 - 2 / (e + 1);
}

HEADER_FUNCTION void apply(int function, float *RESTRICT x, int64_t n)
{
    if (function == TANH)
        EACH(i, n) x[i] = hyperbolic_tangent(x[i]);
    else if (function == SIGMOID)
        EACH(i, n) x[i] = sigmoid(x[i]);
    else if (function == RELU)
        EACH(i, n) x[i] = x[i] < 0 ? 0 : x[i];
}

/* d[i] *= the derivative, as a function of the value y[i] */
HEADER_FUNCTION void times_slope(int function, const float *RESTRICT y, float *RESTRICT d, int64_t n)
{
    if (function == TANH)
        EACH(i, n) d[i] *= 1 - y[i] * y[i];
    else if (function == SIGMOID)
        EACH(i, n) d[i] *= y[i] - y[i] * y[i];
    else if (function == RELU)
        EACH(i, n) d[i] = y[i] > 0 ? d[i] : 0;
}

HEADER_FUNCTION void add(const float *RESTRICT x, float *RESTRICT out, int64_t n) { EACH(i, n) out[i] += x[i]; }
HEADER_FUNCTION void multiply(const float *RESTRICT x, float *RESTRICT out, int64_t n) { EACH(i, n) out[i] *= x[i]; }
HEADER_FUNCTION void fill_zero(float *x, int64_t n) { memset(x, 0, n * sizeof *x); }
HEADER_FUNCTION void copy(const float *x, float *out, int64_t n) { memcpy(out, x, n * sizeof *x); }

#endif
