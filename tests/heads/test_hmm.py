import math
from collections.abc import Callable, Iterator
from itertools import pairwise, product
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

import seqlab
from seqlab.data.batch import Batch
from seqlab.data.columns import Columns
from seqlab.data.fields import CategoryField, TagField
from seqlab.data.records import records_from_columns
from seqlab.data.vocabulary import UNKNOWN
from seqlab.errors import ConfigError
from seqlab.heads import HmmTokenHead
from seqlab.steps import Steps
from seqlab.testing.records import bare_batch, batch_of, n_steps
from seqlab.testing.runs import write_corpus

TOKENS = [["the", "dog", "runs"], ["the", "cat"], [], ["dogs", "run", "the", "dog"], ["run"]]
TAGS = [["D", "N", "V"], ["D", "N"], [], ["N", "V", "D", "N"], ["V"]]
SMOOTHING = 0.5
WORDS = CategoryField(column="tokens", view="identity", min_count=1)


def columns(tokens: list[list[str]] = TOKENS, tags: list[list[str]] = TAGS) -> Columns:
    return Columns(records_from_columns({"tokens": tokens, "tags": tags}))


def make(*, estimate: str = "counts", smoothing: float = SMOOTHING, input_width: int = 1) -> HmmTokenHead:
    target = TagField(column="tags", scheme=None)
    target.fit(columns())
    WORDS.fit(columns())
    return HmmTokenHead(
        target=target,
        words=WORDS,
        input_width=input_width,
        summary_width=1,
        estimate=estimate,
        emission_smoothing=smoothing,
        transition_smoothing=smoothing,
    )


def given(head: HmmTokenHead, of: Columns, rows: list[int] | None = None) -> tuple[Steps, Batch]:
    chosen = list(range(len(of))) if rows is None else rows
    lengths = n_steps(of, column="tokens")
    ids = batch_of([WORDS], of, rows=chosen, lengths=lengths)
    values = ids.tensor(WORDS).unsqueeze(2).float()
    return Steps(values, ids.lengths), batch_of([head.target], of, rows=chosen, lengths=lengths)


def counted(head: HmmTokenHead, of: Columns, *, n_passes: int = 1, batches: tuple[list[int], ...] = ([0, 1, 2, 3, 4],)) -> None:
    head.train()
    for _ in range(n_passes):
        for rows in batches:
            head.loss(*given(head, of, rows))
        head.end_epoch()
    head.eval()


def word_id(word: str) -> int:
    return int(WORDS.vocabulary.ids([word])[0])


def test_probabilities_are_smoothed_counts() -> None:
    head = make()
    counted(head, columns(), batches=([3, 0], [1, 2, 4]))
    noun, determiner, verb = (head.target.tags.index(tag) for tag in "NDV")
    n_words = 6 + 1  # six words, and the one never seen; seen once as nouns: cat and dogs, and they stand for it, too
    assert head.emissions[noun, word_id("dog")].exp() == pytest.approx((2 + SMOOTHING) / (4 + 2 + n_words * SMOOTHING))
    assert head.emissions[noun, UNKNOWN].exp() == pytest.approx((2 + SMOOTHING) / (4 + 2 + n_words * SMOOTHING))
    assert head.transitions[determiner, noun].exp() == pytest.approx((3 + SMOOTHING) / (3 + 4 * SMOOTHING))
    assert head.transitions[noun, -1].exp() == pytest.approx((2 + SMOOTHING) / (4 + 4 * SMOOTHING))
    assert head.start[verb].exp() == pytest.approx((1 + SMOOTHING) / (4 + 3 * SMOOTHING))


def test_every_table_adds_up_to_one() -> None:
    head = make()
    counted(head, columns())
    for table in (head.emissions, head.transitions, head.start):
        assert torch.allclose(table.exp().sum(-1), torch.ones(()))


def test_a_pass_does_not_remember_the_one_before() -> None:
    once, twice = make(), make()
    counted(once, columns())
    counted(twice, columns(), n_passes=2)
    assert torch.equal(once.emissions, twice.emissions)


def joint(head: HmmTokenHead, words: Tensor, path: tuple[int, ...]) -> float:
    """Return log p(words, tags), step by step."""
    total = float(head.start[path[0]])
    for before, tag in pairwise(path):
        total += float(head.transitions[before, tag])
    total += float(head.transitions[path[-1], -1])
    return total + sum(float(head.emissions[tag, word]) for tag, word in zip(path, words.tolist(), strict=True))


def paths(head: HmmTokenHead, n: int) -> Iterator[tuple[int, ...]]:
    return product(range(len(head.target.tags)), repeat=n)


def unseen() -> Columns:
    return columns(
        [["the", "mouse", "run", "dog"], ["dogs"], [], ["run", "the"]], [["D", "N", "V", "N"], ["N"], [], ["V", "D"]]
    )


