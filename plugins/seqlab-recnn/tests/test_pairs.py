"""The tree encoder on pairs, where each side has its own trees, and vectors of nodes."""

from pathlib import Path

import numpy as np
import pytest
import torch
from datasets import Dataset

import seqlab
from seqlab.data.sample import SampleReader

SIZES = ("data.reader.n_train=40", "data.reader.n_val=10", "data.reader.n_test=10")
SMALL = ("encoder.width=6", "max_tokens=200", "trainer.max_epochs=1", "callbacks=none", "n_threads=1")


@pytest.fixture(scope="module")
def tagger(tmp_path_factory: pytest.TempPathFactory) -> seqlab.Tagger:
    """Train a Tree-LSTM on pairs."""
    folder = tmp_path_factory.mktemp("pairs") / "run"
    return seqlab.load(
        seqlab.train(["experiment=sample_pairs", "encoder=treelstm", *SIZES, *SMALL, f"hydra.run.dir={folder}"]).model
    )


@pytest.fixture(scope="module")
def records() -> Dataset:
    return SampleReader(corpus="pairs", n_train=0, n_val=0, n_test=6, seed=1).read(Path("test"))


def test_each_side_has_its_own_tree(tagger: seqlab.Tagger, records: Dataset) -> None:
    assert tagger.columns == ["tokens", "tokens_2", "tree", "tree_2"]
    encoded = tagger.bundle.fields.encode(records)
    seconds = records.select_columns(["tokens_2", "tree_2"]).rename_columns({"tokens_2": "tokens", "tree_2": "tree"})
    with torch.inference_mode():
        pairs = tagger.bundle.labeler(encoded.batch(np.arange(6)))
        alone = tagger.bundle.labeler(tagger.bundle.fields.encode(seconds).batch(np.arange(6)))
    torch.testing.assert_close(pairs.second.summary, alone.summary)
    assert pairs.second.lengths.tolist() == [2 * len(tokens) - 1 for tokens in records["tokens_2"]]


def test_batch_mates_change_nothing(tagger: seqlab.Tagger, records: Dataset) -> None:
    together = tagger.predict_records(records)["relatedness"]
    alone = [tagger.predict_records(records.select([i]))["relatedness"][0] for i in range(6)]
    assert [one.value for one in alone] == pytest.approx([one.value for one in together], abs=1e-5)


def test_nodes_are_encoded_with_their_phrases(tagger: seqlab.Tagger, records: Dataset) -> None:
    one, none = tagger.encode([records[0], {"tokens": [], "tree": ""}], use_steps=True)
    assert one.steps is not None
    assert none.steps is not None
    assert one.steps.bounds[-1] == (0, len(one.tokens))
    assert one.steps.whole.tolist() == pytest.approx(one.summary.tolist(), abs=1e-6)
    assert (none.steps.bounds, none.summary.tolist()) == ([], [0.0] * 6)
    assert tagger.encoder_columns == ["tokens", "tree"]


def test_words_without_a_tree_are_reported(tagger: seqlab.Tagger) -> None:
    with pytest.raises(seqlab.DataError, match="input 0 has no 'tree'; the model reads 'tokens', 'tree'"):
        tagger.encode(["was dull"])
