/* Tree-LSTMs over whole forests: gates, states and all gradients except those of weights.

   i, o = sigmoid(.), u = tanh(.), f_l = sigmoid(.), c = i*u + sum over children l of f_l*c_l, h = o*tanh(c); see lstm.py. */
#include "forest.h"

typedef struct {
    Forest forest;
    /* n_places: 0 for child-sum, where i, o and u see the sum of the children and each f its own child */
    int64_t width, n_places;
    float *leaves;          /* (leaf, 3 width): products, then gates */
    float *states;          /* (row, 2 width): h, c */
    float *squashed;        /* (row, width): tanh c */
    float *seen, *gates;    /* by node: what the gates see, and i, o, u and of places f */
    float *reads, *forget;  /* child-sum, by edge: h of the child, and f */
    const float *joint, *joint_bias, *own, *own_bias;
    const float *mask;      /* (row, width): what candidates are multiplied with, or null */
    float *d_states;        /* (row, 2 width): of what is given out; those of inner rows grow by what is above them */
    float *d_leaves, *d_gates, *d_forget;
} Lstm;

LAYOUT(
    Lstm, forest.n_rows, forest.n_leaves, forest.n_levels, forest.n_edges, forest.n_records, forest.n_shares, forest.level_ends,
    forest.children, forest.parents, forest.owners, width, n_places, leaves, states, squashed, seen, gates, reads, forget, joint,
    joint_bias, own, own_bias, mask, d_states, d_leaves, d_gates, d_forget);

static int64_t seen_width(const Lstm *p) { return (p->n_places ? p->n_places : 1) * p->width; }
static int64_t n_gates(const Lstm *p) { return (3 + p->n_places) * p->width; }

static void squash(float *RESTRICT gates, const float *RESTRICT bias, int64_t n, int64_t n_forget)
{
    if (bias)
        add(bias, gates, (3 + n_forget) * n);
    EACH(j, 2 * n) gates[j] = sigmoid(gates[j]);
    EACH(j, n) gates[2 * n + j] = hyperbolic_tangent(gates[2 * n + j]);
    EACH(j, n_forget * n) gates[3 * n + j] = sigmoid(gates[3 * n + j]);
}

/* c += i*u, h = o*tanh(c) */
static void emit(
    int64_t n, const float *RESTRICT gates, const float *RESTRICT mask, float *RESTRICT h, float *RESTRICT c, float *RESTRICT squashed)
{
    const float *i = gates, *o = gates + n, *u = gates + 2 * n;
    if (mask)
        EACH(j, n) c[j] += i[j] * (u[j] * mask[j]);
    else
        EACH(j, n) c[j] += i[j] * u[j];
    EACH(j, n) squashed[j] = hyperbolic_tangent(c[j]);
    EACH(j, n) h[j] = o[j] * squashed[j];
}

static void emit_row(const Lstm *p, int64_t row, const float *gates)
{
    int64_t n = p->width;
    float *h = p->states + row * 2 * n;
    emit(n, gates, p->mask ? p->mask + row * n : 0, h, h + n, p->squashed + row * n);
}

/* From d_h and d_c, which becomes all of c's, the gradients of the products of i, o and u. */
static void emit_backward(
    int64_t n, const float *RESTRICT gates, const float *RESTRICT mask, const float *RESTRICT squashed, const float *RESTRICT d_h,
    float *RESTRICT d_c, float *RESTRICT d_gates)
{
    const float *i = gates, *o = gates + n, *u = gates + 2 * n;
    EACH(j, n) {
        float through = d_h[j] * o[j], dropped = mask ? mask[j] : 1;
        d_c[j] += through - through * squashed[j] * squashed[j];
        d_gates[n + j] = d_h[j] * squashed[j] * (o[j] - o[j] * o[j]);
        d_gates[j] = d_c[j] * u[j] * dropped * (i[j] - i[j] * i[j]);
        d_gates[2 * n + j] = d_c[j] * i[j] * dropped * (1 - u[j] * u[j]);
    }
}