def test_decoding_and_confidences_equal_enumeration() -> None:
    head = make()
    counted(head, columns())
    steps, _ = given(head, unseen())
    for i, prediction in enumerate(head.predict(steps, bare_batch(steps), use_confidences=True)):
        words = steps.values[i, : int(steps.lengths[i]), 0].long()
        if not len(words):
            assert prediction.labels == []
            continue
        scores = {path: joint(head, words, path) for path in paths(head, len(words))}
        best = max(scores, key=lambda path: scores[path])
        assert prediction.labels == [head.target.tags[tag] for tag in best]
        total = sum(map(math.exp, scores.values()))
        expected = [sum(math.exp(s) for p, s in scores.items() if p[t] == tag) / total for t, tag in enumerate(best)]
        assert prediction.confidences == pytest.approx(expected, abs=1e-5)


def test_loss_is_that_of_words_and_tags() -> None:
    head = make()
    counted(head, columns())
    steps, batch = given(head, unseen())
    expected = 0.0
    for i, tags in enumerate(unseen().lists("tags")):
        if tags:
            path = tuple(head.target.tags.index(tag) for tag in tags)
            expected -= joint(head, steps.values[i, : len(tags), 0].long(), path)
    assert head.loss(steps, batch).item() == pytest.approx(expected / int(steps.lengths.sum()), rel=1e-5)


def log_likelihood(head: HmmTokenHead, of: Columns) -> float:
    """Return log p(words), summed over all paths."""
    steps, _ = given(head, of)
    total = 0.0
    for i, n in enumerate(steps.lengths.tolist()):
        words = steps.values[i, :n, 0].long()
        total += math.log(sum(math.exp(joint(head, words, path)) for path in paths(head, n))) if n else 0.0
    return total


def test_expectation_maximisation_never_lowers_the_likelihood() -> None:
    head = make(estimate="em", smoothing=1e-9)
    head.rare.zero_()  # then nothing is shared with unknown words, and the maximum is exact
    counted(head, columns())
    head.transitions[:] = (head.transitions.exp() * 0.7 + 0.3 / 4).log()  # off the corner that counts of so little data are in
    head.emissions[:, UNKNOWN:] = (head.emissions[:, UNKNOWN:].exp() * 0.7 + 0.3 / 8).log()
    found = [log_likelihood(head, columns())]
    for _ in range(8):
        counted(head, columns())
        found.append(log_likelihood(head, columns()))
    assert found == sorted(found)
    assert found[-1] > found[0] + 1


def test_one_iteration_gives_the_expected_counts() -> None:
    head = make(estimate="em")
    counted(head, columns())
    expected = torch.zeros(len(head.start), dtype=torch.float64)
    steps, _ = given(head, columns())
    for i, n in enumerate(steps.lengths.tolist()):
        words = steps.values[i, :n, 0].long()
        weights = {path: math.exp(joint(head, words, path)) for path in paths(head, n)} if n else {}
        for path, weight in weights.items():
            expected[path[0]] += weight / sum(weights.values())
    counted(head, columns())
    smoothed = expected + SMOOTHING
    assert head.start.exp().tolist() == pytest.approx((smoothed / smoothed.sum()).tolist(), rel=1e-5)


def test_tags_that_are_not_known_are_summed_over() -> None:
    """A step of a tag that training lacks counts by its posterior, the others by their tags."""
    partly = columns(TOKENS, [["D", "?", "V"], *TAGS[1:]])
    head = make()
    counted(head, columns())
    steps, batch = given(head, partly)
    words = steps.values[0, :3, 0].long()
    determiner, verb = (head.target.tags.index(tag) for tag in "DV")
    expected = math.log(sum(math.exp(joint(head, words, (determiner, tag, verb))) for tag in range(3)))
    alone = head.loss(*given(head, partly, [0])).item()
    assert alone == pytest.approx(-expected / 3, rel=1e-5)
    assert head.loss(steps, batch).isfinite()


@pytest.mark.parametrize("change", [lambda x: x * 1.5, lambda x: x * 0, lambda x: x + 100])
def test_ids_that_were_changed_on_their_way_are_refused(change: Callable[[torch.Tensor], torch.Tensor]) -> None:
    head = make()
    steps, batch = given(head, columns())
    with pytest.raises(ConfigError, match="the encoder or dropout changed them; set embedding"):
        head.loss(steps.with_values(change(steps.values)), batch)


def test_an_encoder_in_between_is_refused() -> None:
    with pytest.raises(ConfigError, match="the encoder gives 100 features; set embedding"):
        make(input_width=100)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"estimate": "guess"}, "expected one of counts, em"),
        ({"smoothing": 0.0}, "emission_smoothing is 0.0; expected more than 0"),
    ],
)
def test_impossible_options_are_refused(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        make(**options)


def test_it_trains_and_predicts_through_the_same_commands(tmp_path: Path) -> None:
    data = write_corpus(tmp_path / "data")
    overrides = [
        *("experiment=hmm", "data=lines", "data.scheme=BIO", "embedding=[word_ids]", "encoder=identity", "head=[hmm]"),
        *(f"data.dir={data}", f"hydra.run.dir={tmp_path / 'run'}", "heads.tags.estimate=em", "trainer.max_epochs=3"),
    ]
    run = seqlab.train(overrides)
    assert run.metrics["test"]["span_f1"]["strict"] > 0.9
    tagger = seqlab.load(run.model)
    assert tagger.predict([["Ada", "saw", "Kiel", "."]])[0].predictions["tags"].labels == ["B-PER", "O", "B-LOC", "O"]
