"""A row for each public part: how it is made from its widths or parts alone, called, and misused."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache, partial
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from seqlab import GRU, LSTM, RNN, Crf, Ctc, SemiMarkovCrf, embeddings, encoders, heads
from seqlab.data import fields
from seqlab.data.columns import Columns
from seqlab.data.fields import Field
from seqlab.heads.layers import HmmHybrid
from seqlab.steps import Steps
from seqlab.testing import labelled_columns
from seqlab.testing.ragged import ragged_steps
from seqlab.testing.records import batch_of, n_steps, taught_columns

WIDTH, UNITS = 5, 4
LENGTHS = torch.tensor([6, 2, 0])

Call = Callable[[Any, Tensor, Tensor], tuple[Tensor, ...]]
"""Of a part, values and lengths."""


def steps_of(part: Any, values: Tensor, lengths: Tensor) -> tuple[Tensor, ...]:
    steps = part(Steps(values, lengths))
    return steps.zero_padded().values, steps.summary


def state_of(cell: Any, values: Tensor, lengths: Tensor) -> tuple[Tensor, ...]:
    return tuple(cell(values[:, 0]))


def output_of(module: Any, values: Tensor, lengths: Tensor) -> tuple[Tensor, ...]:
    output, last = module(values, lengths=lengths)
    return output, *(last if isinstance(last, tuple) else (last,))


def mask_of(values: Tensor, lengths: Tensor) -> Tensor:
    return torch.arange(values.shape[1]) < lengths[:, None]


def crf_loss(crf: Any, values: Tensor, lengths: Tensor) -> tuple[Tensor, ...]:
    tags = torch.zeros(values.shape[:2], dtype=torch.long)
    return (crf.loss(values, tags, mask_of(values, lengths)),)


def segment_loss(crf: Any, values: Tensor, lengths: Tensor) -> tuple[Tensor, ...]:
    segments = [[(step, step + 1, 0) for step in range(length)] for length in lengths.tolist()]
    return (crf.loss(values, segments, mask_of(values, lengths)),)


def alignment_loss(layer: Any, values: Tensor, lengths: Tensor) -> tuple[Tensor, ...]:
    labels = torch.zeros(len(values), 1, dtype=torch.long)
    return (layer.loss(values, labels, lengths, lengths.clamp(max=1)),)


@dataclass(frozen=True)
class Row:
    """A part.

    Args:
        make: Constructs it.
        call: Calls it.
        width: Features of the values that it takes; None: it takes no values.
        states: Calls with states of wrong shapes.
        captured: Whether programs with it are captured and exported, or a word for why not: it reads a `batch` or looks at
            `labels`, which a captured program cannot, or is a `field`, no module.
        has_lengths: Whether it reads lengths of records; others read one step, a mask, bounds or the summary.
    """

    make: Callable[[], Any]
    call: Call
    width: int | None = WIDTH
    states: Mapping[str, Callable[[Any], object]] = field(default_factory=dict)
    captured: bool | str = True
    has_lengths: bool = True


CELL = partial(
    Row,
    call=state_of,
    has_lengths=False,
    states={
        "count": lambda cell: cell(torch.zeros(3, WIDTH), ()),
        "width": lambda cell: cell(torch.zeros(3, WIDTH), wrong_state(cell, 3, extra=1)),
        "batch": lambda cell: cell(torch.zeros(3, WIDTH), wrong_state(cell, 2)),
    },
)


def wrong_state(cell: Any, n_records: int, *, extra: int = 0) -> tuple[Tensor, ...]:
    return tuple(torch.zeros(n_records, width + extra) for width in cell.state_widths.values())


ENCODER = partial(Row, call=steps_of)


def with_state(encoder: Any, *shape: int) -> object:
    names = ("0.hidden", "0.cell", "0.hidden.backward", "0.cell.backward")
    return encoder(Steps(torch.zeros(3, 6, WIDTH), LENGTHS, state={name: torch.zeros(shape) for name in names}))


def module(make: Callable[..., Any], n_states: int) -> Row:
    def misuse(made: Any, *shape: int) -> object:
        states = tuple(torch.zeros(shape) for _ in range(n_states))
        return made(torch.zeros(3, 6, WIDTH), states if n_states > 1 else states[0])

    states = {"width": lambda made: misuse(made, 1, 3, UNITS + 1), "batch": lambda made: misuse(made, 1, 2, UNITS)}
    return Row(lambda: make(WIDTH, UNITS, batch_first=True), output_of, states=states)


@cache
def columns() -> Columns:
    return taught_columns(labelled_columns())


def fitted(made: Field) -> Field:
    made.fit(columns())
    return made


RECORD_LENGTHS = n_steps(labelled_columns(), column="tokens")
BATCH = partial(batch_of, columns=columns(), lengths=RECORD_LENGTHS)


def embedding(make: Callable[..., Any], of: Callable[[], Field]) -> Row:
    def call(part: Any, values: Tensor, lengths: Tensor) -> tuple[Tensor, ...]:
        read = [one.field for one in getattr(part, "parts", {"": part}).values()]
        made = part(BATCH(read))
        return (made.values if isinstance(made, Steps) else made,)

    return Row(lambda: make(fitted(of())), call, width=None, has_lengths=False, captured="batch")


def head(
    make: Callable[..., Any],
    of: Callable[[], Field],
    *,
    width: int = WIDTH,
    has_lengths: bool = True,
    **others: Callable[[], Field],
) -> Row:
    def made() -> Any:
        parts = {name: fitted(one()) for name, one in others.items()}
        return make(target=fitted(of()), input_width=width, summary_width=WIDTH, **parts)

    def call(part: Any, values: Tensor, lengths: Tensor) -> tuple[Tensor, ...]:
        read = [part.target, *([part.bounds] if "bounds" in others else [])]
        batch, records = BATCH(read), torch.as_tensor(RECORD_LENGTHS)
        steps = ragged_steps(values.shape[2], lengths=records.tolist(), summary_width=values.shape[2])
        lengths = torch.where(records == records.max(), lengths.max(), records)
        steps = Steps(torch.ones_like(steps.values), lengths, steps.summary)
        both = Steps(steps.values, lengths, steps.summary, second=steps) if part.is_of_pairs else steps
        return (part.loss(both, batch),)

    return Row(made, call, width=width, captured="batch", has_lengths=has_lengths)


def vectors(folder: Path) -> Field:
    path = folder / "vectors.txt"
    path.write_text("2 3\nada 1 2 3\nsaw 4 5 6\n", encoding="utf-8")
    return fields.VectorField(paths=[str(path)])


def column(make: Callable[..., Any], **facts: Any) -> Row:
    return Row(lambda: fitted(make(**facts)), lambda *_: (), width=None, has_lengths=False, captured="field")


PARTS: dict[type, Row] = {
    LSTM: module(LSTM, 2),
    GRU: module(GRU, 1),
    RNN: module(RNN, 1),
    Crf: Row(lambda: Crf(WIDTH), crf_loss, has_lengths=False, captured="labels"),
    SemiMarkovCrf: Row(lambda: SemiMarkovCrf(WIDTH, 2), segment_loss, has_lengths=False, captured="labels"),
    Ctc: Row(lambda: Ctc(WIDTH - 1), alignment_loss, captured="labels"),
    HmmHybrid: Row(lambda: HmmHybrid(WIDTH - 1, states_per_label=1), alignment_loss, captured="labels"),
    encoders.LstmCell: CELL(lambda: encoders.LstmCell(WIDTH, UNITS)),
    encoders.GruCell: CELL(lambda: encoders.GruCell(WIDTH, UNITS)),
    encoders.RnnCell: CELL(lambda: encoders.RnnCell(WIDTH, UNITS)),
    encoders.IdentityEncoder: ENCODER(lambda: encoders.IdentityEncoder(WIDTH)),
    encoders.OutputEncoder: ENCODER(lambda: encoders.OutputEncoder(WIDTH)),
    encoders.WindowEncoder: ENCODER(lambda: encoders.WindowEncoder(WIDTH)),
    encoders.RecurrentEncoder: ENCODER(
        lambda: encoders.RecurrentEncoder(WIDTH, UNITS),
        states={
            "width": lambda encoder: with_state(encoder, 3, UNITS + 1),
            "batch": lambda encoder: with_state(encoder, 2, UNITS),
            "names": lambda encoder: encoder(
                Steps(torch.zeros(3, 6, WIDTH), LENGTHS, state={"0.hidden": torch.zeros(3, UNITS)})
            ),
        },
    ),
    encoders.ChainEncoder: ENCODER(
        lambda: encoders.ChainEncoder(WIDTH, parts={"window": encoders.WindowEncoder, "output": encoders.OutputEncoder})
    ),
    embeddings.CategoryEmbedding: embedding(embeddings.CategoryEmbedding, fields.CategoryField),
    embeddings.CategoryIds: embedding(embeddings.CategoryIds, fields.CategoryField),
    embeddings.CharCnnEmbedding: embedding(embeddings.CharCnnEmbedding, fields.CharacterField),
    embeddings.CharLstmEmbedding: embedding(embeddings.CharLstmEmbedding, fields.CharacterField),
    embeddings.FrameEmbedding: embedding(embeddings.FrameEmbedding, fields.FramesField),
    embeddings.EmbeddingLayer: embedding(
        lambda of: embeddings.EmbeddingLayer({"words": embeddings.CategoryEmbedding(of)}), fields.CategoryField
    ),
    heads.BiaffineSpanHead: head(heads.BiaffineSpanHead, fields.SpanField),
    heads.CrfTokenHead: head(heads.CrfTokenHead, fields.TagField),
    heads.SecondOrderCrfTokenHead: head(heads.SecondOrderCrfTokenHead, fields.TagField),
    heads.SoftmaxTokenHead: head(heads.SoftmaxTokenHead, fields.TagField),
    heads.SemiMarkovHead: head(heads.SemiMarkovHead, lambda: fields.TagField(scheme="BIO")),
    heads.HmmTokenHead: head(heads.HmmTokenHead, fields.TagField, width=1, words=fields.CategoryField),
    heads.CtcHead: head(heads.CtcHead, fields.LabelSequenceField),
    heads.HmmHybridHead: head(heads.HmmHybridHead, fields.LabelSequenceField),
    heads.SegmentHead: head(heads.SegmentHead, fields.SegmentLabelField, has_lengths=False, bounds=fields.SegmentBoundsField),
    heads.SequenceHead: head(heads.SequenceHead, fields.LabelField),
    heads.MultiLabelHead: head(heads.MultiLabelHead, lambda: fields.MultiLabelField("topics")),
    heads.PairLabelHead: head(heads.PairLabelHead, fields.LabelField, has_lengths=False),
    fields.CategoryField: column(fields.CategoryField),
    fields.CharacterField: column(fields.CharacterField),
    fields.FramesField: column(fields.FramesField),
    fields.LabelField: column(fields.LabelField),
    fields.LabelSequenceField: column(fields.LabelSequenceField),
    fields.MultiLabelField: column(fields.MultiLabelField, column="topics"),
    fields.PartialTagField: column(fields.PartialTagField),
    fields.SegmentBoundsField: column(fields.SegmentBoundsField),
    fields.SegmentLabelField: column(fields.SegmentLabelField),
    fields.SpanField: column(fields.SpanField),
    fields.TagField: column(fields.TagField),
    fields.TaughtTagField: column(fields.TaughtTagField),
}
"""Every public class of these packages that is a part of a model."""
