import itertools
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.nn import functional

from seqlab.config.build import build, known_targets
from seqlab.config.compose import compose, plain
from seqlab.data.columns import Columns, string_records
from seqlab.data.fields import NO_TARGET, TagField
from seqlab.data.records import records_from_columns
from seqlab.data.schemes import get_scheme
from seqlab.errors import ConfigError
from seqlab.functional import linear_chain
from seqlab.heads import CrfTokenHead, SoftmaxTokenHead, TokenHead
from seqlab.steps import Steps
from seqlab.testing import labelled_columns
from seqlab.testing.ragged import ragged_steps
from seqlab.testing.records import bare_batch, batch_of, n_steps
from seqlab.types import Span

PLAIN: dict[str, Any] = {"class_weights": {}, "label_smoothing": 0.0, "focal_gamma": 0.0}
SIZES: dict[str, Any] = {"input_width": 4, "summary_width": 4}
SCHEMES = ["BIO", "BIOES", "IOB1"]


def target(scheme: str | None) -> TagField:
    field = TagField(column="tags", scheme=scheme)
    field.fit(labelled_columns())
    return field


def softmax(field: TagField, *, is_constrained: bool) -> SoftmaxTokenHead:
    return SoftmaxTokenHead(target=field, input_width=4, summary_width=4, is_constrained=is_constrained, **PLAIN).eval()


def crf(field: TagField) -> CrfTokenHead:
    return CrfTokenHead(target=field, input_width=4, summary_width=4, omission_cost=0.0).eval()


@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize("is_crf", [False, True])
@given(seed=st.integers(0, 50))
def test_constrained_tags_never_break_the_scheme(scheme: str, is_crf: bool, seed: int) -> None:
    torch.manual_seed(seed)
    field = target(scheme)
    head: TokenHead = crf(field) if is_crf else softmax(field, is_constrained=True)
    torch.nn.init.normal_(head.projection.weight, std=3.0)
    for prediction in head.predict(ragged_steps(4), bare_batch(ragged_steps(4)), use_confidences=False):
        assert not get_scheme(scheme).violations(prediction.labels)


def test_unconstrained_tags_are_the_likeliest_of_each_step() -> None:
    head = softmax(target("BIO"), is_constrained=False)
    steps = ragged_steps(4)
    probs = head.projection(steps.values).softmax(2)
    for i, prediction in enumerate(head.predict(steps, bare_batch(steps), use_confidences=True)):
        best, tags = probs[i, : int(steps.lengths[i])].max(1)
        assert prediction.labels == [head.target.tags[tag] for tag in tags]
        assert prediction.confidences == pytest.approx(best.tolist(), abs=1e-6)


def test_a_crf_without_transitions_is_a_softmax() -> None:
    field = target(None)
    head = crf(field)
    with torch.no_grad():
        for scores in (head.transitions, head.start, head.end):
            scores.zero_()
    plain = softmax(field, is_constrained=False)
    plain.projection = head.projection
    steps = ragged_steps(4)
    for one, other in zip(
        head.predict(steps, bare_batch(steps), use_confidences=True),
        plain.predict(steps, bare_batch(steps), use_confidences=True),
        strict=True,
    ):
        assert one.labels == other.labels
        assert one.confidences == pytest.approx(other.confidences, abs=1e-5)
    columns = labelled_columns()
    batch = batch_of([field], columns, rows=[0, 1, 2, 3, 4], lengths=n_steps(columns, column="tokens"))
    torch.testing.assert_close(head.loss(steps, batch), plain.loss(steps, batch))


def test_softmax_loss_is_the_mean_over_steps_with_a_known_tag() -> None:
    field = target(None)
    head = softmax(field, is_constrained=False)
    columns = Columns(records_from_columns({"tags": [["O", "B-Z", "B-A"], ["O"]]}))
    batch = batch_of([field], columns, rows=[0, 1], lengths=n_steps(columns, column="tags"))
    steps = ragged_steps(4, lengths=[3, 1])
    known = [(0, 0, "O"), (0, 2, "B-A"), (1, 0, "O")]
    logits = torch.stack([head.projection(steps.values[record, step]) for record, step, _ in known])
    expected = functional.cross_entropy(logits, torch.tensor([field.tags.index(tag) for _, _, tag in known]))
    torch.testing.assert_close(head.loss(steps, batch), expected)


