/* The linear chain of seqlab.functional.linear_chain over float64 arrays: scaled forward-backward sums, and the best path.

   a_t(j) = exp(emissions_t(j)) * sum over i of a_{t-1}(i) exp(transitions(i, j)), rescaled every few steps; b_t is a_t from the end.
   P(tag k at t) is proportional to a_t(k) v_t(k), where v_t sums over the paths after t.

   Arrays are (batch, time, tag), contiguous. Each thread runs its own records, and records are independent, so a record's numbers do
   not depend on its batch. Names and the conditions of exactness are those of scaled.py. */
#include "lanes.h"
#include "layout.h"

typedef struct {
    int64_t n_records, n_steps, n_tags, n_threads;
    int64_t scaling_period;
    double dropped, negligible; /* exponents: see scaled.py */
    const double *emissions;
    const int64_t *lengths;
    const double *transitions, *start, *end;
    double *log_partition, *is_exact; /* (batch); is_exact is 1 or 0 */
    double *marginals;                /* null: the forward sums alone */
    double *sources, *targets;        /* (batch, time - 1, tag): a at the step before and b over its sum, of each edge */
    const int64_t *tags;              /* null: none; else their marginals are less by 1, and this is written: */
    double *path_score;               /* (batch) */
    double *factors;                  /* (tag, tag): E */
} Sums;

LAYOUT(
    Sums, n_records, n_steps, n_tags, n_threads, scaling_period, dropped, negligible, emissions, lengths, transitions, start, end,
    log_partition, is_exact, marginals, sources, targets, tags, path_score, factors);

typedef struct {
    int64_t n_records, n_steps, n_tags, n_threads;
    const int64_t *lengths, *tags;
    const double *weights; /* (batch) */
    const double *marginals, *sources, *targets, *factors;
    double *emissions, *transitions, *start, *end;
} Counts;

LAYOUT(
    Counts, n_records, n_steps, n_tags, n_threads, lengths, tags, weights, marginals, sources, targets, factors, emissions,
    transitions, start, end);

typedef struct {
    int64_t n_records, n_steps, n_tags, n_threads;
    const double *emissions;
    const int64_t *lengths;
    const double *transitions, *start, *end;
    int64_t *tags;
    double *score;
} Best;

LAYOUT(Best, n_records, n_steps, n_tags, n_threads, emissions, lengths, transitions, start, end, tags, score);

static void fill(double *out, const double *x, int64_t n, double rest)
{
    memcpy(out, x, n * sizeof(double));
    EACH(i, filled(n) - n) out[n + i] = rest;
}

/* A copy with padded rows of a matrix (n, n) whose rows are `stride` apart; its transpose where is_transposed. */
static double *square(const double *m, int64_t n, int64_t stride, int is_transposed, double rest)
{
    int64_t F = filled(n);
    double *out = numbers(n * F);
    if (out)
        EACH(i, n) EACH(j, F) out[i * F + j] = j >= n ? rest : is_transposed ? m[j * stride + i] : m[i * stride + j];
    return out;
}

/* ---- factors: exp(scores - peak), where what is below `dropped` becomes 0 ---- */

typedef struct {
    double peak, largest_dropped;
} Factors;

/* Of a padded row, in place. A peak of -inf is replaced by the least number: -inf less that is still -inf, not NaN. */
static void factors(double *x, int64_t n, double dropped, Factors *f)
{
    f->peak = largest(x, n);
    f->peak = f->peak > -__DBL_MAX__ ? f->peak : -__DBL_MAX__;
    lanes most = (lanes){0} - INFINITY, none = {0};
    for (int64_t i = 0; i < n; i += LANES) {
        lanes exponent = *(lanes *)(x + i) - f->peak;
        choice is_dropped = exponent < none + dropped;
        most = larger(chosen(is_dropped, exponent, none - INFINITY), most);
        *(lanes *)(x + i) = chosen(is_dropped, none, exponential(exponent));
    }
    for (int i = 0; i < LANES; i++)
        f->largest_dropped = most[i] > f->largest_dropped ? most[i] : f->largest_dropped;
}

