/* Recursive networks over whole forests, p = f(W seen + b), and all gradients except those of weights. A node sees its children's
   vectors side by side, or the largest of each unit; W and b are those of the node's kind. */
#include "forest.h"

typedef struct {
    Forest forest;
    int64_t width, n_places, function, n_kinds; /* n_places: 0 where the largest of each unit is seen */
    float *states;                              /* (row, width): of leaves they are given */
    float *seen, *values;                       /* by node: what is seen, and f */
    int64_t *kinds;                             /* by node on the tape, made by the forward pass */
    const int64_t *productions;                 /* the kind of each row, or null where there is one kind */
    const int64_t *weights, *biases;            /* of each kind, their addresses */
    const float *mask;                          /* (row, width): what f is multiplied with, or null */
    float *d_states, *d_values;
} Recursive;

LAYOUT(
    Recursive, forest.n_rows, forest.n_leaves, forest.n_levels, forest.n_edges, forest.n_records, forest.n_shares, forest.level_ends,
    forest.children, forest.parents, forest.owners, width, n_places, function, n_kinds, states, seen, values, kinds,
    productions, weights, biases, mask, d_states, d_values);

typedef struct {
    const Recursive *problem;
    Packed *weights;
} Run;

static int64_t seen_width(const Recursive *p) { return (p->n_places ? p->n_places : 1) * p->width; }

/* ---- the largest of each unit ---- */

static void see_largest(const Recursive *p, const Tape *t, int64_t node, float *RESTRICT seen)
{
    int64_t n = p->width;
    /* Beginning with the first child, not with zeros: all values may be negative. */
    copy(p->states + child_of(&p->forest, t, node, 0) * n, seen, n);
    for (int64_t i = 1; i < n_children(t, node); i++) {
        const float *RESTRICT child = p->states + child_of(&p->forest, t, node, i) * n;
        EACH(j, n) seen[j] = child[j] > seen[j] ? child[j] : seen[j];
    }
}

/* Equally large children share the gradient, as in torch's amax; `room` counts them. */
static void see_largest_backward(
    const Recursive *p, const Tape *t, int64_t node, const float *RESTRICT seen, const float *RESTRICT d_seen, float *RESTRICT room)
{
    int64_t n = p->width;
    fill_zero(room, n);
    EACH(i, n_children(t, node)) {
        const float *RESTRICT child = p->states + child_of(&p->forest, t, node, i) * n;
        EACH(j, n) room[j] += child[j] == seen[j] ? 1 : 0;
    }
    EACH(i, n_children(t, node)) {
        int64_t row = child_of(&p->forest, t, node, i);
        const float *RESTRICT child = p->states + row * n;
        float *RESTRICT d = p->d_states + row * n;
        EACH(j, n) d[j] += child[j] == seen[j] ? d_seen[j] / room[j] : 0;
    }
}

/* ---- spans of one kind ---- */

static Span of_kind(const Recursive *p, int64_t first, int64_t end)
{
    int64_t stop = first + 1;
    while (stop < end && p->kinds[stop] == p->kinds[first])
        stop++;
    return (Span){first, stop};
}

static void forward_run(const Run *run, const Tape *t, Span s)
{
    const Recursive *p = run->problem;
    int64_t n = p->width, seen = seen_width(p), kind = p->kinds[s.first];
    const float *bias = (const float *)p->biases[kind];
    float *values = p->values + s.first * n;
    for (int64_t node = s.first; node < s.end; node++)
        if (p->n_places)
            see_children(&p->forest, t, node, p->states, n, p->n_places, n, p->seen + node * seen);
        else
            see_largest(p, t, node, p->seen + node * seen);
    write_product(p->seen + s.first * seen, seen, run->weights + kind, values, n, s.end - s.first);
    for (int64_t node = s.first; node < s.end; node++) {
        float *value = p->values + node * n, *state = p->states + t->order[node] * n;
        add(bias, value, n);
        apply(p->function, value, n);
        copy(value, state, n);
        if (p->mask)
            multiply(p->mask + t->order[node] * n, state, n);
    }
}

