"""The plugins of this repository, installed beside seqlab as users install them."""

import json
from pathlib import Path

import pytest

pytestmark = [
    pytest.mark.slow,
    pytest.mark.parametrize("installation", ["wheel"], indirect=True),  # `make setup` installs them beside an editable seqlab
]

SMALL = ["data.reader.n_train=40", "data.reader.n_val=10", "data.reader.n_test=10", "trainer.max_epochs=1", "n_threads=1"]


def plugin(repository: Path, name: str, copies: Path) -> Path:
    """Return a copy of a plugin's folder, so that a build leaves nothing in the checkout."""
    source = repository / "plugins" / name
    if not source.is_dir():
        pytest.skip("the sdist has no plugins")
    copy = copies / name
    for path in source.rglob("*"):
        if path.is_file() and not {"__pycache__", "tests", "benchmarks"} & set(path.parts):
            target = copy / path.relative_to(source)
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(path.read_bytes())
    return copy


def test_trees_are_encoded(installation, repository: Path, tmp_path: Path) -> None:
    installation.install(plugin(repository, "seqlab-recnn", tmp_path))
    folder = installation.folder / "trees"
    installation.run("seqlab", "train", "encoder=treelstm", "data=sample_trees", *SMALL, f"hydra.run.dir={folder}")
    assert "accuracy" in json.loads((folder / "metrics.json").read_text())["test"]
    records = installation.folder / "records.jsonl"
    records.write_text(json.dumps({"tokens": ["not", "bad"], "tree": "(3 (2 not) (1 bad))"}) + "\n")
    labelled = json.loads(installation.run("seqlab", "predict", "trees", str(records), "--format", "jsonl"))
    assert len(labelled["predictions"]["label"]["labels"]) == 1


def test_scans_train(installation, repository: Path, tmp_path: Path) -> None:
    installation.install(plugin(repository, "seqlab-scan", tmp_path))
    folder = installation.folder / "scan"
    installation.run("seqlab", "train", "encoder=min_gru", *SMALL, f"hydra.run.dir={folder}")
    assert "span_f1" in json.loads((folder / "metrics.json").read_text())["test"]
    text = installation.folder / "scan.txt"
    text.write_text("It rained .\n")
    labelled = json.loads(installation.run("seqlab", "predict", "scan", str(text)))
    assert len(labelled["predictions"]["tags"]["labels"]) == 3


TINY_BERT = """
import sys
from tokenizers import Tokenizer, models, pre_tokenizers
from transformers import BertConfig, BertModel, PreTrainedTokenizerFast
subwords = {word: i for i, word in enumerate(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "rain", "."])}
tokenizer = Tokenizer(models.WordPiece(subwords, unk_token="[UNK]"))
tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
special = dict(pad_token="[PAD]", unk_token="[UNK]", cls_token="[CLS]", sep_token="[SEP]")
PreTrainedTokenizerFast(tokenizer_object=tokenizer, **special).save_pretrained(sys.argv[1])
widths = dict(hidden_size=8, num_hidden_layers=1, num_attention_heads=2, intermediate_size=8, max_position_embeddings=96)
BertModel(BertConfig(vocab_size=len(subwords), **widths)).save_pretrained(sys.argv[1])
"""


def test_transformers_are_read(installation, repository: Path, tmp_path: Path) -> None:
    pytest.importorskip("transformers", reason="third-party packages of seqlab-transformers are not installed here")
    installation.install(plugin(repository, "seqlab-transformers", tmp_path))
    folder, model = installation.folder / "transformer", installation.folder / "tiny"
    installation.run("python", "-c", TINY_BERT, str(model))
    part = "embedding.parts.transformer.field"
    options = ["embedding=[transformer]", f"{part}.name={model}", f"{part}.overlap=8"]
    installation.run("seqlab", "train", *options, *SMALL, f"hydra.run.dir={folder}")
    assert "span_f1" in json.loads((folder / "metrics.json").read_text())["test"]
    assert "teacher" in installation.run("seqlab", "distill", "--help").lower()