@pytest.mark.parametrize("is_crf", [False, True])
def test_a_step_of_unknown_tag_leaves_its_neighbours_known(is_crf: bool) -> None:
    """Moving towards what is known about a record must not depend on what its unknown tag was called."""
    field = target(None)
    head: TokenHead = crf(field) if is_crf else softmax(field, is_constrained=False)
    steps = ragged_steps(4, lengths=[3])
    losses = []
    for tags in (["O", "B-Z", "B-A"], ["O", "Q", "B-A"], ["O", "O", "B-A"]):
        columns = Columns(records_from_columns({"tags": [tags]}))
        batch = batch_of([field], columns, rows=[0], lengths=n_steps(columns, column="tags"))
        losses.append(head.loss(steps, batch).item())
    assert losses[0] == losses[1] > 0
    assert losses[0] != losses[2]


def test_a_record_of_unknown_tags_alone_has_loss_zero() -> None:
    field = target(None)
    columns = Columns(records_from_columns({"tags": [["Z", "Z"]]}))
    batch = batch_of([field], columns, rows=[0], lengths=n_steps(columns, column="tags"))
    assert (batch.tensors(field) == NO_TARGET).all()
    for head in (softmax(field, is_constrained=False), crf(field)):
        loss = head.loss(ragged_steps(4, lengths=[2]), batch)
        assert loss.item() == pytest.approx(0.0, abs=1e-6)


def test_gold_is_the_column_as_it_is() -> None:
    assert crf(target("BIO")).gold(labelled_columns()) == labelled_columns().lists("tags")


def test_scores_name_spans_only_where_there_is_a_scheme() -> None:
    steps = Steps(torch.zeros(5, 6, 4), torch.tensor([4, 1, 0, 6, 2]))
    for scheme, has_spans in (("BIO", True), (None, False)):
        head = crf(target(scheme))
        scores = head.score(head.gold(labelled_columns()), head.predict(steps, bare_batch(steps), use_confidences=False))
        assert ("span_f1" in scores) == has_spans
        assert 0 <= scores["accuracy"] <= 1


@pytest.mark.parametrize("scheme", ["BIO", "BIOES", "IO"])
def test_a_span_is_as_probable_as_all_paths_that_have_it(scheme: str) -> None:
    field = TagField(column="tags", scheme=scheme)
    field.fit(string_records({"tags": [get_scheme(scheme).encode([Span(0, 2, "X"), Span(2, 3, "Y")], n_steps=4)]}))
    made, steps = crf(field), ragged_steps(4)
    torch.nn.init.normal_(made.projection.weight, std=2.0)
    torch.nn.init.normal_(made.transitions, std=2.0)
    chain = made.distribution(steps, bare_batch(steps)).chain
    engine = get_scheme(scheme)
    for i, prediction in enumerate(made.predict(steps, bare_batch(steps), use_confidences=True)):
        length = int(steps.lengths[i])
        if not length or length > 4:
            continue
        paths = list(itertools.product(range(len(field.tags)), repeat=length))
        one = linear_chain.Chain(
            chain.emissions[[i] * len(paths), :length], torch.tensor([length] * len(paths)), *chain.scores[1:]
        )
        scores = linear_chain.path_score(one, torch.tensor(paths)).double()
        probs = scores.softmax(0)
        spans = [set(engine.spans([field.tags[tag] for tag in path])) for path in paths]
        assert prediction.span_confidences is not None
        for span, confidence in zip(engine.spans(prediction.labels), prediction.span_confidences, strict=True):
            has_it = torch.tensor([span in found for found in spans])
            assert confidence == pytest.approx(probs[has_it].sum().item(), abs=1e-6)


def some_targets(head: TokenHead) -> tuple[Steps, torch.Tensor, torch.Tensor]:
    """Return steps, the log probability of each known tag, and those tags."""
    steps, columns = ragged_steps(4), labelled_columns()
    tags = batch_of([head.target], columns, rows=[0, 1, 2, 3, 4], lengths=n_steps(columns, column="tags")).tensor(head.target)
    logits = head.distribution(steps, bare_batch(steps)).scores.flatten(0, 1).log_softmax(1)
    known = tags.flatten() != NO_TARGET
    return steps, logits[known], tags.flatten()[known]


