import pytest
import torch
from torch import nn

from seqlab.encoders import GruCell, LstmCell, RnnCell
from seqlab.report import ParameterRow, parameter_rows
from seqlab.training.train import untrained

SMALL = ["data.reader.n_train=20", "data.reader.n_val=5", "data.reader.n_test=5", "paths.run_dir=."]


def cells_of(encoder: str) -> list[ParameterRow]:
    return [row for row in parameter_rows(untrained([f"encoder={encoder}", *SMALL])) if ".cells." in row.name]


def test_an_lstm_has_four_times_a_vanilla_cells_parameters_and_a_gru_three_times() -> None:
    vanilla, gated, memory = (cells_of(encoder) for encoder in ("rnn", "gru", "lstm"))
    assert [row.kind for row in (*vanilla, *gated, *memory)] == ["RnnCell"] * 2 + ["GruCell"] * 2 + ["LstmCell"] * 2
    for part in ("n_input", "n_recurrent", "n_total"):
        one, three, four = (getattr(rows[0], part) for rows in (vanilla, gated, memory))
        assert one > 0
        assert (three, four) == (3 * one, 4 * one)


def test_rows_add_up_to_the_model() -> None:
    model = untrained(["encoder=lstm_peephole", "encoder.connection=highway", "encoder.width=[8,6]", *SMALL])
    rows = parameter_rows(model)
    assert sum(row.n_total for row in rows) == sum(p.numel() for p in model.parameters())
    assert len({row.name for row in rows}) == len(rows)
    assert "encoder.connections.1.0.gate" in {row.name for row in rows}


def test_what_training_leaves_alone_is_counted_apart() -> None:
    layer = nn.Linear(3, 2)
    layer.weight.requires_grad_(False)
    layer.register_buffer("matrix", torch.zeros(5, 4))
    assert parameter_rows(layer) == [ParameterRow("", "Linear", n_input=0, n_recurrent=0, n_other=2, n_frozen=26)]


@pytest.mark.parametrize("kind", [RnnCell, GruCell, LstmCell])
def test_cells_have_the_parameters_that_are_counted(kind: type[nn.Module]) -> None:
    option = {RnnCell: "rnn", GruCell: "gru", LstmCell: "lstm"}[kind]
    model = untrained([f"encoder={option}", *SMALL])
    cell = next(module for module in model.modules() if isinstance(module, kind))
    row = next(row for row in parameter_rows(model) if ".cells.0" in row.name)
    assert (row.n_input, row.n_recurrent) == (cell.weight_ih.numel(), cell.weight_hh.numel())
