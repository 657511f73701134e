/* Products of float32 matrices: the right one is packed once and multiplied by many rows, in whole vectors of the machine. */
#ifndef SEQLAB_PRODUCTS_H
#define SEQLAB_PRODUCTS_H

#include <stdlib.h>

#include "floats.h"

#if defined(__AVX512F__)
enum { LANES = 16, ROWS = 8 };
#elif defined(__AVX__)
enum { LANES = 8, ROWS = 6 };
#else
enum { LANES = 4, ROWS = 8 };
#endif
enum { PANEL = 2 * LANES };
typedef float lanes __attribute__((vector_size(LANES * sizeof(float)), aligned(4), may_alias));

/* A matrix (inner, columns) in panels of PANEL columns, the last one padded with zeros. */
typedef struct {
    float *values;
    int64_t n_inner, n_columns;
} Packed;

static inline int64_t n_panels(int64_t n_columns) { return (n_columns + PANEL - 1) / PANEL; }

/* Pack m (inner, columns), or its transpose where is_transposed: then m is (columns, inner). */
HEADER_FUNCTION int pack(Packed *p, const float *m, int64_t n_inner, int64_t n_columns, int is_transposed)
{
    *p = (Packed){calloc(n_panels(n_columns) * n_inner * PANEL, sizeof(float)), n_inner, n_columns};
    if (!p->values)
        return 0;
    EACH(first, n_panels(n_columns)) {
        float *panel = p->values + first * n_inner * PANEL;
        const float *from = m + first * PANEL * (is_transposed ? n_inner : 1);
        int64_t rest = n_columns - first * PANEL, width = rest < PANEL ? rest : PANEL;
        if (is_transposed)
            EACH(j, width) EACH(k, n_inner) panel[k * PANEL + j] = from[j * n_inner + k];
        else
            EACH(k, n_inner) copy(from + k * n_columns, panel + k * PANEL, width);
    }
    return 1;
}

/* out (n_rows, width) = or += a (n_rows, inner) @ panel. The sums must stay in registers, so their addresses are never
   taken. */
static inline __attribute__((always_inline)) void tile(
    int n_rows, int is_added, const float *a, int64_t a_stride, const float *panel, int64_t n_inner, float *out, int64_t out_stride,
    int64_t width)
{
    lanes sum[ROWS][2];
    for (int r = 0; r < n_rows; r++)
        sum[r][0] = sum[r][1] = (lanes){0};
    for (int64_t k = 0; k < n_inner; k++, panel += PANEL) {
        lanes left = *(const lanes *)panel, right = *(const lanes *)(panel + LANES);
        for (int r = 0; r < n_rows; r++) {
            sum[r][0] += a[r * a_stride + k] * left;
            sum[r][1] += a[r * a_stride + k] * right;
        }
    }
    for (int r = 0; r < n_rows; r++) {
        float *row = out + r * out_stride;
        if (width == PANEL) {
            lanes *left = (lanes *)row, *right = (lanes *)(row + LANES);
            if (is_added) {
                *left += sum[r][0];
                *right += sum[r][1];
            } else {
                *left = sum[r][0];
                *right = sum[r][1];
            }
        } else {
            lanes both[2] = {sum[r][0], sum[r][1]};
            EACH(j, width) row[j] = (is_added ? row[j] : 0) + ((const float *)both)[j];
        }
    }
}

/* out (rows, columns) = or += a (rows, inner) @ p. The order of each sum does not depend on the other rows, so a
   record's numbers do not depend on its batch. */
static inline __attribute__((always_inline)) void tiles(
    int is_added, const float *a, int64_t a_stride, const Packed *p, float *out, int64_t out_stride, int64_t n_rows)
{
    for (int64_t j = 0; j < n_panels(p->n_columns); j++) {
        const float *panel = p->values + j * p->n_inner * PANEL;
        int64_t rest = p->n_columns - j * PANEL, width = rest < PANEL ? rest : PANEL, row = 0;
#define ROWS_AT_ONCE(n)                                                                                                        \
    for (; row + (n) <= n_rows; row += (n))                                                                                    \
    tile(n, is_added, a + row * a_stride, a_stride, panel, p->n_inner, out + row * out_stride + j * PANEL, out_stride, width)
        /* As many rows as registers hold sums for; the smaller tiles take the rest. */
        ROWS_AT_ONCE(ROWS);
        ROWS_AT_ONCE(4);
        ROWS_AT_ONCE(2);
        ROWS_AT_ONCE(1);
#undef ROWS_AT_ONCE
    }
}

HEADER_FUNCTION void add_product(const float *a, int64_t a_stride, const Packed *p, float *out, int64_t out_stride, int64_t n_rows)
{
    tiles(1, a, a_stride, p, out, out_stride, n_rows);
}

HEADER_FUNCTION void write_product(const float *a, int64_t a_stride, const Packed *p, float *out, int64_t out_stride, int64_t n_rows)
{
    tiles(0, a, a_stride, p, out, out_stride, n_rows);
}

#endif
