"""Every public part is made from its widths or parts alone, copied, pickled and captured, and refuses what does not fit."""

import copy
import inspect
import io
from pathlib import Path
from typing import Any

import pytest
import torch
from public_parts import LENGTHS, PARTS, WIDTH, Row, fitted, vectors
from torch import Tensor, nn

import seqlab
from seqlab import embeddings, encoders, heads
from seqlab.data import fields
from seqlab.data.fields import Field
from seqlab.errors import ConfigError
from seqlab.functional.native import Library
from seqlab.heads import layers

pytestmark = pytest.mark.filterwarnings("ignore:.*autograd.function.Function.* should not be instantiated")  # torch does
PACKAGES = (seqlab, encoders, embeddings, heads, layers, fields)
BATCH, TIME = torch.export.Dim("batch"), torch.export.Dim("time")
BASES = {heads.TokenHead, heads.LabelHead}
NOT_HERE = {
    *(embeddings.VectorEmbedding, embeddings.StaticSubwordEmbedding, embeddings.GazetteerEmbedding),
    *(fields.VectorField, fields.StaticSubwordField, fields.FastTextField, fields.GazetteerField),
    *(fields.ScoreField, heads.PairScoreHead, seqlab.LabelerModule),
}
"""Parts of files, columns or models that the records here lack: tested below, or by their own tests."""


@pytest.fixture(autouse=True)
def _captures_anew() -> None:
    """Forget earlier captures, which count against a limit of recompilations."""
    torch.compiler.reset()


def public_parts() -> set[type]:
    names = [getattr(package, name) for package in PACKAGES for name in package.__all__]
    return {one for one in names if inspect.isclass(one) and issubclass(one, nn.Module | Field) and not inspect.isabstract(one)}


def test_every_public_part_has_a_row() -> None:
    named = public_parts() - NOT_HERE - BASES
    assert named == set(PARTS), f"without a row, or not public: {named ^ set(PARTS)}"


def cases(condition: Any = lambda row: True) -> list[Any]:
    return [pytest.param(part, row, id=part.__name__) for part, row in PARTS.items() if condition(row)]


def values_of(row: Row, *, extra: int = 0, n_records: int = 3) -> Tensor:
    return torch.randn(n_records, 6, (row.width or WIDTH) + extra)


def made(row: Row) -> Any:
    torch.manual_seed(0)
    part = row.make()
    return part.eval() if isinstance(part, nn.Module) else part


@pytest.mark.parametrize(("part", "row"), cases())
def test_it_is_made_copied_and_pickled(part: type, row: Row) -> None:
    one, values, stream = made(row), values_of(row), io.BytesIO()
    torch.save(one, stream)
    stream.seek(0)
    for other in (copy.deepcopy(one), torch.load(stream, weights_only=False)):
        assert type(other) is part
        for found, expected in zip(row.call(other, values, LENGTHS), row.call(one, values, LENGTHS), strict=True):
            assert torch.equal(found, expected)
        if isinstance(one, Field):
            assert other.state() == one.state()


class Called(nn.Module):
    """A part as a function of values and lengths."""

    def __init__(self, row: Row) -> None:
        super().__init__()
        self.part, self.call = made(row), row.call

    def forward(self, values: Tensor, lengths: Tensor) -> tuple[Tensor, ...]:
        """Return what the part returns."""
        return self.call(self.part, values, lengths)


@pytest.mark.slow
@pytest.mark.parametrize(("part", "row"), cases(lambda row: row.captured is True))
def test_it_is_captured_as_one_graph(part: type, row: Row) -> None:
    called, values = Called(row), values_of(row)
    for found, expected in zip(
        torch.compile(called, backend="eager", fullgraph=True)(values, LENGTHS), called(values, LENGTHS), strict=True
    ):
        torch.testing.assert_close(found, expected)


@pytest.mark.slow
@pytest.mark.parametrize(("part", "row"), cases(lambda row: row.captured is True))
def test_it_is_exported_for_any_batch_and_time(part: type, row: Row) -> None:
    called, values = Called(row), values_of(row)
    with torch.no_grad():
        program = torch.export.export(called, (values, LENGTHS), dynamic_shapes=({0: BATCH, 1: TIME}, {0: BATCH}), strict=False)
    for lengths in ([4, 3], [1]):
        given = torch.randn(len(lengths), lengths[0], row.width), torch.tensor(lengths)
        for found, expected in zip(program.module()(*given), called(*given), strict=True):
            torch.testing.assert_close(found, expected)


@pytest.fixture
def _no_kernel(monkeypatch: pytest.MonkeyPatch) -> None:
    """Fail where a kernel runs."""

    def run(*_: object) -> None:
        raise AssertionError("a kernel runs")

    monkeypatch.setattr(Library, "run", run)


@pytest.mark.usefixtures("_no_kernel")
@pytest.mark.parametrize(("part", "row"), cases(lambda row: row.width))
@pytest.mark.parametrize("extra", [-1, 1])
def test_wrong_widths_are_refused(part: type, row: Row, extra: int) -> None:
    extra = extra if row.width + extra else 2  # at least one feature
    with pytest.raises(ConfigError, match=r"(features a step|have the shape .*|last axis .*); expected"):
        row.call(made(row), values_of(row, extra=extra), LENGTHS)


@pytest.mark.usefixtures("_no_kernel")
@pytest.mark.parametrize(("part", "row"), cases(lambda row: row.has_lengths))
def test_lengths_beyond_the_padding_are_refused(part: type, row: Row) -> None:
    with pytest.raises(ConfigError, match="lengths are 0 to 7; expected 0 to 6"):
        row.call(made(row), values_of(row), torch.tensor([7, 2, 0]))


@pytest.mark.usefixtures("_no_kernel")
@pytest.mark.parametrize(
    ("row", "misuse"),
    [
        pytest.param(row, misuse, id=f"{part.__name__}-{name}")
        for part, row in PARTS.items()
        for name, misuse in row.states.items()
    ],
)
def test_wrong_states_are_refused(row: Row, misuse: Any) -> None:
    with pytest.raises(ConfigError, match="initial state"):
        misuse(made(row))


def test_vectors_of_a_file(tmp_path: Path) -> None:
    one = embeddings.VectorEmbedding(fitted(vectors(tmp_path)))
    stream = io.BytesIO()
    torch.save(one, stream)
    stream.seek(0)
    assert torch.load(stream, weights_only=False).output_width == copy.deepcopy(one).output_width == 3
