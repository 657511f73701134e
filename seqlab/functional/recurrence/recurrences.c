/* The recurrences of seqlab.functional.recurrence over float32 arrays.

   RNN:   h_t = f(x_t + W h_{t-1})
   GRU:   r, z = s(x_t + W h_{t-1}),  n = a(x_t + r (W h_{t-1} + b)) or a(x_t + W (r h_{t-1})),  h_t = (1 - z) n + z h_{t-1}
   LSTM:  i, f, o = s(x_t + W h_{t-1} + p c),  g = a(x_t + W h_{t-1}),  c_t = f c_{t-1} + i g,  h_t = P (o b(c_t))

   Arrays are (direction, time, batch, feature), contiguous; arrays of states hold one more step, the initial one, first. Details and
   names are those of lstm.py, gru.py and rnn.py. */
#include "layout.h"
#include "products.h"
#include "shares.h"

/* ---- normalisation over the features of a record ---- */

static inline lanes at(const float *x) { return *(const lanes *)x; }

/* CHAINS independent sums, so that an addition need not wait for the one before. */
enum { CHAINS = 4, STRIDE = CHAINS * LANES };

static inline float added_up(const lanes *partial)
{
    lanes together = (partial[0] + partial[1]) + (partial[2] + partial[3]);
    float total = 0;
    for (int lane = 0; lane < LANES; lane++)
        total += together[lane];
    return total;
}

static inline float sum(const float *x, int64_t n)
{
    lanes partial[CHAINS] = {{0}};
    int64_t i = 0;
    for (; i + STRIDE <= n; i += STRIDE)
        for (int chain = 0; chain < CHAINS; chain++)
            partial[chain] += at(x + i + chain * LANES);
    for (; i + LANES <= n; i += LANES)
        partial[0] += at(x + i);
    float total = added_up(partial);
    for (; i < n; i++)
        total += x[i];
    return total;
}

/* The sum of (x[i] - mean)^2. */
static inline float squares(const float *x, float mean, int64_t n)
{
    lanes partial[CHAINS] = {{0}};
    int64_t i = 0;
    for (; i + STRIDE <= n; i += STRIDE)
        for (int chain = 0; chain < CHAINS; chain++) {
            lanes rest = at(x + i + chain * LANES) - mean;
            partial[chain] += rest * rest;
        }
    for (; i + LANES <= n; i += LANES)
        partial[0] += (at(x + i) - mean) * (at(x + i) - mean);
    float total = added_up(partial);
    for (; i < n; i++)
        total += (x[i] - mean) * (x[i] - mean);
    return total;
}

/* Write x with mean 0 and deviation 1 to `out` (which may be x); return the factor. */
static float normalise(const float *x, float *out, int64_t n, float epsilon)
{
    float mean = sum(x, n) / n;
    /* The mean is taken off before squaring: E[x^2] - mean^2 would cancel in float32. */
    float scale = 1 / __builtin_sqrtf(squares(x, mean, n) / n + epsilon);
    EACH(i, n) out[i] = (x[i] - mean) * scale;
    return scale;
}

/* From d, the gradient of gain * normal: write that of the normalised row to `out` (which may be d), and add that of the gain to
   d_gain. */
