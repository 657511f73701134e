"""Summarise findings in plain words."""

from seqlab.runs.comparison.compare import LEVEL, Comparison, Finding


def sentence(finding: Finding, *, comparison: Comparison) -> str:
    """Return a finding of a comparison as one sentence."""
    test = finding.records
    has_several = len({one.head for one in comparison.findings}) > 1
    of_head = f" of {finding.head}" if has_several else ""
    what = f"{test.score}{of_head}{f' on {finding.data_set}' if finding.data_set else ''}"
    is_corrected = len({one.b for one in comparison.findings}) > 1
    if not test.difference:
        return f"{finding.a} and {finding.b} have the same {what}: {100 * test.value_a:.2f} % on {test.n_records:,} records."
    is_a_better = (test.difference > 0) == finding.is_better_high
    better, worse = (finding.a, finding.b) if is_a_better else (finding.b, finding.a)
    # The interval is of A - B; the sentence speaks of the better one.
    low, high = sorted(100 * end if test.difference > 0 else -100 * end for end in test.interval)
    method = "exact randomisation" if test.is_exact else "approximate randomisation"
    corrected = f" ({_p(finding.p_adjusted)} by Holm's correction)" if is_corrected else ""
    return (
        f"{better} is better than {worse} by {100 * abs(test.difference):.1f} points of {what} "
        f"(95 % interval {low:.1f} to {high:.1f}); {_p(test.p_value)} by {method} over {test.n_records:,} records"
        f"{corrected}{_over_repetitions(finding)}: {_verdict(finding)}."
    )


def _over_repetitions(finding: Finding) -> str:
    found = finding.repetitions
    if found is None or found.p_value is None:
        return ""
    return f", {_p(found.p_value)} by {finding.repetitions_by} (means differ by {100 * abs(found.difference):.1f})"


def _verdict(finding: Finding) -> str:
    if finding.is_beyond_chance:
        return "unlikely to be chance"
    of_seeds = finding.repetitions.p_value if finding.repetitions else None
    if of_seeds is not None and finding.p_adjusted < LEVEL:
        return "not chance on these records, but it may be chance of the seeds"
    return "may well be chance"


def _p(p_value: float) -> str:
    return "p < 0.001" if p_value < 0.001 else f"p = {p_value:.3f}"