/* ---- products ---- */

static inline __attribute__((always_inline)) void some_columns(
    int n_vectors, const double *x, const double *m, int64_t n, int64_t stride, double *out)
{
    lanes sum[4];
    for (int v = 0; v < n_vectors; v++)
        sum[v] = (lanes){0};
    for (int64_t i = 0; i < n; i++, m += stride)
        for (int v = 0; v < n_vectors; v++)
            sum[v] += x[i] * *(const lanes *)(m + v * LANES);
    for (int v = 0; v < n_vectors; v++)
        *(lanes *)(out + v * LANES) = sum[v];
}

/* Continue with `columns` (a function as above) from column j, n_vectors at once, as long as so many are left. */
#define GO_ON(columns, n_vectors)                                                                                              \
    for (; j + (n_vectors)*LANES <= stride; j += (n_vectors)*LANES)                                                            \
    columns(n_vectors, x, m + j, n, stride, out + j)

/* out = x @ m, where m is (n, stride) */
static void times(const double *x, const double *m, int64_t n, int64_t stride, double *out)
{
    int64_t j = 0;
    GO_ON(some_columns, 4);
    GO_ON(some_columns, 3);
    GO_ON(some_columns, 2);
    GO_ON(some_columns, 1);
}

/* ---- both recursions of a record ---- */

typedef struct {
    const double *edges, *edges_back; /* E and its transpose */
    const double *first, *last;       /* exp(start) and exp(end) */
    Factors of_edges, of_start, of_end;
} Shared;

/* Of a padded row. */
static double least_above_zero(const double *x, int64_t n)
{
    lanes least = (lanes){0} + INFINITY;
    for (int64_t i = 0; i < n; i += LANES) {
        lanes each = *(const lanes *)(x + i);
        least = chosen((each > 0) & (each < least), each, least);
    }
    double found = least[0];
    for (int i = 1; i < LANES; i++)
        found = least[i] < found ? least[i] : found;
    return found;
}

static void multiply(const double *RESTRICT x, const double *RESTRICT y, double *RESTRICT out, int64_t n)
{
    EACH(i, n) out[i] = x[i] * y[i];
}

static void rescale(double *x, int64_t n, double factor) { EACH(i, n) x[i] *= factor; }

/* Whether the paths through dropped factors are negligible, and no number came near underflow. */
static int is_exact(const Sums *p, const Shared *s, const Factors *steps, double log_sum, int64_t length, double least)
{
    /* The bound of scaled.py: at most n_tags^length paths run through dropped factors. */
    double room = length * log(p->n_tags) + p->negligible;
    const Factors *all[] = {steps, &s->of_edges, &s->of_start, &s->of_end};
    /* The negation makes a log sum of NaN count as inexact. */
    EACH(i, 4) if (!(log_sum >= all[i]->largest_dropped + room)) return 0;
    return least >= exp(p->dropped);
}

/* The backward sums, and the posteriors of steps and edges. Return the least v. */
static double backward_pass(const Sums *p, const Shared *s, int64_t record, const double *psi, const double *u, double *v, double *b)
{
    int64_t K = p->n_tags, F = filled(K), T = p->n_steps, n = p->lengths[record];
    double *marginals = p->marginals + record * T * K, *targets = p->targets + record * (T - 1) * K, least = INFINITY;
    memcpy(v, s->last, F * sizeof(double));
    for (int64_t t = n - 1; t >= 0; t--) {
        least = fmin(least_above_zero(v, F), least);
        multiply(v, psi + t * F, b, F);
        if ((n - 1 - t) % p->scaling_period == p->scaling_period - 1)
            /* The smallest normal number keeps a sum of 0 (no allowed path) from dividing by 0. */
            rescale(b, F, 1 / (sum_of(b, F) + __DBL_MIN__));
        multiply(u + t * F, b, v, F);
        /* Normalising at each step cancels the scales of both directions; only the partition needs them. */
        double scale = 1 / sum_of(v, F);
        EACH(k, K) marginals[t * K + k] = v[k] * scale;
        if (t > 0) {
            EACH(k, K) targets[(t - 1) * K + k] = b[k] * scale;
            times(b, s->edges_back, K, F, v);
        }
    }
    return least;
}