static void scaled_backward(
    const float *normal, float scale, const float *gain, const float *d, float *d_gain, float *out, int64_t n)
{
    lanes sums[CHAINS] = {{0}}, alongs[CHAINS] = {{0}};
    float mean = 0, along = 0;
    int64_t i = 0;
#define LANES_AT(k, chain)                                                                                                     \
    do {                                                                                                                       \
        lanes scaled = at(d + (k)) * at(gain + (k));                                                                           \
        *(lanes *)(d_gain + (k)) += at(d + (k)) * at(normal + (k));                                                            \
        sums[chain] += scaled;                                                                                                 \
        alongs[chain] += scaled * at(normal + (k));                                                                            \
    } while (0)
    for (; i + STRIDE <= n; i += STRIDE)
        for (int chain = 0; chain < CHAINS; chain++)
            LANES_AT(i + chain * LANES, chain);
    for (; i + LANES <= n; i += LANES)
        LANES_AT(i, 0);
#undef LANES_AT
    for (; i < n; i++) {
        float scaled = d[i] * gain[i];
        d_gain[i] += d[i] * normal[i];
        mean += scaled;
        along += scaled * normal[i];
    }
    mean = (mean + added_up(sums)) / n;
    along = (along + added_up(alongs)) / n;
    EACH(k, n) out[k] = scale * (d[k] * gain[k] - mean - normal[k] * along);
}

/* ---- vanilla RNN: h_t = f(x_t + W h_{t-1}) ---- */

typedef struct {
    Size size;
    int64_t width, function;
    float *inputs, *hidden, *read;
    const float *recurrent, *mask;
    Zone hidden_zone;
    const float *d_hidden, *fresh;
    float *d_inputs, *d_first;
} Rnn;

LAYOUT(
    Rnn, size.n_directions, size.n_steps, size.n_records, size.n_threads, width, function, inputs, hidden, read, recurrent, mask,
    hidden_zone.values, hidden_zone.everywhere, d_hidden, fresh, d_inputs, d_first);

static int rnn_forward_share(const void *problem, Share share)
{
    const Rnn *p = problem;
    const Size *s = &p->size;
    int64_t width = p->width, T = s->n_steps, n = share.n_rows * width;
    Packed w;
    if (!pack(&w, p->recurrent + share.direction * width * width, width, width, 1))
        return 0;
    EACH(t, T) {
        float *fresh = rows(p->inputs, s, share, T, t, width), *new = rows(p->hidden, s, share, T + 1, t + 1, width);
        add_product(rows(p->read, s, share, T + 1, t, width), width, &w, fresh, width, share.n_rows);
        apply(p->function, fresh, n);
        /* `fresh` stays as it is before zoneout: the slope is a function of it. */
        copy(fresh, new, n);
        keep(p->hidden_zone, s, share, t, width, rows(p->hidden, s, share, T + 1, t, width), new);
        if (p->mask) {
            float *read = rows(p->read, s, share, T + 1, t + 1, width);
            copy(new, read, n);
            multiply(rows_once(p->mask, s, share, width), read, n);
        }
    }
    free(w.values);
    return 1;
}

static int rnn_backward_share(const void *problem, Share share)
{
    const Rnn *p = problem;
    const Size *s = &p->size;
    int64_t width = p->width, T = s->n_steps, n = share.n_rows * width;
    /* The gradient that flows back is kept in d_first itself: after step 0 it is the result. */
    float *kept = scratch(n), *d = rows_once(p->d_first, s, share, width);
    Packed w;
    if (!kept || !pack(&w, p->recurrent + share.direction * width * width, width, width, 0)) {
        free(kept);
        return 0;
    }
    fill_zero(d, n);
    for (int64_t t = T - 1; t >= 0; t--) {
        float *d_input = rows(p->d_inputs, s, share, T, t, width);
        /* The state of a step is an output and the next step's input, so both gradients add up. */
        add(rows(p->d_hidden, s, share, T, t, width), d, n);
        keep_backward(p->hidden_zone, s, share, t, width, d, kept);
        copy(d, d_input, n);
        times_slope(p->function, rows(p->fresh, s, share, T, t, width), d_input, n);
        write_product(d_input, width, &w, d, width, share.n_rows);
        if (p->mask)
            multiply(rows_once(p->mask, s, share, width), d, n);
        /* After the mask: zoneout keeps the old state as it is, not as W reads it. */
        add(kept, d, n);
    }
    free(kept);
    free(w.values);
    return 1;
}

