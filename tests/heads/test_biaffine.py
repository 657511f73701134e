import json
from itertools import product
from pathlib import Path

import pytest
import torch

import seqlab
from seqlab.cli.main import main
from seqlab.data.columns import Columns
from seqlab.data.fields import SpanField
from seqlab.data.records import records_from_columns
from seqlab.errors import ConfigError
from seqlab.heads import BiaffineSpanHead
from seqlab.steps import Steps
from seqlab.testing.records import bare_batch, batch_of, n_steps

WIDTH = 4
TOKENS = [["a", "b", "c", "d"], ["e", "f"], []]
SPANS = [[(0, 4, "X"), (1, 3, "X"), (1, 2, "Y")], [(1, 2, "Y")], []]
LENGTHS = torch.tensor([4, 2, 0])


def columns_of(spans: list[list[tuple[int, int, str | None]]]) -> Columns:
    segments = [[{"start": start, "end": end, "label": label} for start, end, label in row] for row in spans]
    return Columns(records_from_columns({"id": ["p", "q", "r"], "tokens": TOKENS, "segments": segments}))


COLUMNS = columns_of(SPANS)


def head(*, max_width: int | None = None, can_nest: bool = True, omission_cost: float = 0.0) -> BiaffineSpanHead:
    target = SpanField(column="segments", scheme=None)
    target.fit(COLUMNS)
    torch.manual_seed(0)
    made = BiaffineSpanHead(
        target=target,
        input_width=WIDTH,
        summary_width=1,
        hidden_width=5,
        drop_prob=0.0,
        max_width=max_width,
        can_nest=can_nest,
        omission_cost=omission_cost,
    ).eval()
    torch.nn.init.normal_(made.scores.widths)
    return made


def some_steps() -> Steps:
    return Steps(torch.randn(3, 4, WIDTH, generator=torch.Generator().manual_seed(3)), LENGTHS)


def loss_of(made: BiaffineSpanHead, columns: Columns = COLUMNS) -> torch.Tensor:
    batch = batch_of([made.target], columns, rows=[0, 1, 2], lengths=n_steps(columns, column="tokens"))
    return made.loss(some_steps(), batch)


def score_of(made: BiaffineSpanHead, values: torch.Tensor, start: int, end: int) -> torch.Tensor:
    """Return the scores of one span, label by label as the equation says."""
    scores = made.scores
    first, last = scores.start(values[start]).relu(), scores.end(values[end - 1]).relu()
    pairs = torch.stack([first @ scores.products[:, label] @ last for label in range(3)])
    gates = scores.gate(values[start:end]).sigmoid()
    within = (gates * scores.within(values[start:end])).sum(0) / gates.sum(0)
    return pairs + scores.first(first) + scores.last(last) + scores.widths[end - start - 1] + within


@pytest.mark.parametrize("max_width", [None, 1, 2, 9])
def test_a_span_scores_by_its_first_step_its_last_step_and_its_width(max_width: int | None) -> None:
    made, steps = head(max_width=max_width), some_steps()
    found = made._scores(steps)
    for record, length in enumerate(LENGTHS.tolist()):
        for start, end in product(range(length), range(1, length + 1)):
            if 0 < end - start <= (max_width or 9):
                expected = score_of(made, steps.values[record], start, end)
                torch.testing.assert_close(found[record, start, end - start - 1], expected)


def test_widths_beyond_the_last_share_its_score() -> None:
    made = head()
    steps = Steps(torch.zeros(1, 40, WIDTH), torch.tensor([40]))
    scores = made._scores(steps)[0, 0]
    assert torch.equal(scores[31:], scores[31].expand(9, 3))
    assert not torch.equal(scores[30], scores[31])


