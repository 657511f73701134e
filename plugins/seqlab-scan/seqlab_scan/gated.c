/* The gated recurrences of form.py over float32 arrays: c_t = k_t c_{t-1} + e_t g_t and h_t = o b(c_t) + (1 - o) s x, where the shares k
   and e are made of gates. One pass forward computes gates, states and outputs, one pass back all gradients. */
#include "layout.h"
#include "shares.h"

enum { FORGET, UPDATE, INPUT, NORMALISED };
enum { STATE, GATED, HIGHWAY };
enum { POSITIVE = IDENTITY + 1 };

typedef struct {
    Size size;
    /* n_columns: of a row of gates, what goes around among them where there is no `skip` */
    int64_t width, n_columns, mix, candidate, output, output_activation;
    double skip_scale;
    float *gates, *states, *hidden;
    const float *bias, *skip, *peepholes;
    Zone zone;
    const float *d_hidden, *d_states;
    float *d_gates, *d_first, *d_skip;
    float *d_bias, *d_peepholes; /* of each record, (direction, batch, n_columns) and (… 2 width) */
} Gated;

LAYOUT(
    Gated, size.n_directions, size.n_steps, size.n_records, size.n_threads, width, n_columns, mix, candidate, output,
    output_activation, skip_scale, gates, states, hidden, bias, skip, peepholes, zone.values, zone.everywhere, d_hidden, d_states,
    d_gates, d_first, d_skip, d_bias, d_peepholes);

static int64_t gates_of(const Gated *p) { return p->mix == INPUT || p->mix == NORMALISED ? 2 : 1; }

static void squash(int function, float *RESTRICT x, int64_t n)
{
    if (function == POSITIVE)
        EACH(i, n) x[i] = x[i] >= 0 ? x[i] + 0.5f : sigmoid(x[i]);
    else
        apply(function, x, n);
}

static void times_squash_slope(int function, const float *RESTRICT y, float *RESTRICT d, int64_t n)
{
    if (function == POSITIVE)
        EACH(i, n) d[i] *= y[i] >= 0.5f ? 1 : y[i] - y[i] * y[i];
    else
        times_slope(function, y, d, n);
}

/* The highway's input in row r of step t. */
static float *skip_row(const Gated *p, const float *apart, float *gates, Share share, int64_t t, int64_t r)
{
    if (apart)
        return rows(apart, &p->size, share, p->size.n_steps, t, p->width) + r * p->width;
    return gates + p->n_columns - p->width;
}

/* ---- forward ---- */

/* Turn the products x into gates and candidate, in place, and compute the new state. Normalised gates are kept as reciprocals,
   1 / f and 1 / i, which give f / (f + i) even where f + i underflows to 0. */
static void open_gates(
    const Gated *p, const float *RESTRICT bias, const float *RESTRICT peepholes, float *RESTRICT x, const float *RESTRICT old,
    float *RESTRICT new)
{
    int64_t n = p->width, n_gates = gates_of(p);
    float *g = x, *f = x + n, *i = x + 2 * n, *o = x + (1 + n_gates) * n; /* of one array: f is also written on into i */
    add(bias, x, p->n_columns);
    if (peepholes)
        EACH(j, n) {
            f[j] += peepholes[j] * old[j];
            o[j] += peepholes[n + j] * old[j];
        }
    squash(p->candidate, g, n);
    if (p->mix == NORMALISED) {
        EACH(j, 2 * n) f[j] = 1 + exponential(-f[j]);
        /* With reciprocals F = 1 / f and I = 1 / i, the kept share f / (f + i) is I / (F + I). */
        EACH(j, n) new[j] = g[j] + i[j] / (f[j] + i[j]) * (old[j] - g[j]);
    } else {
        apply(SIGMOID, f, n_gates * n);
        if (p->mix == FORGET)
            EACH(j, n) new[j] = g[j] + f[j] * (old[j] - g[j]);
        else if (p->mix == UPDATE)
            EACH(j, n) new[j] = old[j] + f[j] * (g[j] - old[j]);
        else
            EACH(j, n) new[j] = f[j] * old[j] + i[j] * g[j];
    }
    if (p->output != STATE)
        apply(SIGMOID, o, n);
}

