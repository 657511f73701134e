"""Detect columns in other places than the reader expects.

Tags or labels are as varied as texts, or tokens count 1, 2, 3.
"""

from collections import Counter
from collections.abc import Mapping

import datasets
import numpy as np

from seqlab.data.columns import Columns, StringColumn
from seqlab.data.readers.source import Source

_N_RECORDS_COUNTED = 200
_N_LABELS_COUNTED = 10_000
_N_RECORDS_NEEDED = 10
"""Fewer records do not show whether texts or labels repeat."""
_COUNTING_SHARE = 0.9
_MANY = 20
"""Labels for each text above which labels look like texts, however short they are."""
_CHECKED = ("tokens", "text", "tags", "label")
_EQUAL_SHARE = 0.9
_ONCE_SHARE = 0.3
"""Share of the tags that occur once above which they look like words: 50 to 70 % of the words of a corpus occur once."""
_N_FINE_TAGS = 100
"""Tag sets up to this size may have as many members as a small file has words."""


def check_columns(records: datasets.Dataset, source: Source, *, setting: str, columns: Mapping[str, object]) -> None:
    """Report tokens or tags that count through each record, tags that look like words, and labels that look like texts.

    Args:
        records: All records of the file.
        source: Receives the fault, at the first record.
        setting: Setting of the reader that names its `columns`, or several settings, for the message.
        columns: Record column -> column of the file.
    """
    arrow = Columns(records)
    texts = {name: arrow.strings(name) for name in ("tokens", "tags") if name in arrow and len(arrow)}
    reason = next((f"{name} count 1, 2, 3 …" for name, text in texts.items() if _counts(text)), None)
    if reason is None and len(texts) == 2:
        reason = _why_words(**texts)
    if reason is None and {"tokens", "label"} <= set(records.column_names):
        reason = _why_texts(records)
    if reason is not None:
        used = ", ".join(f"{name}: {columns[name]}" for name in _CHECKED if name in columns and name in records.column_names)
        change = f"set data.reader.{setting}; data.reader.check_columns=false reads them as they are"
        source.fault(records[0].get("line", 1), f"{reason}; columns are {{{used}}}: swapped, or the wrong ones? {change}")


def _counts(text: StringColumn) -> bool:
    """Return whether most records of several steps are the numbers 1, 2, 3 … or 0, 1, 2 …, as in a column of word numbers."""
    offsets = text.codes.offsets
    rows = [text.codes.values[offsets[row] : offsets[row + 1]] for row in range(min(len(offsets) - 1, _N_RECORDS_COUNTED))]
    several = [[text.distinct[code] for code in codes] for codes in rows if len(codes) > 1]
    n_counting = sum(row in ([*map(str, range(len(row)))], [*map(str, range(1, len(row) + 1))]) for row in several)
    return max(map(len, several), default=0) > 2 and n_counting >= _COUNTING_SHARE * len(several)


def _why_texts(records: datasets.Dataset) -> str | None:
    """Return why the labels look like texts, and the texts like labels; None if they do not.

    Texts hardly repeat, and labels do: the fewer there are of a label set, the more often each occurs.
    """
    sample = records.select_columns(["tokens", "label"])[:_N_LABELS_COUNTED]
    labels = [" ".join(label) if isinstance(label, list) else label for label in sample["label"]]
    if len(labels) < _N_RECORDS_NEEDED or not all(isinstance(label, str) for label in labels):
        return None
    texts, counts = set(map(tuple, sample["tokens"])), Counter(labels)
    n_once = sum(n == 1 for n in counts.values())
    is_varied = 2 * len(texts) <= min(len(counts), len(labels)) and 2 * n_once > len(counts)
    n_text_words, n_label_words = sum(map(len, sample["tokens"])), sum(len(label.split()) for label in labels)
    if is_varied and (n_label_words > n_text_words or _MANY * len(texts) <= len(counts)):
        found = f"labels have {len(counts):,} different values in {len(labels):,} records ({n_once:,} occur once)"
        return f"{found}, texts {len(texts):,}"
    return None


def _why_words(*, tokens: StringColumn, tags: StringColumn) -> str | None:
    """Return why the tags look like words; None if they do not."""
    codes = {token: code for code, token in enumerate(tokens.distinct)}
    tag_codes = np.asarray([codes.get(tag, -1) for tag in tags.distinct], dtype=np.int64)
    n_equal = int(np.sum(tag_codes[tags.codes.values] == tokens.codes.values))
    n_steps, n_tags, n_words = len(tags.codes.values), len(tags.distinct), len(tokens.distinct)
    if n_tags > 2 and (n_equal == n_steps or (n_equal >= _EQUAL_SHARE * n_steps and n_tags > _N_FINE_TAGS)):
        return f"{n_equal:,} of {n_steps:,} tags equal their tokens"
    n_once = int(np.sum(tags.counts == 1))
    # in a small file, only tokens that look like tags tell words from a fine tag set
    is_varied = n_tags > n_words / 2 if n_tags > _N_FINE_TAGS else n_tags > 20 and n_tags > 2 * n_words
    if is_varied and n_once > _ONCE_SHARE * n_tags:
        return f"tags have {n_tags:,} different values in {n_steps:,} steps ({n_once:,} occur once), tokens {n_words:,}"
    return None