static void sums_of(const Sums *p, const Shared *s, int64_t record, double *psi, double *u, double *v, double *a)
{
    int64_t K = p->n_tags, F = filled(K), T = p->n_steps, n = p->lengths[record];
    double *sources = p->sources ? p->sources + record * (T - 1) * K : 0;
    double log_scale = 0, peaks = s->of_start.peak + s->of_end.peak + (n - 1) * s->of_edges.peak, least = INFINITY;
    Factors steps = {0, -INFINITY};
    EACH(t, n) {
        double *into = u + t * F, *factor = psi + t * F;
        fill(factor, p->emissions + (record * T + t) * K, K, -INFINITY);
        factors(factor, F, p->dropped, &steps);
        peaks += steps.peak;
        if (t > 0)
            times(a, s->edges, K, F, into);
        else
            memcpy(into, s->first, F * sizeof(double));
        least = fmin(least_above_zero(into, F), least);
        multiply(into, factor, a, F);
        if (t % p->scaling_period == p->scaling_period - 1) {
            /* As in the backward pass, so that no sum is 0. Beside any other sum it is lost in rounding. */
            double total = sum_of(a, F) + __DBL_MIN__;
            log_scale += log(total);
            rescale(a, F, 1 / total);
        }
        if (sources && t + 1 < n)
            memcpy(sources + t * K, a, K * sizeof(double));
    }
    multiply(a, s->last, v, F);
    double log_sum = log(sum_of(v, F)) + log_scale;
    if (p->marginals)
        least = fmin(backward_pass(p, s, record, psi, u, v, a), least);
    p->log_partition[record] = log_sum + peaks;
    p->is_exact[record] = is_exact(p, s, &steps, log_sum, n, least);
}

/* Zero the padding of a record, or all of it where no path is allowed or its sums are not exact. */
static void clear(const Sums *p, int64_t record)
{
    int64_t K = p->n_tags, T = p->n_steps, n = p->lengths[record];
    /* Their numbers mean nothing, perhaps 0 / 0, and would spoil the sums over the batch. */
    if (!p->is_exact[record] || p->log_partition[record] == -INFINITY)
        n = 0;
    int64_t n_edges = n > 0 ? n - 1 : 0;
    zeros(p->marginals + (record * T + n) * K, (T - n) * K);
    zeros(p->sources + (record * (T - 1) + n_edges) * K, (T - 1 - n_edges) * K);
    zeros(p->targets + (record * (T - 1) + n_edges) * K, (T - 1 - n_edges) * K);
}

/* Return the score of the path `tags`, and subtract its steps from the marginals. An unknown tag makes the record inexact. */
static double less_path(const Sums *p, int64_t record)
{
    int64_t K = p->n_tags, T = p->n_steps, n = p->lengths[record];
    const int64_t *tags = p->tags + record * T;
    EACH(t, n) if (tags[t] < 0 || tags[t] >= K)
    {
        p->is_exact[record] = 0;
        return 0;
    }
    double score = n > 0 ? p->start[tags[0]] : 0;
    EACH(t, n) {
        int64_t at = (record * T + t) * K + tags[t];
        p->marginals[at] -= 1;
        score += p->emissions[at] + (t + 1 < n ? p->transitions[tags[t] * K + tags[t + 1]] : p->end[tags[t]]);
    }
    return score;
}