@pytest.mark.parametrize(
    ("options", "weight", "smoothing", "gamma"),
    [
        ({"class_weights": {"B-A": 3.0, "O": 0.5}}, {"B-A": 3.0, "O": 0.5}, 0.0, 0.0),
        ({"label_smoothing": 0.2}, {}, 0.2, 0.0),
        ({"focal_gamma": 2.0}, {}, 0.0, 2.0),
        ({"focal_gamma": 1.5, "class_weights": {"O": 0.1}}, {"O": 0.1}, 0.0, 1.5),
    ],
)
def test_softmax_losses_follow_their_definitions(options: Any, weight: Any, smoothing: float, gamma: float) -> None:
    made = SoftmaxTokenHead(
        target=target("BIO"), input_width=4, summary_width=4, is_constrained=False, **(PLAIN | options)
    ).train()
    steps, logs, tags = some_targets(made)
    columns = labelled_columns()
    batch = batch_of([made.target], columns, rows=[0, 1, 2, 3, 4], lengths=n_steps(columns, column="tags"))
    weights = torch.tensor([weight.get(tag, 1.0) for tag in made.target.tags])
    own = logs.gather(1, tags[:, None])[:, 0]
    losses = -(1 - smoothing) * weights[tags] * own - smoothing / len(weights) * (weights * logs).sum(1)
    expected = ((1 - own.exp()) ** gamma * losses).sum() / weights[tags].sum()
    assert made.loss(steps, batch).item() == pytest.approx(expected.item(), rel=1e-5)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"class_weights": {"B-Q": 1.0}}, "class_weights has 'B-Q', which is not a label; expected some of O, "),
        ({"class_weights": {"O": -1.0}}, r"class_weights\.O is -1.0"),
        ({"label_smoothing": 1.0}, "label_smoothing is 1.0"),
        ({"focal_gamma": -1.0}, "focal_gamma is -1.0"),
    ],
)
def test_loss_options_out_of_range_are_refused(options: Any, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        SoftmaxTokenHead(target=target("BIO"), input_width=4, summary_width=4, is_constrained=False, **(PLAIN | options))


@pytest.mark.parametrize("scheme", ["BIO", None])
def test_best_answers_begin_with_the_prediction(scheme: str | None) -> None:
    made, steps = crf(target(scheme)), ragged_steps(4)
    torch.nn.init.normal_(made.transitions)
    chain = made.distribution(steps, bare_batch(steps)).chain
    found = made.distribution(steps, bare_batch(steps)).n_best(3)
    predictions = made.predict(steps, bare_batch(steps), use_confidences=True)
    tags, scores = linear_chain.viterbi(chain)
    probs = (scores - linear_chain.log_partition(chain)).exp()
    assert tags.shape[0] == len(predictions)
    for answers, prediction, prob in zip(found, predictions, probs.tolist(), strict=True):
        assert answers[0].labels == prediction.labels
        assert answers[0].probability == pytest.approx(prob, rel=1e-5)


def test_steps_on_their_own_have_no_ranked_answers() -> None:
    head, steps = softmax(target("BIO"), is_constrained=False), ragged_steps(4)
    assert "crf ranks" in head.lacks["n_best"]
    assert all(one.alternatives is None for one in head.predict(steps, bare_batch(steps), use_confidences=True, n_best=2))


def test_softmax_as_configured_keeps_the_scheme_on_span_tasks() -> None:
    """Without a CRF, decoding under the constraints of the scheme is what `head=[softmax]` does unless told otherwise."""
    found = {}
    for words in (["data.scheme=BIO"], ["data.scheme=BIO", "heads.tags.is_constrained=false"], ["data.scheme=null"]):
        node = plain(compose(["head=[softmax]", *words]).heads.tags)
        field = target(node["target"]["scheme"])
        head = build(
            node, targets=known_targets(), resolve=lambda one, field=field: field if isinstance(one, TagField) else one, **SIZES
        )
        head.target.tags = field.tags
        assert isinstance(head, SoftmaxTokenHead)
        torch.nn.init.zeros_(head.projection.weight)
        with torch.no_grad():
            head.projection.bias.copy_(torch.tensor([2.0 * (tag == "I-A") for tag in field.tags]))  # I-A wherever it may be
        steps = Steps(torch.zeros(1, 3, 4), torch.tensor([3]))
        found[words[-1]] = head.eval().predict(steps, bare_batch(steps), use_confidences=False)[0].labels
    assert found["data.scheme=BIO"] == ["B-A", "I-A", "I-A"]
    assert found["heads.tags.is_constrained=false"] == ["I-A"] * 3
