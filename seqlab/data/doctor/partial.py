"""Checks of partially annotated records: `_` marks a step that nobody has annotated, `B-PER|B-ORG` one with two possible tags.

These marks are the defaults of `head=[crf_partial]`, which can learn from such records.
"""

from collections.abc import Iterator, Sequence
from functools import partial
from itertools import groupby

from seqlab.data.doctor.checks import Finding, Rows
from seqlab.data.schemes import Scheme
from seqlab.data.schemes.partial import SEPARATOR, UNANNOTATED, names_several, open_tags, readings
from seqlab.data.schemes.tags import split_tag

Run = tuple[int, list[str]]
"""First step of a run of annotated steps, and their tags."""

_readings = partial(readings, unannotated=UNANNOTATED, separator=SEPARATOR)


def open_span_tags(rows: Sequence[Sequence[str]]) -> set[str]:
    """Return the tags that leave open which tag is right; of several tags, all must have the form of span tags."""
    return {tag for tag in open_tags(rows, _readings) if tag == UNANNOTATED or names_several(tag)}


def annotated_runs(tags: Sequence[str], left_open: set[str]) -> list[Run]:
    """Return the runs of tags that are not in `left_open`."""
    groups = groupby(enumerate(tags), key=lambda numbered: numbered[1] in left_open)
    runs = (list(group) for is_open, group in groups if not is_open)
    return [(run[0][0], [tag for _, tag in run]) for run in runs]


def closed(rows: Sequence[Sequence[str]], left_open: set[str]) -> list[list[str]]:
    """Return the tags with `O` in place of those in `left_open`."""
    return [["O" if tag in left_open else tag for tag in tags] for tags in rows]


def partial_violations(rows: Rows, scheme: Scheme, left_open: set[str]) -> Iterator[Finding]:
    """Yield the tags of partially annotated records that break `scheme`, whatever the open tags are."""
    for record, tags in enumerate(rows.columns["tags"]):
        if left_open.isdisjoint(tags):
            continue
        for step, tag in enumerate(tags):
            for wrong in (one for one in _readings(tag) if split_tag(one)[0] not in scheme.prefixes):
                what = f"tag {wrong!r}{f' in {tag!r}' if tag in left_open else ''} does not belong to {scheme.name}"
                yield rows.finding("tags", "error", rows.line(record, step), what)
        for first, run in annotated_runs(tags, left_open):
            for violation in scheme.violations(run):
                is_known = split_tag(violation.tag)[0] in scheme.prefixes
                # next to an open tag, a span may continue into it or come from it
                after_open = first > 0 and violation.step == 0
                is_last = first + len(run) < len(tags) and violation.step == len(run) - 1
                if is_known and not after_open and not (is_last and "still open" in violation.reason):
                    line = rows.line(record, first + violation.step)
                    yield rows.finding("tags", "error", line, violation.describe(scheme.name))


def partial_annotation(rows: Rows, left_open: set[str]) -> Iterator[Finding]:
    """Yield one finding with the number of steps with open tags, if there are any."""
    tags = rows.columns["tags"]
    places = [(record, step) for record, row in enumerate(tags) for step, tag in enumerate(row) if tag in left_open]
    if places:
        marks = ", ".join(sorted(left_open)[:3])
        what = f"{len(places):,} of {sum(map(len, tags)):,} steps are partially annotated ({marks}), starting here"
        hint = "only head=[crf_partial] learns from them; --partial accepts them"
        yield rows.finding("partial", "warning", rows.line(*places[0]), f"{what}; {hint}")
