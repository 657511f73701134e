"""Tags of records that are annotated in part: `_` at a step that nobody has annotated, `B-PER|B-ORG` for one tag of two.

What stands for them is as `head=[crf_partial]`, which learns from such, has it by default.
"""

from collections.abc import Iterator, Sequence
from functools import partial

from seqlab.data.doctor.checks import Rows
from seqlab.data.doctor.findings import Finding
from seqlab.data.schemes import Scheme
from seqlab.data.schemes.partial import SEPARATOR, UNANNOTATED, names_several, open_tags, readings
from seqlab.data.schemes.tags import split_tag

Run = tuple[int, list[str]]
"""The first step of neighbours that are annotated, and their tags."""


_readings = partial(readings, unannotated=UNANNOTATED, separator=SEPARATOR)


def open_span_tags(rows: Sequence[Sequence[str]]) -> set[str]:
    """Return those tags that leave open which one is right: of several, each must have the form of a span tag."""
    return {tag for tag in open_tags(rows, _readings) if tag == UNANNOTATED or names_several(tag)}


def annotated_runs(tags: Sequence[str], left_open: set[str]) -> list[Run]:
    """Return the stretches of tags between those that are `left_open`."""
    runs: list[Run] = []
    for step, tag in enumerate(tags):
        if tag in left_open:
            continue
        if runs and runs[-1][0] + len(runs[-1][1]) == step:
            runs[-1][1].append(tag)
        else:
            runs.append((step, [tag]))
    return runs


def closed(rows: Sequence[Sequence[str]], left_open: set[str]) -> list[list[str]]:
    """Return the tags with `O` at the steps that are `left_open`."""
    return [["O" if tag in left_open else tag for tag in tags] for tags in rows]


def partial_violations(rows: Rows, scheme: Scheme, left_open: set[str]) -> Iterator[Finding]:
    """Yield every tag of the records annotated in part that breaks `scheme`, whatever is right where they are open."""
    for record, tags in enumerate(rows.columns["tags"]):
        if left_open.isdisjoint(tags):
            continue
        for step, tag in enumerate(tags):
            for wrong in (one for one in _readings(tag) if split_tag(one)[0] not in scheme.prefixes):
                what = f"tag {wrong!r}{f' in {tag!r}' if tag in left_open else ''} is none of {scheme.name}"
                yield rows.finding("tags", "error", rows.line(record, step), what)
        for first, run in annotated_runs(tags, left_open):
            for violation in scheme.violations(run):
                is_known = split_tag(violation.tag)[0] in scheme.prefixes
                after_open = first > 0 and violation.step == 0
                before_open = (
                    first + len(run) < len(tags) and violation.step == len(run) - 1 and "still open" in violation.reason
                )
                if is_known and not after_open and not before_open:
                    what = f"tag {violation.tag!r} breaks {scheme.name}: {violation.reason}"
                    yield rows.finding("tags", "error", rows.line(record, first + violation.step), what)


def told_as_partial(rows: Rows, left_open: set[str]) -> Iterator[Finding]:
    """Yield one finding that says how much is annotated in part, and what learns from it."""
    tags = rows.columns["tags"]
    places = [(record, step) for record, row in enumerate(tags) for step, tag in enumerate(row) if tag in left_open]
    if places:
        n_steps = sum(map(len, tags))
        what = (
            f"{len(places):,} of {n_steps:,} steps are annotated in part ({', '.join(sorted(left_open)[:3])}), from here on;"
            " head=[crf_partial] learns from such, other heads do not; --partial says that it is meant"
        )
        yield rows.finding("partial", "warning", rows.line(*places[0]), what)