/* h from c */
static void emit(const Gated *p, const float *RESTRICT o, const float *RESTRICT c, const float *RESTRICT skip, float *RESTRICT h)
{
    int64_t n = p->width;
    float scale = p->skip_scale;
    copy(c, h, n);
    squash(p->output_activation, h, n);
    if (p->output == GATED)
        multiply(o, h, n);
    else
        EACH(j, n) h[j] = o[j] * h[j] + (1 - o[j]) * scale * skip[j];
}

static int forward_share(const void *problem, Share share)
{
    const Gated *p = problem;
    const Size *s = &p->size;
    int64_t n = p->width, C = p->n_columns, T = s->n_steps;
    const float *bias = p->bias + share.direction * C, *peepholes = p->peepholes ? p->peepholes + share.direction * 2 * n : 0;
    EACH(t, T) {
        float *gates = rows(p->gates, s, share, T, t, C);
        float *old = rows(p->states, s, share, T + 1, t, n), *new = rows(p->states, s, share, T + 1, t + 1, n);
        EACH(r, share.n_rows) open_gates(p, bias, peepholes, gates + r * C, old + r * n, new + r * n);
        keep(p->zone, s, share, t, n, old, new);
        /* Here h is c: there is no other output to compute. */
        if (p->output == STATE)
            continue;
        float *hidden = rows(p->hidden, s, share, T, t, n);
        EACH(r, share.n_rows) {
            float *x = gates + r * C;
            emit(p, x + (1 + gates_of(p)) * n, new + r * n, skip_row(p, p->skip, x, share, t, r), hidden + r * n);
        }
    }
    return 1;
}

/* ---- backward ---- */

/* From d_h: those of o's product and of what goes around, and d grows by that of c. `y` is room for b(c). */
static void emit_backward(
    const Gated *p, const float *RESTRICT o, const float *RESTRICT c, const float *RESTRICT skip, const float *RESTRICT d_h,
    float *RESTRICT d_o, float *RESTRICT d_skip, float *RESTRICT d, float *RESTRICT y)
{
    int64_t n = p->width;
    float scale = p->skip_scale, *d_y = y + n;
    copy(c, y, n);
    squash(p->output_activation, y, n);
    EACH(j, n) d_y[j] = d_h[j] * o[j];
    if (p->output == GATED) {
        EACH(j, n) d_o[j] = d_h[j] * y[j] * (o[j] - o[j] * o[j]);
    } else {
        EACH(j, n) d_o[j] = d_h[j] * (y[j] - scale * skip[j]) * (o[j] - o[j] * o[j]);
        EACH(j, n) d_skip[j] = scale * (d_h[j] - d_y[j]);
    }
    times_squash_slope(p->output_activation, y, d_y, n);
    add(d_y, d, n);
}