@pytest.mark.parametrize("max_width", [None, 2])
@pytest.mark.parametrize("omission_cost", [0.0, 1.5])
def test_loss_is_that_of_every_span_a_step(max_width: int | None, omission_cost: float) -> None:
    made, steps = head(max_width=max_width, omission_cost=omission_cost).train(), some_steps()
    expected = torch.zeros(())
    for record, length in enumerate(LENGTHS.tolist()):
        gold = {(start, end): made.target.labels.index(label) + 1 for start, end, label in SPANS[record]}
        for start, end in product(range(length), range(1, length + 1)):
            if 0 < end - start <= (max_width or 9):
                label = gold.get((start, end), 0)
                cost = torch.tensor([omission_cost if label else 0.0, 0.0, 0.0])
                expected = expected - (score_of(made, steps.values[record], start, end) + cost).log_softmax(0)[label]
    torch.testing.assert_close(loss_of(made), expected / 6)
    torch.testing.assert_close(loss_of(made.eval()), loss_of(head(max_width=max_width)))


def test_a_span_of_unknown_label_teaches_nothing() -> None:
    made, steps = head(), some_steps()
    unknown = columns_of([[*SPANS[0], (2, 4, "Z"), (0, 1, None)], SPANS[1], []])
    left_out = sum(-score_of(made, steps.values[0], *span).log_softmax(0)[0] for span in ((2, 4), (0, 1)))
    torch.testing.assert_close(loss_of(made, unknown), loss_of(made) - left_out / 6)


def test_of_two_labels_of_a_span_the_rarer_is_learned() -> None:
    made = head()
    labels = made.target.labels
    for both in (labels, labels[::-1]):
        twice, once = ([[*((0, 2, label) for label in given)], [], []] for given in (both, labels[1:]))
        torch.testing.assert_close(loss_of(made, columns_of(twice)), loss_of(made, columns_of(once)))


def test_spans_too_wide_are_misses() -> None:
    made = head(max_width=1)
    with torch.no_grad():
        made.scores.first.bias[0] = -100.0
    predictions = made.predict(some_steps(), bare_batch(some_steps()), use_confidences=True)
    found = [bounds for prediction in predictions for bounds in prediction.bounds or []]
    assert len(found) == int(some_steps().lengths.sum())  # every step, and nothing wider
    scores = made.score(made.gold(COLUMNS), predictions)
    assert sum(of_type["support"] for of_type in scores["per_type"].values()) == 4
    assert scores["matches"]["exact"]["missed"] + scores["matches"]["exact"]["incorrect"] == 2


def test_the_spans_are_the_best_that_do_not_cross(monkeypatch: pytest.MonkeyPatch) -> None:
    made = head()
    scores = torch.full((1, 4, 4, 3), -9.0)
    scores[..., 0] = 0.0
    for start, end, label, gain in ((0, 3, 1, 5.0), (2, 4, 2, 4.0), (1, 3, 2, 3.0), (0, 4, 1, 2.0), (1, 2, 1, -1.0)):
        scores[0, start, end - start - 1, label] = gain
    steps = Steps(torch.zeros(1, 4, WIDTH), torch.tensor([4]))
    monkeypatch.setattr(made, "_scores", lambda steps: scores)
    (nested,) = made.predict(steps, bare_batch(steps), use_confidences=True)
    assert nested.bounds == [(0, 4), (0, 3), (1, 3)]
    assert nested.labels == [made.target.labels[i] for i in (0, 0, 1)]
    expected = [scores[0, 0, 3].softmax(0)[1], scores[0, 0, 2].softmax(0)[1], scores[0, 1, 1].softmax(0)[2]]
    assert nested.confidences == pytest.approx([p.item() for p in expected])
    made.can_nest = False
    (flat,) = made.predict(steps, bare_batch(steps), use_confidences=False)
    assert (flat.bounds, flat.confidences) == ([(0, 3)], [])


def test_a_temperature_changes_confidences_alone() -> None:
    made, steps = head(), some_steps()
    torch.nn.init.zeros_(made.scores.first.bias)
    before = made.predict(steps, bare_batch(steps), use_confidences=True)
    made.temperature.value.fill_(3.0)
    after = made.predict(steps, bare_batch(steps), use_confidences=True)
    assert any(prediction.labels for prediction in before)
    assert [(p.labels, p.bounds) for p in after] == [(p.labels, p.bounds) for p in before]
    assert after[0].confidences != before[0].confidences