int seqlab_rnn_forward(const Rnn *p) { return run_shares(rnn_forward_share, p); }
int seqlab_rnn_backward(const Rnn *p) { return run_shares(rnn_backward_share, p); }

/* ---- GRU ---- */

typedef struct {
    Size size;
    int64_t width, resets_after, gate, candidate;
    float *gates, *hidden, *read, *inner;
    const float *recurrent, *bias, *mask;
    Zone hidden_zone;
    const float *d_hidden;
    float *d_all, *d_first;
} Gru;

LAYOUT(
    Gru, size.n_directions, size.n_steps, size.n_records, size.n_threads, width, resets_after, gate, candidate, gates, hidden, read,
    inner, recurrent, bias, mask, hidden_zone.values, hidden_zone.everywhere, d_hidden, d_all, d_first);

/* W in two parts, for r and z and for n; or whole where r multiplies the product. */
typedef struct {
    Packed all, gates, candidate;
} GruPacked;

static int gru_pack(GruPacked *w, const Gru *p, int64_t direction, int is_transposed)
{
    int64_t n = p->width;
    const float *m = p->recurrent + direction * 3 * n * n;
    *w = (GruPacked){{0}, {0}, {0}};
    if (p->resets_after)
        return is_transposed ? pack(&w->all, m, n, 3 * n, 1) : pack(&w->all, m, 3 * n, n, 0);
    if (is_transposed)
        return pack(&w->gates, m, n, 2 * n, 1) && pack(&w->candidate, m + 2 * n * n, n, n, 1);
    return pack(&w->gates, m, 2 * n, n, 0) && pack(&w->candidate, m + 2 * n * n, n, n, 0);
}

static void gru_free(GruPacked *w)
{
    free(w->all.values);
    free(w->gates.values);
    free(w->candidate.values);
}

static int gru_forward_share(const void *problem, Share share)
{
    const Gru *p = problem;
    const Size *s = &p->size;
    int64_t n = p->width, T = s->n_steps, n_rows = share.n_rows;
    float *products = scratch(n_rows * 3 * n);
    const float *bias = p->bias ? p->bias + share.direction * n : 0;
    GruPacked w;
    int is_packed = gru_pack(&w, p, share.direction, 1);
    for (int64_t t = 0; t < T && products && is_packed; t++) {
        float *gates = rows(p->gates, s, share, T, t, 3 * n), *inner = rows(p->inner, s, share, T, t, n);
        float *old = rows(p->hidden, s, share, T + 1, t, n), *new = rows(p->hidden, s, share, T + 1, t + 1, n);
        float *read = rows(p->read, s, share, T + 1, t, n);
        if (p->resets_after) {
            write_product(read, n, &w.all, products, 3 * n, n_rows);
        } else {
            add_product(read, n, &w.gates, gates, 3 * n, n_rows);
        }
        EACH(r, n_rows) {
            float *a = gates + r * 3 * n, *product = products + r * 3 * n, *held = inner + r * n;
            if (p->resets_after)
                add(product, a, 2 * n);
            apply(p->gate, a, 2 * n);
            if (!p->resets_after)
                EACH(i, n) held[i] = a[i] * read[r * n + i];
            else
                EACH(i, n) {
                    held[i] = product[2 * n + i] + (bias ? bias[i] : 0);
                    a[2 * n + i] += a[i] * held[i];
                }
        }
        if (!p->resets_after)
            add_product(inner, n, &w.candidate, gates + 2 * n, 3 * n, n_rows);
        EACH(r, n_rows) {
            float *a = gates + r * 3 * n;
            apply(p->candidate, a + 2 * n, n);
            /* (1 - z) n + z h as a step from n to h, with one product. */
            EACH(i, n) new[r * n + i] = a[2 * n + i] + a[n + i] * (old[r * n + i] - a[2 * n + i]);
        }
        keep(p->hidden_zone, s, share, t, n, old, new);
        if (p->mask) {
            float *next = rows(p->read, s, share, T + 1, t + 1, n);
            copy(new, next, n_rows * n);
            multiply(rows_once(p->mask, s, share, n), next, n_rows * n);
        }
    }
    int is_done = products && is_packed;
    gru_free(&w);
    free(products);
    return is_done;
}