static void emit_row_backward(const Lstm *p, int64_t row, const float *gates, float *d_gates)
{
    int64_t n = p->width;
    float *d_h = p->d_states + row * 2 * n;
    emit_backward(n, gates, p->mask ? p->mask + row * n : 0, p->squashed + row * n, d_h, d_h + n, d_gates);
}

/* c += f * c of the child */
static void recall(int64_t n, const float *RESTRICT f, const float *RESTRICT child, float *RESTRICT c)
{
    EACH(j, n) c[j] += f[j] * child[j];
}

static void recall_backward(
    int64_t n, const float *RESTRICT f, const float *RESTRICT child, const float *RESTRICT d_c, float *RESTRICT d_child,
    float *RESTRICT d_f)
{
    EACH(j, n) {
        d_child[j] += d_c[j] * f[j];
        d_f[j] += d_c[j] * child[j] * (f[j] - f[j] * f[j]);
    }
}

/* The forget gate, or its gradient, of the child `i` of a node on the tape. */
static float *forget_of(const Lstm *p, const Tape *t, float *gates, float *forget, int64_t node, int64_t i)
{
    int64_t n = p->width;
    if (p->n_places)
        return gates + node * n_gates(p) + (3 + place_of(i, p->n_places)) * n;
    return forget + (t->starts[node] + i) * n;
}

/* ---- forward ---- */

static void see(const Lstm *p, const Tape *t, int64_t node)
{
    int64_t n = p->width;
    float *seen = p->seen + node * seen_width(p);
    see_children(&p->forest, t, node, p->states, 2 * n, p->n_places ? p->n_places : 1, n, seen);
    if (!p->n_places)
        EACH(i, n_children(t, node))
            copy(p->states + child_of(&p->forest, t, node, i) * 2 * n, p->reads + (t->starts[node] + i) * n, n);
}

static void settle(const Lstm *p, const Tape *t, int64_t node)
{
    int64_t n = p->width, row = t->order[node];
    float *gates = p->gates + node * n_gates(p), *c = p->states + row * 2 * n + n;
    squash(gates, p->joint_bias, n, p->n_places);
    fill_zero(c, n);
    EACH(i, n_children(t, node)) {
        float *f = forget_of(p, t, p->gates, p->forget, node, i);
        if (!p->n_places) {
            add(p->own_bias, f, n);
            apply(SIGMOID, f, n);
        }
        recall(n, f, p->states + child_of(&p->forest, t, node, i) * 2 * n + n, c);
    }
    emit_row(p, row, gates);
}

typedef struct {
    const Lstm *problem;
    Packed joint, own;
} Run;

static int forward_share(const void *run, const Tape *t, int64_t share)
{
    const Run *r = run;
    const Lstm *p = r->problem;
    int64_t n = p->width;
    EACH(row, p->forest.n_leaves)
        if (share_of_row(&p->forest, t, row) == share) {
            squash(p->leaves + row * 3 * n, 0, n, 0);
            fill_zero(p->states + row * 2 * n + n, n);
            emit_row(p, row, p->leaves + row * 3 * n);
        }
    EACH(level, p->forest.n_levels) {
        Span s = span_of(&p->forest, t, share, level);
        for (int64_t node = s.first; node < s.end; node++)
            see(p, t, node);
        int64_t seen = seen_width(p), gates = n_gates(p), first = t->starts[s.first], end = t->starts[s.end];
        write_product(p->seen + s.first * seen, seen, &r->joint, p->gates + s.first * gates, gates, s.end - s.first);
        if (!p->n_places)
            write_product(p->reads + first * n, n, &r->own, p->forget + first * n, n, end - first);
        for (int64_t node = s.first; node < s.end; node++)
            settle(p, t, node);
    }
    return 1;
}

/* ---- backward ---- */

static void unsettle(const Lstm *p, const Tape *t, int64_t node)
{
    int64_t n = p->width, G = n_gates(p), row = t->order[node];
    float *d_gates = p->d_gates + node * G, *d_c = p->d_states + row * 2 * n + n;
    emit_row_backward(p, row, p->gates + node * G, d_gates);
    /* Children beyond the last place share its gate, so these gradients are sums. */
    fill_zero(d_gates + 3 * n, p->n_places * n);
    EACH(i, n_children(t, node)) {
        int64_t child = child_of(&p->forest, t, node, i) * 2 * n + n;
        float *d_f = forget_of(p, t, p->d_gates, p->d_forget, node, i);
        if (!p->n_places)
            fill_zero(d_f, n);
        recall_backward(n, forget_of(p, t, p->gates, p->forget, node, i), p->states + child, d_c, p->d_states + child, d_f);
    }
}

