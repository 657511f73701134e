"""Show labelled records on a terminal: spans on colour, tags next to words, record labels with their confidence."""

from collections.abc import Iterator, Mapping, Sequence
from itertools import accumulate, pairwise
from typing import final

from rich.console import Console
from rich.text import Text

from seqlab.errors import visible
from seqlab.heads.parts.layer import Layer
from seqlab.inference.inputs import Chunk
from seqlab.inference.outputs import OutputFormat
from seqlab.inference.records import TaggedRecord
from seqlab.types import Prediction

COLOURS = ("#1f5fa8", "#2e7d32", "#b3261e", "#7b3fa0", "#a05a00", "#00696b", "#a81f6c", "#55606e", "#4f6b00", "#5a4fcf")
"""Backgrounds dark enough for white text, assigned to labels in order and reused when they run out."""
N_LEGEND = 20


@final
class TerminalOutput(OutputFormat):
    """Prints records with a line for each head; without colour, spans are in brackets.

    Args:
        console: Where to print; its settings decide on colour.
        layers: The model's heads, as in `Tagger.layers`.
    """

    def __init__(self, console: Console, *, layers: Mapping[str, Layer]) -> None:
        self.console = console
        self.layers = layers
        self.uses_colour = console.color_system is not None and not console.no_color
        self._colours: dict[str, str] = {}
        # Labels of spans choose their colours first, since they are in the legend.
        for layer in sorted(layers.values(), key=lambda layer: not layer.scheme):
            for label in layer.labels:
                self._colour(label)
        self._in_legend = [label for layer in layers.values() if layer.scheme for label in layer.labels]
        self._needs_legend = self.uses_colour and 0 < len(self._in_legend) <= N_LEGEND

    def write(self, chunk: Chunk, tagged: Sequence[TaggedRecord]) -> None:
        """Print each record, with the legend before the first."""
        if self._needs_legend and tagged:
            self.console.print(self.legend(), soft_wrap=True)
            self._needs_legend = False
        for record in tagged:
            self.show(record)

    def show(self, record: TaggedRecord) -> None:
        """Print one record."""
        for line in self.lines(record):
            # `highlight`, `markup` and `emoji` would change the user's text: "[b]" or ":smile:" may be tokens.
            self.console.print(line, soft_wrap=True, highlight=False, markup=False, emoji=False)

    def legend(self) -> Text:
        """Return the labels of spans in their colours."""
        return Text(" ").join(self._chip(f" {visible(label)} ", label) for label in self._in_legend)

    def lines(self, record: TaggedRecord) -> Iterator[Text]:
        """Yield a line for each head, with its name if there are several."""
        for name, prediction in record.predictions.items():
            layer = self.layers[name]
            if name in record.spans_by_head and record.tokens:
                line = self._spans_line(record, name)
            elif layer.is_per_step:
                line = self._tags_line(record.tokens, prediction)
            else:
                line = self._labels_line(record, prediction)
            yield Text.assemble((f"{visible(name)}: ", "bold"), line) if len(self.layers) > 1 else line

    def _spans_line(self, record: TaggedRecord, name: str) -> Text:
        text, offsets = _laid_out(record)
        places = [(offsets[s.start][0], offsets[s.end - 1][1], s.label) for s in record.spans_by_head[name]]
        line = Text()
        if any(before > start for (_, before, _), (start, _, _) in pairwise(places)):  # nested or unordered spans
            return Text(" ").join(self._span(text[start:end], label) for start, end, label in places)
        for (_, before, _), (start, end, label) in pairwise([(0, 0, ""), *places]):
            line.append(visible(text[before:start]))
            line.append_text(self._span(text[start:end], label))
        return line.append(visible(text[places[-1][1] if places else 0 :]))

    def _span(self, text: str, label: str) -> Text:
        # Brackets where there is no colour, such as in a file.
        if not self.uses_colour:
            return Text(f"[{visible(text)} | {visible(label)}]")
        return self._chip(f" {visible(text)} ", label).append_text(self._chip(f"{visible(label)} ", label, "bold italic"))

    def _tags_line(self, tokens: Sequence[str], prediction: Prediction) -> Text:
        line = Text()
        mark = "/" if tokens else ""  # frames have no words to show
        words = tokens or [""] * len(prediction.labels)
        for i, (word, tag) in enumerate(zip(words, prediction.labels, strict=True)):
            line.append(" " if i else "").append(visible(word))
            line.append(f"{mark}{visible(tag)}", style=f"bold {self._colour(tag)}" if self.uses_colour else "")
        return line

    def _labels_line(self, record: TaggedRecord, prediction: Prediction) -> Text:
        line = Text()
        if prediction.value is not None:
            line.append(f"{prediction.value:.2f} = ", style="bold")
        for label, confidence in zip(prediction.labels, prediction.confidences, strict=True):
            line.append_text(self._chip(f" {visible(label)} ", label) if self.uses_colour else Text(visible(label)))
            line.append(f" {confidence:.2f}  ", style="dim")
        is_alone = len(self.layers) == 1
        return line.append(visible(_laid_out(record)[0])) if is_alone else line

    def _chip(self, text: str, label: str, style: str = "") -> Text:
        return Text(text, style=f"{style} #ffffff on {self._colour(label)}".strip())

    def _colour(self, label: str) -> str:
        return self._colours.setdefault(label, COLOURS[len(self._colours) % len(COLOURS)])


def _laid_out(record: TaggedRecord) -> tuple[str, Sequence[Sequence[int]]]:
    """Return the record's text and token offsets; records without text get their tokens joined by spaces."""
    if record.text is not None and record.offsets is not None:
        return record.text, record.offsets
    starts = accumulate((len(token) + 1 for token in record.tokens), initial=0)
    return " ".join(record.tokens), [(start, start + len(token)) for token, start in zip(record.tokens, starts, strict=False)]
