/* Forests as data/forest.py makes them, split among threads. Records are independent: each thread runs the trees of its own records
   from the leaves to the roots and never waits, and a record's numbers depend neither on its batch nor on the number of threads.

   The tape holds what the backward pass and the gradients of weights read: inner nodes share by share, within a share by height; the
   edges below them in the same order. */
#ifndef SEQLAB_FOREST_H
#define SEQLAB_FOREST_H

#include "layout.h"
#include "products.h"

typedef struct {
    int64_t n_rows, n_leaves, n_levels, n_edges, n_records, n_shares;
    const int64_t *level_ends;         /* the number of rows up to each height, that of leaves first */
    const int64_t *children, *parents; /* the rows of each edge */
    const int64_t *owners;             /* the record of each row */
} Forest;

typedef struct {
    int64_t *order;  /* the row of each node */
    int64_t *edges;  /* the first edge of each node, in the forest */
    int64_t *starts; /* and on the tape; one more at the end */
    int64_t *ends;   /* the number of nodes up to each height of each share */
    int64_t *shares; /* the share of each record */
} Tape;

/* Nodes of one share and height, from `first` to `end` on the tape. */
typedef struct {
    int64_t first, end;
} Span;

static inline int64_t n_inner(const Forest *f) { return f->n_rows - f->n_leaves; }

static inline Span span_of(const Forest *f, const Tape *t, int64_t share, int64_t level)
{
    int64_t at = share * f->n_levels + level;
    return (Span){at ? t->ends[at - 1] : 0, t->ends[at]};
}

static inline int64_t share_of_row(const Forest *f, const Tape *t, int64_t row) { return t->shares[f->owners[row]]; }

/* The row of child `i` of a node on the tape. */
static inline int64_t child_of(const Forest *f, const Tape *t, int64_t node, int64_t i) { return f->children[t->edges[node] + i]; }

static inline int64_t n_children(const Tape *t, int64_t node) { return t->starts[node + 1] - t->starts[node]; }

/* Give consecutive records to each thread, about equally many nodes. `counts` is scratch space, one number a record. */
HEADER_FUNCTION void deal(const Forest *f, Tape *t, int64_t *counts)
{
    int64_t before = 0;
    memset(counts, 0, f->n_records * sizeof *counts);
    EACH(row, f->n_rows) counts[f->owners[row]]++;
    EACH(record, f->n_records) {
        /* By the middle of the record's nodes, so that no share gets a whole record too many. */
        t->shares[record] = (2 * before + counts[record]) * f->n_shares / (2 * f->n_rows + 1);
        before += counts[record];
    }
}

static inline int64_t *height_of(const Forest *f, const Tape *t, int64_t row, int64_t level)
{
    return t->ends + share_of_row(f, t, row) * f->n_levels + level;
}

/* Put the nodes on the tape, `ends` being zero. */
HEADER_FUNCTION void lay(const Forest *f, Tape *t)
{
    EACH(l, f->n_levels)
        for (int64_t row = f->level_ends[l]; row < f->level_ends[l + 1]; row++)
            ++*height_of(f, t, row, l);
    int64_t sum = 0;
    EACH(i, f->n_shares * f->n_levels) {
        int64_t count = t->ends[i];
        t->ends[i] = sum; /* where the first of them goes; then each moves it on */
        sum += count;
    }
    int64_t edge = 0;
    EACH(l, f->n_levels)
        for (int64_t row = f->level_ends[l]; row < f->level_ends[l + 1]; row++) {
            int64_t node = (*height_of(f, t, row, l))++, first = edge;
            while (edge < f->n_edges && f->parents[edge] == row)
                edge++;
            t->order[node] = row;
            t->edges[node] = first;
            t->starts[node + 1] = edge - first;
        }
    /* The counts of edges become running sums. */
    EACH(node, n_inner(f)) t->starts[node + 1] += t->starts[node];
}

/* 0 where memory is too small; else the caller frees t->order. */
HEADER_FUNCTION int lay_tape(const Forest *f, Tape *t)
{
    int64_t n = n_inner(f), m = f->n_shares * f->n_levels;
    /* One block for all arrays of the tape, so that one `free` releases them. */
    int64_t *room = calloc(3 * n + 1 + m + 2 * f->n_records, sizeof *room);
    if (!room)
        return 0;
    *t = (Tape){room, room + n, room + 2 * n, room + 3 * n + 1, room + 3 * n + 1 + m};
    deal(f, t, t->shares + f->n_records);
    lay(f, t);
    return 1;
}

/* Run all shares in parallel; 0 where memory is too small. */
HEADER_FUNCTION int run_forest(int (*run)(const void *, const Tape *, int64_t), const void *problem, int64_t n_shares, const Tape *t)
{
    int is_done = 1;
#ifdef _OPENMP
#pragma omp parallel for num_threads(n_shares) schedule(static, 1) reduction(&& : is_done)
#endif
    for (int64_t share = 0; share < n_shares; share++)
        is_done = run(problem, t, share) && is_done;
    return is_done;
}

/* ---- children side by side: each at its place, those beyond the last place added up there ---- */

static inline int64_t place_of(int64_t child, int64_t n_places) { return child < n_places ? child : n_places - 1; }

/* seen (n_places, width) of a node whose children's vectors are the first `width` numbers of their states. */
HEADER_FUNCTION void see_children(
    const Forest *f, const Tape *t, int64_t node, const float *states, int64_t state_width, int64_t n_places, int64_t width,
    float *seen)
{
    int64_t n = n_children(t, node), taken = n < n_places ? n : n_places;
    EACH(i, taken) copy(states + child_of(f, t, node, i) * state_width, seen + i * width, width);
    fill_zero(seen + taken * width, (n_places - taken) * width);
    for (int64_t i = taken; i < n; i++)
        add(states + child_of(f, t, node, i) * state_width, seen + (n_places - 1) * width, width);
}

HEADER_FUNCTION void see_children_backward(
    const Forest *f, const Tape *t, int64_t node, const float *d_seen, int64_t state_width, int64_t n_places, int64_t width,
    float *d_states)
{
    EACH(i, n_children(t, node))
        add(d_seen + place_of(i, n_places) * width, d_states + child_of(f, t, node, i) * state_width, width);
}

#endif