static int forward_share(const void *run, const Tape *t, int64_t share)
{
    const Run *r = run;
    const Recursive *p = r->problem;
    EACH(level, p->forest.n_levels) {
        Span s = span_of(&p->forest, t, share, level);
        for (int64_t node = s.first; node < s.end; node++)
            p->kinds[node] = p->productions ? p->productions[t->order[node]] : 0;
        for (Span one = {s.first, s.first}; one.end < s.end;) {
            one = of_kind(p, one.end, s.end);
            forward_run(r, t, one);
        }
    }
    return 1;
}

static void backward_run(const Run *run, const Tape *t, Span s, float *room)
{
    const Recursive *p = run->problem;
    int64_t n = p->width, seen = seen_width(p);
    for (int64_t node = s.first; node < s.end; node++) {
        float *d = p->d_values + node * n;
        copy(p->d_states + t->order[node] * n, d, n);
        if (p->mask)
            multiply(p->mask + t->order[node] * n, d, n);
        times_slope(p->function, p->values + node * n, d, n);
    }
    float *d_seen = room + n;
    write_product(p->d_values + s.first * n, n, run->weights + p->kinds[s.first], d_seen, seen, s.end - s.first);
    for (int64_t node = s.first; node < s.end; node++, d_seen += seen)
        if (p->n_places)
            see_children_backward(&p->forest, t, node, d_seen, n, p->n_places, n, p->d_states);
        else
            see_largest_backward(p, t, node, p->seen + node * seen, d_seen, room);
}

static int backward_share(const void *run, const Tape *t, int64_t share)
{
    const Run *r = run;
    const Recursive *p = r->problem;
    int64_t most = 0;
    EACH(level, p->forest.n_levels) {
        Span s = span_of(&p->forest, t, share, level);
        most = s.end - s.first > most ? s.end - s.first : most;
    }
    float *room = malloc((p->width + most * seen_width(p)) * sizeof *room);
    if (!room)
        return 0;
    for (int64_t level = p->forest.n_levels - 1; level >= 0; level--) {
        Span s = span_of(&p->forest, t, share, level);
        for (Span one = {s.first, s.first}; one.end < s.end;) {
            one = of_kind(p, one.end, s.end);
            backward_run(r, t, one, room);
        }
    }
    free(room);
    return 1;
}

/* ---- what is called ---- */

/* Pack the weights of the kinds that occur. */
static int pack_weights(const Run *r, int is_forward)
{
    const Recursive *p = r->problem;
    int64_t n = p->width, seen = seen_width(p);
    int is_done = 1, is_transposed = p->n_places ? !is_forward : is_forward; /* places are (input, output) */
    int64_t *counts = calloc(p->n_kinds, sizeof *counts);
    if (!counts)
        return 0;
    for (int64_t row = p->forest.n_leaves; row < p->forest.n_rows; row++)
        counts[p->productions ? p->productions[row] : 0]++;
#ifdef _OPENMP
#pragma omp parallel for num_threads(p->forest.n_shares) schedule(dynamic, 1) reduction(&& : is_done)
#endif
    for (int64_t kind = 0; kind < p->n_kinds; kind++)
        if (counts[kind])
            is_done = pack(r->weights + kind, (const float *)p->weights[kind], is_forward ? seen : n, is_forward ? n : seen,
                           is_transposed) && is_done;
    free(counts);
    return is_done;
}

static int run_both(const Recursive *p, int (*share)(const void *, const Tape *, int64_t), int is_forward)
{
    Run r = {p, calloc(p->n_kinds, sizeof(Packed))};
    Tape t = {0};
    int is_done = r.weights && lay_tape(&p->forest, &t) && pack_weights(&r, is_forward)
        && run_forest(share, &r, p->forest.n_shares, &t);
    EACH(kind, r.weights ? p->n_kinds : 0) free(r.weights[kind].values);
    free(r.weights);
    free(t.order);
    return is_done;
}

int seqlab_recursive_forward(const Recursive *p) { return run_both(p, forward_share, 1); }
int seqlab_recursive_backward(const Recursive *p) { return run_both(p, backward_share, 0); }
