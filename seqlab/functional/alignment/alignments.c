/* Sums over the alignments of seqlab.functional.alignment.

   u_t(s) = log(e^a_{t-1}(s) + e^a_{t-1}(s - 1) + e^a_{t-1}(s - 2), the last where s may be entered by a skip),  a_t = u_t + scores_t;
   b is a from the end, and P(state s at t) is proportional to exp(u_t(s) + b_t(s)).

   Sums are in float64 and in log space, so they are exact for any scores. Each thread runs its own records, and records are
   independent. Names are those of scan.py and sums.py. */
#include "lanes.h"
#include "layout.h"

enum { AHEAD = 2 }; /* states of -inf before the first and after the last */

typedef struct {
    int64_t n_records, n_steps, n_units, n_threads;
    int64_t n_columns, is_single; /* of the arrays of states; whether scores and unit_posteriors are float32 */
    const void *scores;           /* (batch, time, unit) */
    const int64_t *lengths, *n_states, *units;
    const uint8_t *starts, *ends, *enters_by_skip, *is_unlabelled; /* (batch, state), but the last (batch) */
    double *log_sum;                                                /* (batch) */
    double *posteriors;                                             /* (batch, time, state), or null */
    void *unit_posteriors;                                          /* (batch, time, unit), or null */
} Problem;

LAYOUT(
    Problem, n_records, n_steps, n_units, n_threads, n_columns, is_single, scores, lengths, n_states, units, starts, ends,
    enters_by_skip, is_unlabelled, log_sum, posteriors, unit_posteriors);

/* log of x, which is between 1 and 3: by the series of atanh. */
static inline lanes log_of_few(lanes x)
{
    /* Halving large x keeps |z| at 0.2 or less, where the series converges quickly. */
    choice is_big = x > 1.4142135623730951;
    lanes y = chosen(is_big, 0.5 * x, x), z = (y - 1) / (y + 1), square = z * z;
    lanes series = square * (1 / 23.0) + 1 / 21.0;
    series = series * square + 1 / 19.0;
    series = series * square + 1 / 17.0;
    series = series * square + 1 / 15.0;
    series = series * square + 1 / 13.0;
    series = series * square + 1 / 11.0;
    series = series * square + 1 / 9.0;
    series = series * square + 1 / 7.0;
    series = series * square + 1 / 5.0;
    series = series * square + 1 / 3.0;
    series = series * square + 1;
    return 2 * z * series + chosen(is_big, (lanes){0} + 0.693147180559945309, (lanes){0});
}

/* e^x for x <= 0; 0 where float64 underflows. */
static inline lanes exponential_or_0(lanes x)
{
    lanes least = (lanes){0} - 708;
    choice is_nothing = x < least;
    return chosen(is_nothing, (lanes){0}, exponential(chosen(is_nothing, least, x)));
}

/* The log of e^x + e^y + e^z: -inf where all are. */
static inline lanes log_of_sum(lanes x, lanes y, lanes z)
{
    lanes nothing = (lanes){0} - INFINITY, most = larger(larger(x, y), z);
    /* -inf - -inf is NaN; less 0, all three terms stay -inf and their sum 0. */
    most = chosen(most == nothing, (lanes){0}, most);
    lanes sum = exponential_or_0(x - most) + exponential_or_0(y - most) + exponential_or_0(z - most);
    return chosen(sum == 0, nothing, most + log_of_few(chosen(sum == 0, (lanes){0} + 1, sum)));
}

/* Return the log of the sum of e^x over a padded row, and divide e^x by that sum in place. All 0 where the log is -inf. */
static double normalise(double *x, int64_t n)
{
    double most = largest(x, n), sum = 0;
    if (most == -INFINITY) {
        zeros(x, n);
        return most;
    }
    for (int64_t i = 0; i < n; i += LANES)
        *(lanes *)(x + i) = exponential_or_0(*(lanes *)(x + i) - most);
    sum = sum_of(x, n);
    for (int64_t i = 0; i < n; i += LANES)
        *(lanes *)(x + i) /= sum;
    return most + log(sum);
}

/* Write the scores of a record's states less the largest of each step, in padded rows; return the sum of the largest. */
static double read_scores(const Problem *p, int64_t record, double *emissions)
{
    int64_t S = p->n_states[record], F = filled(p->n_columns), n = p->lengths[record], U = p->n_units;
    const int64_t *units = p->units + record * p->n_columns;
    const float *single = (const float *)p->scores + record * p->n_steps * U;
    const double *wide = (const double *)p->scores + record * p->n_steps * U;
    double peaks = 0;
    EACH(t, n) {
        double *row = emissions + t * F;
        if (p->is_single)
            EACH(s, S) row[s] = single[t * U + units[s]];
        else
            EACH(s, S) row[s] = wide[t * U + units[s]];
        /* Padded states have probability 0, so vectors can run over whole rows. */
        EACH(s, F - S) row[S + s] = -INFINITY;
        double peak = largest(row, F);
        /* A step where everything is -inf has no finite peak, and -inf - -inf is NaN. */
        peak = peak > -__DBL_MAX__ ? peak : -__DBL_MAX__;
        EACH(s, F) row[s] -= peak;
        peaks += peak;
    }
    return peaks;
}

/* 0 where allowed, -inf elsewhere. */
static void read_mask(const uint8_t *is_allowed, int64_t n, double *out)
{
    EACH(i, filled(n)) out[i] = i < n && is_allowed[i] ? 0 : -INFINITY;
}

