import copy
import functools

import numpy as np
import pytest
import torch

from seqlab.config.build import known_targets
from seqlab.config.compose import MODEL_KEYS, compose, plain
from seqlab.data.batch import EncodedRecords
from seqlab.data.fields.registry import Fields
from seqlab.data.splits import read_splits
from seqlab.heads.parts.temperature import Temperature
from seqlab.model.labeler import Labeler, build_labeler
from seqlab.training.calibration import fit_temperatures, measure_precision
from seqlab.training.datamodule import evaluation_loader

SMALL = ["data.reader.n_train=60", "data.reader.n_val=40", "data.reader.n_test=20", "encoder.width=8", "embedding=[words]"]
HEADS = ["head=[crf]", "head=[softmax]", "head=[sequence]", "head=[segment]", "head=[semi_markov]", "head=[crf,sequence]"]


def made(*overrides: str) -> tuple[Labeler, EncodedRecords]:
    """Return a labeler that has learned a little, with scores far too large, and records that it has not seen."""
    labeler, records = learned(*overrides)
    return copy.deepcopy(labeler), records


@functools.cache
def learned(*overrides: str) -> tuple[Labeler, EncodedRecords]:
    settings = plain(compose(["paths.run_dir=.", *SMALL, *overrides]))
    splits = read_splits(settings["data"], targets=known_targets(), seed=0)
    fields = Fields.from_config({key: settings[key] for key in MODEL_KEYS}, targets=known_targets())
    fields.fit(splits["train"])
    torch.manual_seed(0)
    labeler = build_labeler(settings, fields=fields, targets=known_targets())
    optimizer = torch.optim.Adam(labeler.parameters(), lr=0.01)
    known = fields.encode(splits["train"])
    for _ in range(20):
        optimizer.zero_grad()
        torch.stack(list(labeler.losses(known.batch(np.arange(len(known)))).values())).sum().backward()
        optimizer.step()
    with torch.no_grad():
        for parameter in labeler.heads.parameters():
            parameter.mul_(6.0)
    return labeler.eval(), fields.encode(splits["val"])


def losses(labeler: Labeler, records: EncodedRecords) -> dict[str, float]:
    with torch.no_grad():
        found = labeler.losses(records.batch(np.arange(len(records))))
    return {name: float(loss) for name, loss in found.items()}


@pytest.mark.parametrize("head", HEADS)
def test_the_temperature_is_that_of_the_lowest_loss_and_leaves_labels_as_they_are(head: str) -> None:
    labeler, records = made(head)
    batch = records.batch(np.arange(len(records)))
    labels = {name: [p.labels for p in rows] for name, rows in labeler.predict(batch, use_confidences=False).items()}
    before = losses(labeler, records)
    found = fit_temperatures(labeler, [batch])
    assert found.keys() == labeler.heads.keys()
    best = losses(labeler, records)
    for name, temperature in found.items():
        assert temperature > 1.2  # scores six times too large
        assert best[name] < before[name]
        (module,) = [part for part in labeler.heads[name].modules() if isinstance(part, Temperature)]
        for factor in (0.9, 1.1):
            module.value.fill_(temperature * factor)
            assert losses(labeler, records)[name] > best[name]
        module.value.fill_(temperature)
    after = {name: [p.labels for p in rows] for name, rows in labeler.predict(batch, use_confidences=False).items()}
    assert after == labels


def test_batches_count_by_their_steps() -> None:
    labeler, records = made("head=[softmax]")
    whole = fit_temperatures(labeler, [records.batch(np.arange(len(records)))])
    loader = evaluation_loader(records, max_tokens=60)
    assert len(loader) > 3
    assert fit_temperatures(labeler, loader)["tags"] == pytest.approx(whole["tags"], rel=1e-3)


def test_records_count_once_each_where_a_head_labels_records() -> None:
    labeler, records = made("head=[sequence]")
    whole = fit_temperatures(labeler, [records.batch(np.arange(len(records)))])
    rows = np.argsort(records.lengths)  # short ones together: by steps, the long ones would decide
    assert fit_temperatures(labeler, [records.batch(rows[:30]), records.batch(rows[30:])])["label"] == pytest.approx(
        whole["label"], rel=1e-3
    )


@pytest.mark.parametrize(
    "option", ["heads.tags.label_smoothing=0.3", "heads.tags.focal_gamma=2.0", "+heads.tags.class_weights.O=0.05"]
)
def test_temperatures_are_those_of_the_likelihood_whatever_is_trained_by(option: str) -> None:
    labeler, records = made("head=[softmax]")
    plain = fit_temperatures(labeler, [records.batch(np.arange(len(records)))])
    other, _ = made("head=[softmax]", option)
    other.load_state_dict(labeler.state_dict())
    assert fit_temperatures(other, [records.batch(np.arange(len(records)))]) == plain


def test_where_nothing_is_wrong_confidences_stay_as_they_are(caplog: pytest.LogCaptureFixture) -> None:
    labeler, records = made("head=[sequence]")
    batch = records.batch(np.arange(len(records)))
    (said,) = labeler.predict(batch, use_confidences=False).values()
    right = [
        row for row, (one, label) in enumerate(zip(said, records.columns.lists("label"), strict=True)) if one.labels == [label]
    ]
    assert fit_temperatures(labeler, [records.batch(np.asarray(right[:3]))]) == {"label": 1.0}
    assert "heads.label: too few validation records to calibrate its confidences" in caplog.text


def test_without_records_nothing_is_fitted() -> None:
    labeler, _ = made("head=[crf]")
    assert fit_temperatures(labeler, []) == {"tags": 1.0}


def test_training_is_at_temperature_1() -> None:
    temperature = Temperature()
    temperature.value.fill_(2.0)
    scores = torch.tensor([1.0, 4.0])
    assert torch.equal(temperature.train()(scores), scores)
    assert torch.equal(temperature.eval()(scores), scores / 2)


@pytest.mark.parametrize("head", HEADS)
def test_precision_is_that_of_the_spans_of_each_type(head: str) -> None:
    labeler, records = made(head)
    found = measure_precision(labeler, evaluation_loader(records, max_tokens=60), columns={"": records.columns})
    names = [name for name, part in labeler.heads.items() if part.spans is not None]
    assert list(found) == names
    batch = records.batch(np.arange(len(records)))
    for name in names:
        view = labeler.heads[name].spans
        gold = view.gold(records.columns)
        for label, curve in found[name].items():
            rights = [
                ((span.start, span.end), label) in gold[i]
                for i, prediction in enumerate(labeler.predict(batch, use_confidences=True)[name])
                for span, _ in view.found(prediction)
                if span.label == label
            ]
            assert curve["n_gold"] == sum(row == label for rows in gold for _, row in rows)
            assert curve["points"][:1] == ([[0.0, len(rights), sum(rights)]] if rights else [])


def test_precision_of_records_without_the_target_is_not_measured() -> None:
    labeler, records = made("head=[crf]")
    target = labeler.heads["tags"].target
    without = EncodedRecords({key: one for key, one in records.encoded.items() if key != target.key}, columns=records.columns)
    assert measure_precision(labeler, evaluation_loader(without, max_tokens=60), columns={"": records.columns}) == {}