/* d_all holds, for each unit, the gradients of r, z, the candidate's product and its input; before the product, those of r, z and
   the candidate's input. */
static int gru_backward_share(const void *problem, Share share)
{
    const Gru *p = problem;
    const Size *s = &p->size;
    int64_t n = p->width, T = s->n_steps, n_rows = share.n_rows, d_width = (p->resets_after ? 4 : 3) * n;
    float *kept = scratch(n_rows * n), *by_update = scratch(n_rows * n), *d_inner = scratch(n_rows * n);
    float *d = rows_once(p->d_first, s, share, n);
    GruPacked w;
    int is_ready = gru_pack(&w, p, share.direction, 0) && kept && by_update && d_inner;
    fill_zero(d, n_rows * n);
    for (int64_t t = T - 1; t >= 0 && is_ready; t--) {
        float *gates = rows(p->gates, s, share, T, t, 3 * n), *inner = rows(p->inner, s, share, T, t, n);
        float *old = rows(p->hidden, s, share, T + 1, t, n), *read = rows(p->read, s, share, T + 1, t, n);
        float *d_gates = rows(p->d_all, s, share, T, t, d_width);
        add(rows(p->d_hidden, s, share, T, t, n), d, n_rows * n);
        keep_backward(p->hidden_zone, s, share, t, n, d, kept);
        EACH(r, n_rows) {
            const float *a = gates + r * 3 * n;
            float *g = d_gates + r * d_width, *d_row = d + r * n, *d_candidate = g + d_width - n;
            EACH(i, n) {
                by_update[r * n + i] = d_row[i] * a[n + i];
                g[n + i] = d_row[i] * (old[r * n + i] - a[2 * n + i]);
                d_candidate[i] = d_row[i] * (1 - a[n + i]);
            }
            times_slope(p->candidate, a + 2 * n, d_candidate, n);
            if (p->resets_after) {
                EACH(i, n) {
                    g[2 * n + i] = d_candidate[i] * a[i];
                    g[i] = d_candidate[i] * inner[r * n + i];
                }
                times_slope(p->gate, a, g, 2 * n);
            }
        }
        if (p->resets_after) {
            write_product(d_gates, d_width, &w.all, d, n, n_rows);
        } else {
            write_product(d_gates + 2 * n, d_width, &w.candidate, d_inner, n, n_rows);
            EACH(r, n_rows) {
                const float *a = gates + r * 3 * n;
                float *g = d_gates + r * d_width;
                EACH(i, n) {
                    g[i] = d_inner[r * n + i] * read[r * n + i];
                    d[r * n + i] = d_inner[r * n + i] * a[i];
                }
                times_slope(p->gate, a, g, 2 * n);
            }
            add_product(d_gates, d_width, &w.gates, d, n, n_rows);
        }
        if (p->mask)
            multiply(rows_once(p->mask, s, share, n), d, n_rows * n);
        add(kept, d, n_rows * n);
        add(by_update, d, n_rows * n);
    }
    gru_free(&w);
    free(kept);
    free(by_update);
    free(d_inner);
    return is_ready;
}

int seqlab_gru_forward(const Gru *p) { return run_shares(gru_forward_share, p); }
int seqlab_gru_backward(const Gru *p) { return run_shares(gru_backward_share, p); }

/* ---- LSTM ---- */

