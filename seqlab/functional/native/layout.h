/* Layouts of structures, reported by the library itself: Python packs them as listed here. */
#ifndef SEQLAB_LAYOUT_H
#define SEQLAB_LAYOUT_H

#include <stddef.h>
#include <stdint.h>

/* kind: the format character of Python's struct module. */
typedef struct {
    const char *name;
    int64_t offset, size, kind;
} Field;

#define KIND(value) _Generic((value), int64_t : 'q', double : 'd', default : 'P')
#define FIELD(type, field) {#field, offsetof(type, field), sizeof(((type *)0)->field), KIND(((type *)0)->field)},

/* FOR_EACH(macro, type, a, b, …) is macro(type, a) macro(type, b) …, for up to 256 fields. The preprocessor expands no macro inside
   itself, so each field waits for one more scan: EXPAND makes the scans. */
#define PARENS ()
#define EXPAND(...) EXPAND3(EXPAND3(EXPAND3(EXPAND3(__VA_ARGS__))))
#define EXPAND3(...) EXPAND2(EXPAND2(EXPAND2(EXPAND2(__VA_ARGS__))))
#define EXPAND2(...) EXPAND1(EXPAND1(EXPAND1(EXPAND1(__VA_ARGS__))))
#define EXPAND1(...) __VA_ARGS__
#define FOR_EACH(macro, type, ...) EXPAND(FOR_EACH_STEP(macro, type, __VA_ARGS__))
#define FOR_EACH_STEP(macro, type, first, ...) macro(type, first) __VA_OPT__(FOR_EACH_AGAIN PARENS(macro, type, __VA_ARGS__))
#define FOR_EACH_AGAIN() FOR_EACH_STEP

/* Export the layout of `type`: its size, then its fields in their order, those of nested structures as `inner.field`. */
#define LAYOUT(type, ...)                                                                                                      \
    const Field seqlab_layout_##type[] = {                                                                                     \
        {#type, 0, sizeof(type), 0}, FOR_EACH(FIELD, type, __VA_ARGS__){0, 0, 0, 0}}

#endif