def test_right_predictions_score_one() -> None:
    made = head()
    gold = made.gold(COLUMNS)
    right = [seqlab.Prediction([label for _, label in row], [1.0] * len(row), [bounds for bounds, _ in row]) for row in gold]
    scores = made.score(gold, right)
    assert scores["span_f1"]["strict"] == 1.0
    assert scores["inner_spans"]["support"] == 2
    assert scores["expected_calibration_error"] == 0.0


def test_spans_that_nobody_labelled_are_neither_right_nor_wrong() -> None:
    made = head()
    gold = made.gold(columns_of([[(0, 4, "X"), (1, 3, None)], [], []]))
    found = seqlab.Prediction(["X", "X", "Y"], [1.0] * 3, [(0, 4), (1, 3), (2, 3)])
    nothing = seqlab.Prediction([], [], [])
    scores = made.score(gold, [found, nothing, nothing])
    assert scores["precision"]["strict"] == 0.5
    assert scores["recall"]["strict"] == 1.0
    assert made.spans.gold(columns_of([[(0, 4, "X"), (1, 3, None)], [], []]))[0] == [((0, 4), "X"), ((1, 3), None)]


def test_scores_need_no_confidences() -> None:
    made = head()
    predictions = made.predict(some_steps(), bare_batch(some_steps()), use_confidences=False)
    assert "expected_calibration_error" not in made.score(made.gold(COLUMNS), predictions)


def test_a_width_of_no_step_is_refused() -> None:
    with pytest.raises(ConfigError, match="max_width is 0; expected at least 1"):
        head(max_width=0)


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> seqlab.Run:
    """Return a run that learned nested spans from a few records."""
    root = tmp_path_factory.mktemp("nested")
    rows = [
        {"tokens": ["the", "king", "of", "Spain", "left"], "segments": [[0, 4, "person"], [3, 4, "place"]]},
        {"tokens": ["Spain", "won"], "segments": [[0, 1, "place"]]},
        {"tokens": ["it", "rains"], "segments": []},
    ]
    for split in ("train", "dev", "test"):
        lines = [
            json.dumps({**row, "segments": [dict(zip(("start", "end", "label"), s, strict=True)) for s in row["segments"]]})
            for row in rows
        ]
        (root / f"{split}.jsonl").write_text("\n".join(lines * (6 if split == "train" else 1)) + "\n")
    data = ["data=jsonl", f"data.dir={root}", "data.scheme=null"]
    model = [
        "head=[biaffine]",
        "embedding=[words]",
        "encoder.width=16",
        "heads.spans.hidden_width=16",
        "heads.spans.drop_prob=0",
    ]
    quick = ["max_tokens=30", "optimizer.lr=0.03", "trainer.max_epochs=12", "callbacks=none", "n_threads=1", "seed=1"]
    still = ["embedding.parts.words.unknown_alpha=0", "embedding.dropout={variational: 0.0}", "encoder.output_drop_prob=0"]
    return seqlab.train([*data, *model, *quick, *still, f"paths.root_dir={root}"])


def test_a_trained_bundle_labels_nested_spans(run: seqlab.Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run.metrics["test"]["span_f1"]["strict"] == 1.0
    texts = tmp_path / "in.jsonl"
    texts.write_text('{"tokens": ["the", "king", "of", "Spain", "left"]}\n{"tokens": []}\n')
    assert main(["predict", str(run.folder), str(texts), "--to", "jsonl"]) == 0
    first, empty = (json.loads(line)["predictions"]["spans"] for line in capsys.readouterr().out.splitlines())
    assert [(s["start"], s["end"], s["label"], s["text"]) for s in first["spans"]] == [
        (0, 4, "person", "the king of Spain"),
        (3, 4, "place", "Spain"),
    ]
    assert all(0.5 < span["confidence"] <= 1 for span in first["spans"])
    assert empty == {"labels": [], "confidences": [], "spans": []}


def test_a_trained_bundle_is_evaluated(run: seqlab.Run, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["evaluate", str(run.folder)]) == 0
    shown = capsys.readouterr().out
    assert "within others" in shown
    assert "all   " in shown
    assert main(["evaluate", str(run.folder), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["span_f1"]["strict"] == 1.0