typedef struct {
    Size size;
    int64_t n_blocks, cells_per_block, hidden_width, n_input_gates, has_forget_gate, is_coupled, gate, candidate, output;
    double epsilon;
    float *gates, *hidden, *read, *cell, *fresh, *squashed, *normal, *scale, *normal_input, *input_scale, *normal_cell, *cell_scale;
    const float *recurrent, *peepholes, *projection, *gain, *input_gain, *bias, *cell_gain, *cell_bias, *mask;
    Zone hidden_zone, cell_zone;
    const float *d_hidden, *d_cell;
    float *d_gates, *d_products, *d_inputs, *d_emitted, *d_first, *d_first_cell;
    /* of each record, (direction, batch, feature) */
    float *d_gain, *d_input_gain, *d_bias, *d_cell_gain, *d_cell_bias;
} Lstm;

LAYOUT(
    Lstm, size.n_directions, size.n_steps, size.n_records, size.n_threads, n_blocks, cells_per_block, hidden_width, n_input_gates,
    has_forget_gate, is_coupled, gate, candidate, output, epsilon, gates, hidden, read, cell, fresh, squashed, normal, scale,
    normal_input, input_scale, normal_cell, cell_scale, recurrent, peepholes, projection, gain, input_gain, bias, cell_gain, cell_bias,
    mask, hidden_zone.values, hidden_zone.everywhere, cell_zone.values, cell_zone.everywhere, d_hidden, d_cell, d_gates, d_products,
    d_inputs, d_emitted, d_first, d_first_cell, d_gain, d_input_gain, d_bias, d_cell_gain, d_cell_bias);

static int64_t cells_of(const Lstm *p) { return p->n_blocks * p->cells_per_block; }
static int64_t gates_of(const Lstm *p) { return (p->n_input_gates + 1) * p->n_blocks + cells_of(p); }

/* c_t before zoneout, which without zoneout is c_t itself */
static float *fresh_rows(const Lstm *p, Share share, int64_t t)
{
    const Size *s = &p->size;
    return p->fresh ? rows(p->fresh, s, share, s->n_steps, t, cells_of(p))
                    : rows(p->cell, s, share, s->n_steps + 1, t + 1, cells_of(p));
}

/* A gate by cell: itself, or repeated into `room` where cells share it. */
static const float *by_cell(const float *gate, float *room, int64_t n_blocks, int64_t size)
{
    if (size == 1)
        return gate;
    EACH(k, n_blocks) EACH(j, size) room[k * size + j] = gate[k];
    return room;
}

/* gate[k] += sum of weight * cell over the cells of block k */
static void look(float *RESTRICT gate, const float *RESTRICT weight, const float *RESTRICT cell, int64_t n_blocks, int64_t size)
{
    if (size == 1)
        EACH(k, n_blocks) gate[k] += weight[k] * cell[k];
    else
        EACH(k, n_blocks) EACH(j, size) gate[k] += weight[k * size + j] * cell[k * size + j];
}

static void lstm_step(
    const Lstm *p, const float *peepholes, int64_t direction, float *a, const float *old, float *new, float *y, float *normal,
    float *scale, float *room)
{
    int64_t K = p->n_blocks, S = p->cells_per_block, H = K * S, n_in = p->n_input_gates * K;
    float *g = a + n_in, *o = g + H;
    if (peepholes)
        EACH(gate, p->n_input_gates) look(a + gate * K, peepholes + gate * H, old, K, S);
    apply(p->gate, a, n_in);
    apply(p->candidate, g, H);
    const float *i = by_cell(a, room, K, S);
    if (p->is_coupled) {
        EACH(h, H) new[h] = old[h] + i[h] * (g[h] - old[h]);
    } else if (p->has_forget_gate) {
        /* The second half of `room`: the first one still holds i. */
        const float *f = by_cell(a + K, room + H, K, S);
        EACH(h, H) new[h] = f[h] * old[h] + i[h] * g[h];
    } else {
        EACH(h, H) new[h] = old[h] + i[h] * g[h];
    }
    if (peepholes)
        look(o, peepholes + p->n_input_gates * H, new, K, S);
    apply(p->gate, o, K);
    if (p->cell_gain) {
        const float *gain = p->cell_gain + direction * H, *bias = p->cell_bias + direction * H;
        *scale = normalise(new, normal, H, p->epsilon);
        EACH(h, H) y[h] = bias[h] + normal[h] * gain[h];
    } else {
        copy(new, y, H);
    }
    apply(p->output, y, H);
}