static int all_sums(const Sums *p, const Shared *s)
{
    int64_t F = filled(p->n_tags), size = p->n_steps * F;
    int is_done = 1;
#ifdef _OPENMP
#pragma omp parallel num_threads(p->n_threads) reduction(&& : is_done)
#endif
    {
        /* Buffers of this thread, made once for all its records. */
        double *psi = numbers(size), *u = numbers(size), *v = numbers(F), *a = numbers(F);
        is_done = psi && u && v && a;
#ifdef _OPENMP
#pragma omp for schedule(dynamic, 4)
#endif
        for (int64_t record = 0; record < p->n_records; record++) {
            p->log_partition[record] = 0;
            p->is_exact[record] = 1;
            if (p->lengths[record] > 0 && is_done)
                sums_of(p, s, record, psi, u, v, a);
            if (p->marginals)
                clear(p, record);
            if (p->tags)
                p->path_score[record] = less_path(p, record);
        }
        free(psi);
        free(u);
        free(v);
        free(a);
    }
    return is_done;
}

int seqlab_chain_sums(const Sums *p)
{
    int64_t K = p->n_tags, F = filled(K);
    double *first = numbers(F), *last = numbers(F), *edges = square(p->transitions, K, K, 0, -INFINITY), *edges_back = 0;
    int is_done = 0;
    if (edges && first && last) {
        Factors start = {0, -INFINITY}, end = {0, -INFINITY}, between = {0, -INFINITY};
        fill(first, p->start, K, -INFINITY);
        fill(last, p->end, K, -INFINITY);
        factors(first, F, p->dropped, &start);
        factors(last, F, p->dropped, &end);
        factors(edges, K * F, p->dropped, &between);
        edges_back = square(edges, K, F, 1, 0);
        if (p->factors)
            EACH(i, K) memcpy(p->factors + i * K, edges + i * F, K * sizeof(double));
        is_done = edges_back && all_sums(p, &(Shared){edges, edges_back, first, last, between, start, end});
    }
    free(edges);
    free(edges_back);
    free(first);
    free(last);
    return is_done;
}

/* ---- expected counts, each record's times its weight, less those of its path ---- */

enum { SHARES = 8 }; /* parts of sums over the batch: fixed, so that results do not depend on the number of threads */

static void count(const Counts *p, int64_t record, double *transitions, double *start, double *end)
{
    int64_t K = p->n_tags, T = p->n_steps, n = p->lengths[record];
    const double *marginals = p->marginals + record * T * K, weight = p->weights[record];
    double *emissions = p->emissions + record * T * K;
    const int64_t *tags = p->tags + record * T;
    zeros(emissions + n * K, (T - n) * K);
    EACH(i, n * K) emissions[i] = weight * marginals[i];
    if (n == 0)
        return;
    EACH(k, K) start[k] += emissions[k];
    EACH(k, K) end[k] += emissions[(n - 1) * K + k];
    EACH(t, n - 1) {
        const double *source = p->sources + (record * (T - 1) + t) * K, *RESTRICT target = p->targets + (record * (T - 1) + t) * K;
        EACH(i, K) {
            double *RESTRICT row = transitions + i * K, times_target = weight * source[i];
            EACH(j, K) row[j] += times_target * target[j];
        }
    }
    /* Apart from the expected counts, which are still without the factors of the transitions. */
    double *observed = transitions + K * K;
    EACH(t, n - 1) observed[tags[t] * K + tags[t + 1]] += weight;
}

int seqlab_chain_counts(const Counts *p)
{
    int64_t K = p->n_tags, size = 2 * K * K + 2 * K;
    double *sums = calloc(SHARES * size, sizeof(double));
    if (!sums)
        return 0;
#ifdef _OPENMP
#pragma omp parallel for num_threads(p->n_threads) schedule(dynamic, 1)
#endif
    for (int64_t share = 0; share < SHARES; share++) {
        double *own = sums + share * size;
        /* Record i always falls into share i mod SHARES, so the order of additions is fixed. */
        for (int64_t record = share; record < p->n_records; record += SHARES)
            count(p, record, own, own + 2 * K * K, own + 2 * K * K + K);
    }
    for (int64_t share = 1; share < SHARES; share++)
        EACH(i, size) sums[i] += sums[share * size + i];
    /* The factors of the transitions are the same at every edge, so they multiply the sum once. */
    EACH(i, K * K) p->transitions[i] = sums[i] * p->factors[i] - sums[K * K + i];
    /* Starts and ends of the observed path are already in the marginals, which are less by 1 there. */
    memcpy(p->start, sums + 2 * K * K, K * sizeof(double));
    memcpy(p->end, sums + 2 * K * K + K, K * sizeof(double));
    free(sums);
    return 1;
}