/* From d, the gradient of c_t, that of each product; d becomes that of c_{t-1}. */
static void close_gates(
    const Gated *p, const float *RESTRICT peepholes, const float *RESTRICT x, const float *RESTRICT old, float *RESTRICT d,
    float *RESTRICT d_x, float *RESTRICT d_peepholes)
{
    int64_t n = p->width;
    const float *RESTRICT g = x, *RESTRICT f = x + n, *RESTRICT i = x + 2 * n;
    float *RESTRICT d_g = d_x, *RESTRICT d_f = d_x + n, *RESTRICT d_i = d_x + 2 * n;
    if (p->mix == FORGET)
        EACH(j, n) {
            float kept = d[j] * f[j];
            d_g[j] = d[j] - kept;
            d_f[j] = (kept - kept * f[j]) * (old[j] - g[j]);
            d[j] = kept;
        }
    else if (p->mix == UPDATE)
        EACH(j, n) {
            float taken = d[j] * f[j];
            d_g[j] = taken;
            d_f[j] = (taken - taken * f[j]) * (g[j] - old[j]);
            d[j] -= taken;
        }
    else if (p->mix == INPUT)
        EACH(j, n) {
            float kept = d[j] * f[j];
            d_g[j] = d[j] * i[j];
            d_i[j] = d[j] * g[j] * (i[j] - i[j] * i[j]);
            d_f[j] = (kept - kept * f[j]) * old[j];
            d[j] = kept;
        }
    else
        EACH(j, n) {
            /* Divided before multiplied: a reciprocal may be huge, and its product with the gradient would overflow. */
            float kept = d[j] * (i[j] / (f[j] + i[j])), taken = d[j] * (f[j] / (f[j] + i[j]));
            float by_ratio = kept * (f[j] / (f[j] + i[j])) * (old[j] - g[j]);
            d_g[j] = taken;
            d_f[j] = by_ratio - by_ratio / f[j];
            d_i[j] = by_ratio / i[j] - by_ratio;
            d[j] = kept;
        }
    times_squash_slope(p->candidate, g, d_g, n);
    if (peepholes) {
        const float *d_o = d_x + 2 * n;
        EACH(j, n) {
            d_peepholes[j] += d_f[j] * old[j];
            d_peepholes[n + j] += d_o[j] * old[j];
            d[j] += d_f[j] * peepholes[j] + d_o[j] * peepholes[n + j];
        }
    }
}

static int backward_share(const void *problem, Share share)
{
    const Gated *p = problem;
    const Size *s = &p->size;
    int64_t n = p->width, C = p->n_columns, T = s->n_steps, n_rows = share.n_rows, at_output = (1 + gates_of(p)) * n;
    const float *peepholes = p->peepholes ? p->peepholes + share.direction * 2 * n : 0;
    float *d_bias = rows_once(p->d_bias, s, share, C), *d_peepholes = rows_once(p->d_peepholes, s, share, 2 * n);
    float *d = rows_once(p->d_first, s, share, n);
    float *kept = scratch(n_rows * n), *room = scratch(2 * n);
    fill_zero(d, n_rows * n);
    fill_zero(d_bias, n_rows * C);
    for (int64_t t = T - 1; t >= 0 && kept && room; t--) {
        float *gates = rows(p->gates, s, share, T, t, C), *d_gates = rows(p->d_gates, s, share, T, t, C);
        float *old = rows(p->states, s, share, T + 1, t, n), *new = rows(p->states, s, share, T + 1, t + 1, n);
        if (p->d_states)
            add(rows(p->d_states, s, share, T, t, n), d, n_rows * n);
        if (p->d_hidden && p->output == STATE)
            add(rows(p->d_hidden, s, share, T, t, n), d, n_rows * n);
        EACH(r, p->output == STATE ? 0 : n_rows) {
            float *x = gates + r * C, *d_x = d_gates + r * C;
            float *skip = skip_row(p, p->skip, x, share, t, r), *d_skip = skip_row(p, p->d_skip, d_x, share, t, r);
            const float *d_h = rows(p->d_hidden, s, share, T, t, n) + r * n;
            emit_backward(p, x + at_output, new + r * n, skip, d_h, d_x + at_output, d_skip, d + r * n, room);
        }
        if (is_zoned(p->zone))
            keep_backward(p->zone, s, share, t, n, d, kept);
        EACH(r, n_rows) {
            float *d_x = d_gates + r * C;
            close_gates(p, peepholes, gates + r * C, old + r * n, d + r * n, d_x, d_peepholes + (peepholes ? r * 2 * n : 0));
            add(d_x, d_bias + r * C, C);
        }
        if (is_zoned(p->zone))
            add(kept, d, n_rows * n);
    }
    int is_done = kept && room;
    free(kept);
    free(room);
    return is_done;
}

int seqlab_gated_forward(const Gated *p) { return run_shares(forward_share, p); }
int seqlab_gated_backward(const Gated *p) { return run_shares(backward_share, p); }