static void write_posteriors(const Problem *p, int64_t record, int64_t t, const double *row)
{
    int64_t S = p->n_states[record], step = record * p->n_steps + t;
    const int64_t *units = p->units + record * p->n_columns;
    if (p->posteriors)
        memcpy(p->posteriors + step * p->n_columns, row, S * sizeof(double));
    if (p->unit_posteriors && p->is_single)
        EACH(s, S)((float *)p->unit_posteriors)[step * p->n_units + units[s]] += row[s];
    else if (p->unit_posteriors)
        EACH(s, S)((double *)p->unit_posteriors)[step * p->n_units + units[s]] += row[s];
}

typedef struct {
    double *emissions, *incoming;                   /* (time, state) */
    double *before, *after, *starts, *ends, *skips; /* (state); those in front have AHEAD numbers more on both sides */
} Room;

/* u of all steps, and a of the last in `before`. */
static void forward(const Problem *p, int64_t n, const Room *room)
{
    int64_t F = filled(p->n_columns);
    double *a = room->before + AHEAD;
    EACH(t, n) {
        double *u = room->incoming + t * F;
        if (t == 0)
            memcpy(u, room->starts, F * sizeof(double));
        else
            for (int64_t s = 0; s < F; s += LANES)
                *(lanes *)(u + s) = log_of_sum(
                    *(lanes *)(a + s), *(lanes *)(a + s - 1), *(lanes *)(a + s - 2) + *(lanes *)(room->skips + AHEAD + s));
        for (int64_t s = 0; s < F; s += LANES)
            *(lanes *)(a + s) = *(lanes *)(u + s) + *(lanes *)(room->emissions + t * F + s);
    }
}

static void backward(const Problem *p, int64_t record, int64_t n, const Room *room)
{
    int64_t F = filled(p->n_columns);
    double *b = room->after + AHEAD, *v = room->before + AHEAD, *skips = room->skips + AHEAD;
    memcpy(v, room->ends, F * sizeof(double));
    for (int64_t t = n - 1; t >= 0; t--) {
        double *joint = room->incoming + t * F;
        for (int64_t s = 0; s < F; s += LANES) {
            *(lanes *)(b + s) = *(lanes *)(v + s) + *(lanes *)(room->emissions + t * F + s);
            *(lanes *)(joint + s) += *(lanes *)(b + s);
        }
        /* Normalised at every step, which cancels the rounding that both passes gather. */
        normalise(joint, F);
        write_posteriors(p, record, t, joint);
        for (int64_t s = 0; s < F; s += LANES)
            *(lanes *)(v + s) =
                log_of_sum(*(lanes *)(b + s), *(lanes *)(b + s + 1), *(lanes *)(b + s + 2) + *(lanes *)(skips + s + 2));
    }
}

static void sums_of(const Problem *p, int64_t record, const Room *room)
{
    int64_t C = p->n_columns, F = filled(C), n = p->lengths[record];
    double peaks = read_scores(p, record, room->emissions);
    read_mask(p->starts + record * C, C, room->starts);
    read_mask(p->ends + record * C, C, room->ends);
    read_mask(p->enters_by_skip + record * C, C, room->skips + AHEAD);
    forward(p, n, room);
    double *a = room->before + AHEAD;
    EACH(s, F) a[s] += room->ends[s];
    double log_sum = normalise(a, F);
    p->log_sum[record] = log_sum + peaks;
    /* An impossible record keeps the zeros that `clear` has written. */
    if (log_sum != -INFINITY && (p->posteriors || p->unit_posteriors))
        backward(p, record, n, room);
}

static int64_t on_both_sides(int64_t n) { return filled(n) + 2 * AHEAD; }

static double *nothing(int64_t n)
{
    double *x = numbers(n);
    if (x)
        EACH(i, n) x[i] = -INFINITY;
    return x;
}

static void clear(const Problem *p, int64_t record)
{
    int64_t n_numbers = p->n_steps * p->n_units;
    if (p->posteriors)
        zeros(p->posteriors + record * p->n_steps * p->n_columns, p->n_steps * p->n_columns);
    if (p->unit_posteriors) {
        int64_t size = n_numbers * (p->is_single ? sizeof(float) : sizeof(double));
        memset((char *)p->unit_posteriors + record * size, 0, size);
    }
}

int seqlab_alignment_sums(const Problem *p)
{
    int64_t C = p->n_columns, size = p->n_steps * filled(C), wide = on_both_sides(C);
    int is_done = 1;
#ifdef _OPENMP
#pragma omp parallel num_threads(p->n_threads) reduction(&& : is_done)
#endif
    {
        Room room = {numbers(size), numbers(size), nothing(wide), nothing(wide), nothing(wide), nothing(wide), nothing(wide)};
        is_done = room.emissions && room.incoming && room.before && room.after && room.starts && room.ends && room.skips;
#ifdef _OPENMP
#pragma omp for schedule(dynamic, 1)
#endif
        for (int64_t record = 0; record < p->n_records; record++) {
            clear(p, record);
            p->log_sum[record] = p->is_unlabelled[record] ? 0 : -INFINITY;
            if (p->lengths[record] > 0 && is_done)
                sums_of(p, record, &room);
        }
        free(room.emissions);
        free(room.incoming);
        free(room.before);
        free(room.after);
        free(room.starts);
        free(room.ends);
        free(room.skips);
    }
    return is_done;
}