/* ---- the best path ---- */

static inline __attribute__((always_inline)) void best_columns(
    int n_vectors, const double *x, const double *m, int64_t n, int64_t stride, double *out)
{
    lanes most[4];
    for (int v = 0; v < n_vectors; v++)
        most[v] = x[0] + *(const lanes *)(m + v * LANES);
    for (int64_t i = 1; i < n; i++)
        for (int v = 0; v < n_vectors; v++) {
            lanes sum = x[i] + *(const lanes *)(m + i * stride + v * LANES);
            most[v] = larger(sum, most[v]);
        }
    for (int v = 0; v < n_vectors; v++)
        *(lanes *)(out + v * LANES) = most[v];
}

/* out[j] = max over i of x[i] + m[i, j] */
static void best_into(const double *x, const double *m, int64_t n, int64_t stride, double *out)
{
    int64_t j = 0;
    GO_ON(best_columns, 4);
    GO_ON(best_columns, 3);
    GO_ON(best_columns, 2);
    GO_ON(best_columns, 1);
}

/* The first of equal ones. The padding of the row is -inf. */
static int64_t index_of_largest(const double *x, int64_t n)
{
    /* NaN compares as not less, so a row with NaN still gives an index within it. */
    double most = largest(x, filled(n));
    EACH(i, n) if (!(x[i] < most)) return i;
    return 0;
}

static void best_path(const Best *p, const double *edges, const double *edges_back, int64_t record, double *best, double *sums)
{
    int64_t K = p->n_tags, F = filled(K), T = p->n_steps, n = p->lengths[record];
    const double *emissions = p->emissions + record * T * K;
    int64_t *tags = p->tags + record * T;
    EACH(k, K) best[k] = p->start[k] + emissions[k];
    for (int64_t t = 1; t < n; t++) {
        double *into = best + t * F;
        best_into(into - F, edges, K, F, into);
        EACH(k, K) into[k] += emissions[t * K + k];
    }
    fill(sums, p->end, K, -INFINITY);
    EACH(k, K) sums[k] += best[(n - 1) * F + k];
    p->score[record] = largest(sums, F);
    for (int64_t t = n - 1; t >= 0; t--) {
        if (t < n - 1)
            EACH(k, K) sums[k] = best[t * F + k] + edges_back[tags[t + 1] * F + k];
        tags[t] = index_of_largest(sums, K);
    }
}

int seqlab_chain_best(const Best *p)
{
    int64_t K = p->n_tags, F = filled(K), T = p->n_steps;
    double *edges = square(p->transitions, K, K, 0, -INFINITY), *edges_back = square(p->transitions, K, K, 1, -INFINITY);
    int is_done = edges && edges_back;
    if (is_done) {
#ifdef _OPENMP
#pragma omp parallel num_threads(p->n_threads) reduction(&& : is_done)
#endif
        {
            double *best = numbers(T * F), *sums = numbers(F);
            is_done = best && sums;
#ifdef _OPENMP
#pragma omp for schedule(dynamic, 4)
#endif
            for (int64_t record = 0; record < p->n_records; record++) {
                int64_t n = p->lengths[record];
                EACH(t, T - n) p->tags[record * T + n + t] = 0;
                p->score[record] = 0;
                if (n > 0 && is_done)
                    best_path(p, edges, edges_back, record, best, sums);
            }
            free(best);
            free(sums);
        }
    }
    free(edges);
    free(edges_back);
    return is_done;
}