static int lstm_forward_share(const void *problem, Share share)
{
    const Lstm *p = problem;
    const Size *s = &p->size;
    int64_t K = p->n_blocks, S = p->cells_per_block, H = K * S, R = p->hidden_width, G = gates_of(p), T = s->n_steps, d = share.direction;
    int64_t n_rows = share.n_rows;
    float *room = scratch(2 * H), *emitted = scratch(n_rows * H);
    const float *peepholes = p->peepholes ? p->peepholes + d * (p->n_input_gates + 1) * H : 0;
    Packed w = {0}, projection = {0};
    int is_ready = room && emitted && pack(&w, p->recurrent + d * G * R, R, G, 1) &&
                   (!p->projection || pack(&projection, p->projection + d * R * H, H, R, 1));
    for (int64_t t = 0; t < T && is_ready; t++) {
        float *gates = rows(p->gates, s, share, T, t, G), *read = rows(p->read, s, share, T + 1, t, R);
        float *old = rows(p->cell, s, share, T + 1, t, H), *fresh = fresh_rows(p, share, t);
        float *squashed = rows(p->squashed, s, share, T, t, H), *new = rows(p->hidden, s, share, T + 1, t + 1, R);
        if (p->gain) {
            float *products = rows(p->normal, s, share, T, t, G);
            write_product(read, R, &w, products, G, n_rows);
            float *inputs = rows(p->normal_input, s, share, T, t, G);
            const float *gain = p->gain + d * G, *input_gain = p->input_gain + d * G, *bias = p->bias + d * G;
            EACH(r, n_rows) {
                float *RESTRICT a = gates + r * G, *RESTRICT product = products + r * G, *RESTRICT input = inputs + r * G;
                rows(p->input_scale, s, share, T, t, 1)[r] = normalise(a, input, G, p->epsilon);
                rows(p->scale, s, share, T, t, 1)[r] = normalise(product, product, G, p->epsilon);
                EACH(j, G) a[j] = input[j] * input_gain[j] + bias[j] + product[j] * gain[j];
            }
        } else {
            add_product(read, R, &w, gates, G, n_rows);
        }
        float *out = p->projection ? emitted : new;
        EACH(r, n_rows) {
            float *a = gates + r * G, *y = squashed + r * H;
            float *normal = p->cell_gain ? rows(p->normal_cell, s, share, T, t, H) + r * H : 0;
            float *scale = p->cell_gain ? rows(p->cell_scale, s, share, T, t, 1) + r : 0;
            lstm_step(p, peepholes, d, a, old + r * H, fresh + r * H, y, normal, scale, room);
            const float *o = by_cell(a + G - K, room, K, S);
            EACH(h, H) out[r * H + h] = o[h] * y[h];
        }
        if (p->projection) {
            write_product(emitted, H, &projection, new, R, n_rows);
        }
        keep(p->hidden_zone, s, share, t, R, rows(p->hidden, s, share, T + 1, t, R), new);
        if (p->fresh) {
            float *cell = rows(p->cell, s, share, T + 1, t + 1, H);
            copy(fresh, cell, n_rows * H);
            keep(p->cell_zone, s, share, t, H, old, cell);
        }
        if (p->mask) {
            float *next = rows(p->read, s, share, T + 1, t + 1, R);
            copy(new, next, n_rows * R);
            multiply(rows_once(p->mask, s, share, R), next, n_rows * R);
        }
    }
    free(room);
    free(emitted);
    free(w.values);
    free(projection.values);
    return is_ready;
}

