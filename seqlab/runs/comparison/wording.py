"""Summarise findings in plain words."""

from seqlab.runs.comparison.compare import LEVEL, Comparison, Finding


def sentence(finding: Finding, *, comparison: Comparison) -> str:
    """Return a finding of a comparison as one sentence."""
    test = finding.records
    has_several = len({one.head for one in comparison.findings}) > 1
    of_head = f" of {finding.head}" if has_several else ""
    what = f"{test.score}{of_head}{f' on {finding.data_set}' if finding.data_set else ''}"
    if not test.difference:
        return f"{finding.a} and {finding.b} have the same {what}: {100 * test.value_a:.2f} % on {test.n_records:,} records."
    is_a_better = (test.difference > 0) == finding.is_better_high
    better, worse = (finding.a, finding.b) if is_a_better else (finding.b, finding.a)
    points = f"{100 * abs(test.difference):.1f} points"
    # The interval is of A - B; the sentence speaks of the better one.
    low, high = sorted(100 * end if test.difference > 0 else -100 * end for end in test.interval)
    interval = f"95 % interval {low:.1f} to {high:.1f}"
    tests = _tests(finding, is_corrected=len({one.b for one in comparison.findings}) > 1)
    if finding.is_beyond_chance:
        return f"{better} is better than {worse} by {points} of {what} ({interval}); {tests}: unlikely to be chance."
    between = f"between {finding.a} and {finding.b} in {what}"
    return f"No significant difference ({points}, {_decisive(finding)}) {between} ({interval}); {tests}."


def _tests(finding: Finding, *, is_corrected: bool) -> str:
    """Return the p-values with the names of their tests."""
    test, over_seeds = finding.records, finding.repetitions
    method = "exact randomisation" if test.is_exact else "approximate randomisation"
    named = f"{_p(test.p_value)} by {method} over {test.n_records:,} records"
    named += f" ({_p(finding.p_adjusted)} by Holm's correction)" if is_corrected else ""
    if over_seeds is None or over_seeds.p_value is None:
        return named
    difference = f"means differ by {100 * abs(over_seeds.difference):.1f}"
    return f"{named}, {_p(over_seeds.p_value)} by {finding.repetitions_by} ({difference})"


def _decisive(finding: Finding) -> str:
    """Return the p-value for which a difference is not significant."""
    of_seeds = finding.repetitions.p_value if finding.repetitions else None
    if of_seeds is not None and finding.p_adjusted < LEVEL:
        return f"{_p(of_seeds)} {'over folds' if 'folds' in str(finding.repetitions_by) else 'over seeds'}"
    return _p(finding.p_adjusted)


def _p(p_value: float) -> str:
    return "p < 0.001" if p_value < 0.001 else f"p = {p_value:.3g}"