/* Add the gradients of what gates saw to the children's h; `d_seen` and `d_reads` belong to the span. */
static void unsee(const Lstm *p, const Tape *t, Span s, const float *d_seen, const float *d_reads)
{
    int64_t n = p->width;
    for (int64_t node = s.first; node < s.end; node++) {
        const float *d = d_seen + (node - s.first) * seen_width(p);
        see_children_backward(&p->forest, t, node, d, 2 * n, p->n_places ? p->n_places : 1, n, p->d_states);
        if (!p->n_places)
            EACH(i, n_children(t, node))
                add(d_reads + (t->starts[node] + i - t->starts[s.first]) * n,
                    p->d_states + child_of(&p->forest, t, node, i) * 2 * n, n);
    }
}

static int64_t widest(const Lstm *p, const Tape *t, int64_t share, int64_t per_node, int64_t per_edge)
{
    int64_t most = 0;
    EACH(level, p->forest.n_levels) {
        Span s = span_of(&p->forest, t, share, level);
        int64_t n = (s.end - s.first) * per_node + (t->starts[s.end] - t->starts[s.first]) * per_edge;
        most = n > most ? n : most;
    }
    return most;
}

static int backward_share(const void *run, const Tape *t, int64_t share)
{
    const Run *r = run;
    const Lstm *p = r->problem;
    int64_t n = p->width, seen = seen_width(p), gates = n_gates(p);
    /* Room for the widest level; one number more, because malloc(0) may return null. */
    float *room = malloc((widest(p, t, share, seen, p->n_places ? 0 : n) + 1) * sizeof *room);
    if (!room)
        return 0;
    for (int64_t level = p->forest.n_levels - 1; level >= 0; level--) {
        Span s = span_of(&p->forest, t, share, level);
        int64_t first = t->starts[s.first], end = t->starts[s.end];
        float *d_seen = room, *d_reads = room + (s.end - s.first) * seen;
        for (int64_t node = s.first; node < s.end; node++)
            unsettle(p, t, node);
        write_product(p->d_gates + s.first * gates, gates, &r->joint, d_seen, seen, s.end - s.first);
        if (!p->n_places)
            write_product(p->d_forget + first * n, n, &r->own, d_reads, n, end - first);
        unsee(p, t, s, d_seen, d_reads);
    }
    EACH(row, p->forest.n_leaves)
        if (share_of_row(&p->forest, t, row) == share)
            emit_row_backward(p, row, p->leaves + row * 3 * n, p->d_leaves + row * 3 * n);
    free(room);
    return 1;
}

/* ---- what is called ---- */

static int pack_weights(Run *r, int is_forward)
{
    const Lstm *p = r->problem;
    int64_t n = p->width, rows = is_forward ? seen_width(p) : n_gates(p), columns = is_forward ? n_gates(p) : seen_width(p);
    /* Linear layers keep (output, input), places (input, output). */
    int is_transposed = p->n_places ? !is_forward : is_forward;
    return pack(&r->joint, p->joint, rows, columns, is_transposed) && (p->n_places || pack(&r->own, p->own, n, n, is_forward));
}

static int run_both(const Lstm *p, int (*share)(const void *, const Tape *, int64_t), int is_forward)
{
    Run r = {.problem = p};
    Tape t = {0};
    int is_done = lay_tape(&p->forest, &t) && pack_weights(&r, is_forward) && run_forest(share, &r, p->forest.n_shares, &t);
    free(r.joint.values);
    free(r.own.values);
    free(t.order);
    return is_done;
}

int seqlab_lstm_forward(const Lstm *p) { return run_both(p, forward_share, 1); }
int seqlab_lstm_backward(const Lstm *p) { return run_both(p, backward_share, 0); }