/* From d_m, the gradient of o b(c), and d_c: the gates' gradients into d_a, and d_c becomes that of c_{t-1}. `u` is d b(c). */
static void lstm_step_backward(
    const Lstm *p, const float *peepholes, int64_t direction, const float *a, const float *old, const float *normal, float scale, const float *y,
    const float *RESTRICT d_m, float *RESTRICT d_c, float *RESTRICT d_a, float *RESTRICT u, float *d_cell_gain, float *d_cell_bias,
    float *room)
{
    int64_t K = p->n_blocks, S = p->cells_per_block, H = K * S, n_in = p->n_input_gates * K;
    const float *g = a + n_in, *o = g + H;
    float *d_g = d_a + n_in, *d_o = d_g + H;
    /* `room` holds one gate at a time; `each` is used up before the next call fills it again. */
    const float *each = by_cell(o, room, K, S);
    /* Gates may be shared by the cells of a block, so their gradients are sums. */
    fill_zero(d_o, K);
    if (S == 1)
        EACH(h, H) d_o[h] = d_m[h] * y[h];
    else
        EACH(k, K) EACH(j, S) d_o[k] += d_m[k * S + j] * y[k * S + j];
    times_slope(p->gate, o, d_o, K);
    EACH(h, H) u[h] = d_m[h] * each[h];
    times_slope(p->output, y, u, H);
    if (p->cell_gain) {
        add(u, d_cell_bias, H);
        scaled_backward(normal, scale, p->cell_gain + direction * H, u, d_cell_gain, u, H);
    }
    add(u, d_c, H);
    if (peepholes) {
        const float *weight = peepholes + p->n_input_gates * H;
        each = by_cell(d_o, room, K, S);
        EACH(h, H) d_c[h] += each[h] * weight[h];
    }
    each = by_cell(a, room, K, S);
    EACH(h, H) d_g[h] = d_c[h] * each[h];
    times_slope(p->candidate, g, d_g, H);
    fill_zero(d_a, n_in);
    if (S == 1) {
        EACH(h, H) d_a[h] = d_c[h] * (p->is_coupled ? g[h] - old[h] : g[h]);
        if (p->n_input_gates == 2)
            EACH(h, H) d_a[K + h] = d_c[h] * old[h];
    } else {
        EACH(k, K) EACH(j, S) {
            int64_t h = k * S + j;
            d_a[k] += d_c[h] * (p->is_coupled ? g[h] - old[h] : g[h]);
            if (p->n_input_gates == 2)
                d_a[K + k] += d_c[h] * old[h];
        }
    }
    times_slope(p->gate, a, d_a, n_in);
    if (p->is_coupled) {
        EACH(h, H) d_c[h] -= d_c[h] * each[h];
    } else if (p->has_forget_gate) {
        each = by_cell(a + K, room, K, S);
        multiply(each, d_c, H);
    }
    if (peepholes)
        EACH(gate, p->n_input_gates) {
            const float *weight = peepholes + gate * H;
            each = by_cell(d_a + gate * K, room, K, S);
            EACH(h, H) d_c[h] += each[h] * weight[h];
        }
}

