"""Time tagging with a student (BiLSTM-CRF) and a teacher (CRF on a transformer of the size of BERT base).

Neither is trained, because the weights do not affect the time, and the transformer is built here, so nothing is downloaded.
Both run alternately in one process.
Run: PYTHONPATH=benchmarks python plugins/seqlab-transformers/benchmarks/students.py [--layers 12] [--threads 2]
"""

import argparse
import tempfile
from functools import partial
from pathlib import Path

import torch
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors, trainers
from transformers import BertConfig, BertModel, PreTrainedTokenizerFast
from turns import compare

from seqlab.config.build import known_targets
from seqlab.config.compose import compose
from seqlab.data.batch import EncodedRecords
from seqlab.data.sample import SampleReader
from seqlab.inference.tagger import MAX_TOKENS, predict
from seqlab.model.labeler import Labeler
from seqlab.training.setup import prepare

SPECIAL = {"pad_token": "[PAD]", "unk_token": "[UNK]", "cls_token": "[CLS]", "sep_token": "[SEP]", "mask_token": "[MASK]"}


def save_transformer(folder: Path, texts: list[str], *, n_layers: int) -> None:
    """Save a model of BERT's width with random weights and a tokenizer trained on `texts`."""
    tokenizer = Tokenizer(models.WordPiece(unk_token="[UNK]"))
    tokenizer.normalizer, tokenizer.pre_tokenizer = normalizers.BertNormalizer(), pre_tokenizers.BertPreTokenizer()
    tokenizer.train_from_iterator(texts, trainers.WordPieceTrainer(vocab_size=30522, special_tokens=list(SPECIAL.values())))
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", special_tokens=[("[CLS]", 2), ("[SEP]", 3)]
    )
    PreTrainedTokenizerFast(tokenizer_object=tokenizer, **SPECIAL).save_pretrained(folder)
    BertModel(BertConfig(num_hidden_layers=n_layers)).save_pretrained(folder)


def tagger(overrides: list[str]) -> tuple[Labeler, EncodedRecords]:
    """Return an untrained model and the test records of the sample corpus, encoded for it."""
    start = prepare(compose(["paths.run_dir=.", *overrides]), targets=known_targets())
    records = start.encoded()["test"]
    assert isinstance(records, EncodedRecords)
    return start.labeler, records


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--layers", type=int, default=12)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--records", type=int, default=100)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    corpus = SampleReader(corpus="tags", n_train=2000, n_val=1, n_test=1, seed=1).read(Path("train"))
    texts = [" ".join(tokens) for tokens in corpus["tokens"]]
    sizes = ["data.reader.n_train=500", "data.reader.n_val=1", f"data.reader.n_test={options.records}"]
    with tempfile.TemporaryDirectory() as home:
        save_transformer(Path(home), texts, n_layers=options.layers)
        name = f"embedding.parts.transformer.field.name={home}"
        teacher, read = tagger([*sizes, "embedding=[transformer]", "encoder=identity", name])
    student, words = tagger(sizes)
    print(f"{int(words.lengths.sum())} words, {options.layers} layers, {options.threads} threads")
    ours = partial(predict, student, words, max_tokens=MAX_TOKENS)
    print(compare(ours, partial(predict, teacher, read, max_tokens=MAX_TOKENS), repeats=3, name="transformer"))


if __name__ == "__main__":
    main()
