/* The recurrence of scalar_memory.py over float32 arrays (head, time, batch, unit). Its heads are the directions of layout and shares:
   each has its own recurrent matrix. */
#include "layout.h"
#include "products.h"
#include "shares.h"

typedef struct {
    Size size;
    int64_t width, is_exponential;
    /* `hidden`, `read`, `cell` and `weight` hold one more step, the initial one, first; `weight` is log n */
    float *gates, *hidden, *read, *cell, *weight;
    const float *recurrent, *mask;
    const float *d_hidden, *d_cell, *d_weight;
    float *d_gates, *d_first, *d_first_cell, *d_first_weight;
} Scalar;

LAYOUT(
    Scalar, size.n_directions, size.n_steps, size.n_records, size.n_threads, width, is_exponential, gates, hidden, read, cell, weight,
    recurrent, mask, d_hidden, d_cell, d_weight, d_gates, d_first, d_first_cell, d_first_weight);

/* log(1 + e^x) to an ulp or two: for e = e^-|x|, log(1 + e) is 2 artanh(y) with y = e / (2 + e) <= 1/3, as its Taylor series. */
static inline float softplus(float x)
{
    float e = exponential(x > 0 ? -x : x), y = e / (2 + e), s = y * y;
    float series = 1 + s * (1 / 3.0f + s * (1 / 5.0f + s * (1 / 7.0f + s * (1 / 9.0f + s * (1 / 11.0f + s * (1 / 13.0f))))));
    return (x > 0 ? x : 0) + 2 * y * series;
}

/* Turn the products of i, f, z and o into the kept share k, the slope of log f, z and o, in place, and compute the new states. */
static void open_gates(
    const Scalar *p, float *RESTRICT x, const float *RESTRICT cell, const float *RESTRICT weight, float *RESTRICT new_cell,
    float *RESTRICT new_weight, float *RESTRICT hidden)
{
    int64_t n = p->width;
    float *i = x, *f = x + n, *z = x + 2 * n, *o = x + 3 * n;
    EACH(j, n) {
        float kept = (p->is_exponential ? f[j] : -softplus(-f[j])) + weight[j] - i[j];
        f[j] = p->is_exponential ? 1 : sigmoid(-f[j]);
        new_weight[j] = i[j] + softplus(kept);
        i[j] = sigmoid(kept);
    }
    apply(TANH, z, n);
    apply(SIGMOID, o, n);
    EACH(j, n) new_cell[j] = z[j] + i[j] * (cell[j] - z[j]);
    EACH(j, n) hidden[j] = o[j] * new_cell[j];
}

static int forward_share(const void *problem, Share share)
{
    const Scalar *p = problem;
    const Size *s = &p->size;
    int64_t n = p->width, T = s->n_steps;
    Packed w;
    if (!pack(&w, p->recurrent + share.direction * 4 * n * n, n, 4 * n, 1))
        return 0;
    EACH(t, T) {
        float *gates = rows(p->gates, s, share, T, t, 4 * n), *hidden = rows(p->hidden, s, share, T + 1, t + 1, n);
        float *cell = rows(p->cell, s, share, T + 1, t, n), *weight = rows(p->weight, s, share, T + 1, t, n);
        float *new_cell = rows(p->cell, s, share, T + 1, t + 1, n), *new_weight = rows(p->weight, s, share, T + 1, t + 1, n);
        add_product(rows(p->read, s, share, T + 1, t, n), n, &w, gates, 4 * n, share.n_rows);
        EACH(r, share.n_rows)
        open_gates(p, gates + r * 4 * n, cell + r * n, weight + r * n, new_cell + r * n, new_weight + r * n, hidden + r * n);
        if (p->mask) {
            float *read = rows(p->read, s, share, T + 1, t + 1, n);
            copy(hidden, read, share.n_rows * n);
            multiply(rows_once(p->mask, s, share, n), read, share.n_rows * n);
        }
    }
    free(w.values);
    return 1;
}

/* From the gradients of h_t, c_t and log n_t, those of the products; the latter two become those of the step before. */
static void close_gates(
    int64_t n, const float *RESTRICT x, const float *RESTRICT old, const float *RESTRICT cell, const float *RESTRICT d_hidden,
    float *RESTRICT d_cell, float *RESTRICT d_weight, float *RESTRICT d_x)
{
    const float *k = x, *slope = x + n, *z = x + 2 * n, *o = x + 3 * n;
    EACH(j, n) {
        float d = d_cell[j] + d_hidden[j] * o[j], kept = d * k[j];
        float d_kept = (kept - kept * k[j]) * (old[j] - z[j]) + d_weight[j] * k[j];
        d_x[j] = d_weight[j] - d_kept;
        d_x[n + j] = d_kept * slope[j];
        d_x[2 * n + j] = (d - kept) * (1 - z[j] * z[j]);
        d_x[3 * n + j] = d_hidden[j] * cell[j] * (o[j] - o[j] * o[j]);
        d_cell[j] = kept;
        d_weight[j] = d_kept;
    }
}

static int backward_share(const void *problem, Share share)
{
    const Scalar *p = problem;
    const Size *s = &p->size;
    int64_t n = p->width, T = s->n_steps, size = share.n_rows * n;
    float *d = rows_once(p->d_first, s, share, n);
    float *d_cell = rows_once(p->d_first_cell, s, share, n), *d_weight = rows_once(p->d_first_weight, s, share, n);
    Packed w;
    if (!pack(&w, p->recurrent + share.direction * 4 * n * n, 4 * n, n, 0))
        return 0;
    fill_zero(d, size);
    fill_zero(d_cell, size);
    fill_zero(d_weight, size);
    for (int64_t t = T - 1; t >= 0; t--) {
        float *gates = rows(p->gates, s, share, T, t, 4 * n), *d_gates = rows(p->d_gates, s, share, T, t, 4 * n);
        float *old = rows(p->cell, s, share, T + 1, t, n), *cell = rows(p->cell, s, share, T + 1, t + 1, n);
        const float *outer[] = {p->d_hidden, p->d_cell, p->d_weight}; /* null where the loss reads no such state */
        float *inner[] = {d, d_cell, d_weight};
        EACH(i, 3) if (outer[i]) add(rows(outer[i], s, share, T, t, n), inner[i], size);
        EACH(r, share.n_rows)
        close_gates(
            n, gates + r * 4 * n, old + r * n, cell + r * n, d + r * n, d_cell + r * n, d_weight + r * n, d_gates + r * 4 * n);
        write_product(d_gates, 4 * n, &w, d, n, share.n_rows);
        if (p->mask)
            multiply(rows_once(p->mask, s, share, n), d, size);
    }
    free(w.values);
    return 1;
}

int seqlab_scalar_forward(const Scalar *p) { return run_shares(forward_share, p); }
int seqlab_scalar_backward(const Scalar *p) { return run_shares(backward_share, p); }