static int lstm_backward_share(const void *problem, Share share)
{
    const Lstm *p = problem;
    const Size *s = &p->size;
    int64_t H = cells_of(p), R = p->hidden_width, G = gates_of(p), T = s->n_steps, d = share.direction, n_rows = share.n_rows;
    float *room = scratch(H), *u = scratch(H), *d_m = scratch(n_rows * H), *kept = scratch(n_rows * R), *kept_cell = scratch(n_rows * H);
    float *d_h = rows_once(p->d_first, s, share, R), *d_c = rows_once(p->d_first_cell, s, share, H);
    const float *peepholes = p->peepholes ? p->peepholes + d * (p->n_input_gates + 1) * H : 0;
    Packed w = {0}, projection = {0};
    int is_ready = room && u && d_m && kept && kept_cell && pack(&w, p->recurrent + d * G * R, G, R, 0) &&
                   (!p->projection || pack(&projection, p->projection + d * R * H, R, H, 0));
    fill_zero(d_h, n_rows * R);
    fill_zero(d_c, n_rows * H);
    for (int64_t t = T - 1; t >= 0 && is_ready; t--) {
        float *gates = rows(p->gates, s, share, T, t, G), *d_gates = rows(p->d_gates, s, share, T, t, G), *d_products = d_gates;
        float *old = rows(p->cell, s, share, T + 1, t, H), *squashed = rows(p->squashed, s, share, T, t, H);
        float *d_emitted = d_h;
        if (p->d_hidden)
            add(rows(p->d_hidden, s, share, T, t, R), d_h, n_rows * R);
        if (p->d_cell)
            add(rows(p->d_cell, s, share, T, t, H), d_c, n_rows * H);
        if (is_zoned(p->hidden_zone))
            keep_backward(p->hidden_zone, s, share, t, R, d_h, kept);
        if (is_zoned(p->cell_zone))
            keep_backward(p->cell_zone, s, share, t, H, d_c, kept_cell);
        if (p->projection) {
            copy(d_h, rows(p->d_emitted, s, share, T, t, R), n_rows * R);
            write_product(d_h, R, &projection, d_m, H, n_rows);
            d_emitted = d_m;
        }
        EACH(r, n_rows) {
            const float *normal = p->cell_gain ? rows(p->normal_cell, s, share, T, t, H) + r * H : 0;
            float scale = p->cell_gain ? rows(p->cell_scale, s, share, T, t, 1)[r] : 1;
            lstm_step_backward(
                p, peepholes, d, gates + r * G, old + r * H, normal, scale, squashed + r * H, d_emitted + r * H, d_c + r * H,
                d_gates + r * G, u, p->cell_gain ? rows_once(p->d_cell_gain, s, share, H) + r * H : 0,
                p->cell_gain ? rows_once(p->d_cell_bias, s, share, H) + r * H : 0, room);
        }
        if (p->gain) {
            d_products = rows(p->d_products, s, share, T, t, G);
            float *normal = rows(p->normal, s, share, T, t, G), *scale = rows(p->scale, s, share, T, t, 1);
            float *input = rows(p->normal_input, s, share, T, t, G), *input_scale = rows(p->input_scale, s, share, T, t, 1);
            float *d_inputs = rows(p->d_inputs, s, share, T, t, G), *d_gain = rows_once(p->d_gain, s, share, G);
            float *d_input_gain = rows_once(p->d_input_gain, s, share, G), *d_bias = rows_once(p->d_bias, s, share, G);
            EACH(r, n_rows) {
                int64_t at = r * G;
                const float *d_a = d_gates + at;
                add(d_a, d_bias + at, G);
                scaled_backward(normal + at, scale[r], p->gain + d * G, d_a, d_gain + at, d_products + at, G);
                scaled_backward(input + at, input_scale[r], p->input_gain + d * G, d_a, d_input_gain + at, d_inputs + at, G);
            }
        }
        write_product(d_products, G, &w, d_h, R, n_rows);
        if (p->mask)
            multiply(rows_once(p->mask, s, share, R), d_h, n_rows * R);
        if (is_zoned(p->hidden_zone))
            add(kept, d_h, n_rows * R);
        if (is_zoned(p->cell_zone))
            add(kept_cell, d_c, n_rows * H);
    }
    free(room);
    free(u);
    free(d_m);
    free(kept);
    free(kept_cell);
    free(w.values);
    free(projection.values);
    return is_ready;
}

int seqlab_lstm_forward(const Lstm *p) { return run_shares(lstm_forward_share, p); }
int seqlab_lstm_backward(const Lstm *p) { return run_shares(lstm_backward_share, p); }
