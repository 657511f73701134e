"""Print scores as tables: a row for each label with precision, recall and F1, and the numbers over all labels."""

from collections.abc import Collection, Mapping
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from seqlab.cli.tables import new_table
from seqlab.errors import visible
from seqlab.metrics.flat_scores import per_label_key

MAX_ROWS = 30
"""Labels shown; the most frequent ones where there are more."""
_NAMES = {
    "macro_f1": "macro F1",
    "micro_f1": "micro F1",
    "subset_accuracy": "all labels right",
    "majority_accuracy": "accuracy of the most frequent label",
    "pearson": "Pearson's correlation",
    "spearman": "Spearman's correlation",
    "mse": "mean squared error",
}
_NO_SHARES = ("pearson", "spearman", "mse", "loss")


def shown(name: str, value: float) -> str:
    """Return a score for people, by its name or a path that ends in it: shares in per cent, counts in full."""
    if isinstance(value, int):
        return f"{value:,}"
    return f"{value:.4f}" if name.rpartition("/")[2] in _NO_SHARES else f"{100 * value:.2f} %"


def by_head(scores: Mapping[str, Any], heads: Collection[str]) -> dict[str, Mapping[str, Any]]:
    """Return `scores` by the name of their head; those of a single head have no level of its name, and get ''.

    `heads` are the names of the model's heads; in `scores`, a data set may follow them after an @.
    """
    is_nested = all(name.partition("@")[0] in heads for name in scores)
    return dict(scores) if is_nested else {"": scores}


def print_scores(scores: Mapping[str, Any], *, title: str, console: Console, heads: Collection[str]) -> None:
    """Print each head's table and numbers, and those of the spans of a wanted precision, if any; `heads` as in `by_head`."""
    for name, head_scores in by_head(scores, heads).items():
        heading = f"{title}, {name}" if name else title
        print_title(heading, console=console)
        rows = per_label_key(head_scores)
        if rows is not None:
            console.print(_table(head_scores, rows=rows, console=console))
        for key, value in head_scores.items():
            if isinstance(value, int | float):
                line = f"{_NAMES.get(key, key.replace('_', ' '))}: {shown(key, value)}"
                console.print(line, highlight=False, soft_wrap=True)
        if found := head_scores.get("min_precision"):
            asked = f"spans of a precision of {100 * found['asked']:g} % on the validation records"
            print_title(f"{heading}: {asked}", console=console)
            console.print(_thresholds(found, console=console))


def _thresholds(found: Mapping[str, Any], *, console: Console) -> Table:
    heading = ("type", "from", "val kept", "val P", "val R", "precision", "recall", "F1", "support")
    table = new_table(console, heading, texts=("type",))
    for label, s in found["per_type"].items():
        is_kept = s["threshold"] is not None
        known = ["never", "", "", ""]
        if is_kept:
            known = [f"{s['threshold']:.4f}", f"{s['val_kept']:,}", *_percent(s["val_precision"], s["val_recall"])]
        table.add_row(escape(visible(label)), *known, *_cells(s), style="" if is_kept else "dim")
    support = sum(scores["support"] for scores in found["per_type"].values())
    table.add_row("all", "", "", "", "", *_cells({**found, "support": support}), style="bold")
    return table


def _table(scores: Mapping[str, Any], *, rows: str, console: Console) -> Table:
    unit, labels = rows.removeprefix("per_"), scores[rows]
    table = new_table(console, (unit, "precision", "recall", "F1", "support"), texts=(unit,))
    # The rows keep the order of the scores; only the choice is by frequency.
    frequent = sorted(labels, key=lambda label: -labels[label]["support"])[:MAX_ROWS]
    for label in (label for label in labels if label in set(frequent)):
        table.add_row(escape(visible(label)), *_cells(labels[label]))
    if len(labels) > MAX_ROWS:
        table.add_row(f"… {len(labels) - MAX_ROWS} rarer ones", "", "", "", "", style="dim")
    for name, (*values, support) in _totals(scores).items():
        table.add_row(name, *_percent(*values), f"{support:,}", style="bold")
    if inner := scores.get("inner_spans"):
        table.add_row("within others", *_cells(inner))
    return table


def _totals(scores: Mapping[str, Any]) -> dict[str, tuple[float, ...]]:
    """Return precision, recall, F1 and support over all spans; modes with the same numbers share a row."""
    modes: dict[tuple[float, ...], list[str]] = {}
    for mode in scores.get("span_f1", ()):
        modes.setdefault(tuple(scores[key][mode] for key in ("precision", "recall", "span_f1", "support")), []).append(mode)
    return {f"all ({', '.join(names)})" if len(modes) > 1 else "all": values for values, names in modes.items()}


def _percent(*values: float) -> list[str]:
    return [f"{100 * value:.2f}" for value in values]


def _cells(s: Mapping[str, Any]) -> list[str]:
    return [*_percent(s["precision"], s["recall"], s["f1"]), f"{s['support']:,}"]


def print_title(title: str, *, console: Console) -> None:
    """Print a blank line, and a title in bold."""
    # As text, since names of the user's are not markup.
    console.print(f"\n{title}", style="bold", highlight=False, markup=False, emoji=False, soft_wrap=True)
