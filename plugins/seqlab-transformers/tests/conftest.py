"""Shape checks, no network, and tiny models with random weights, saved in the usual format."""

import os
from collections.abc import Callable, Iterator
from pathlib import Path

# Must be set before the libraries are imported: tests must not use the network.
os.environ.update(HF_HUB_OFFLINE="1", HF_HUB_DISABLE_TELEMETRY="1")

from jaxtyping import install_import_hook

install_import_hook("seqlab_transformers", "beartype.beartype(conf=beartype.BeartypeConf(is_pep484_tower=True))")

import hypothesis
import pytest
import torch
import transformers
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors, trainers
from transformers import PretrainedConfig, PreTrainedModel, PreTrainedTokenizerFast

from seqlab.data.sample import SampleReader

# The same examples in every run, and no deadline, because CI machines differ in speed.
hypothesis.settings.register_profile("seqlab", deadline=None, derandomize=True, database=None, max_examples=50)
hypothesis.settings.load_profile("seqlab")

N_POSITIONS = 32
"""Maximum number of subwords the tiny models read at once, except T5, which has no limit."""


@pytest.fixture(autouse=True)
def _seeded() -> Iterator[None]:
    """Seed every test alike and restore the random state afterwards."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        yield


@pytest.fixture(scope="session")
def texts() -> list[str]:
    """Return texts to train tokenizers on."""
    reader = SampleReader(corpus="tags", n_train=300, n_val=1, n_test=1, seed=3)
    return [" ".join(tokens) for tokens in reader.read(Path("train"))["tokens"]]


@pytest.fixture(scope="session")
def model_folder(texts: list[str], tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """Return a function from `bert`, `roberta`, `gpt2` (byte-level) or `t5` to the folder of a tiny model."""
    folders: dict[str, Path] = {}

    def folder_of(kind: str) -> Path:
        if kind not in folders:
            folders[kind] = tmp_path_factory.mktemp(kind)
            save_model(folders[kind], kind, texts=texts)
        return folders[kind]

    return folder_of


def save_model(folder: Path, kind: str, *, texts: list[str]) -> None:
    tokenizer = {"bert": wordpieces, "roberta": byte_pairs, "gpt2": single_bytes, "t5": unigrams}[kind](texts)
    tokenizer.save_pretrained(folder)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(1)
        model = new_model(kind, len(tokenizer))
    for parameter in model.parameters():  # the layers of a new model change almost nothing
        parameter.data.mul_(3.0) if parameter.dim() > 1 else parameter.data.add_(torch.linspace(-0.1, 0.1, len(parameter)))
    model.save_pretrained(folder)


def new_model(kind: str, n_subwords: int) -> PreTrainedModel:
    """Return a model with a head, which the embedding must ignore."""
    widths = {"hidden_size": 24, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 32}
    options: PretrainedConfig
    if kind == "gpt2":
        of_text = {"bos_token_id": 0, "eos_token_id": 0}
        options = transformers.GPT2Config(
            vocab_size=n_subwords, n_embd=24, n_layer=2, n_head=2, n_positions=N_POSITIONS, **of_text
        )
        return transformers.GPT2LMHeadModel(options)
    if kind == "t5":
        options = transformers.T5Config(
            vocab_size=n_subwords, d_model=24, d_kv=12, d_ff=32, num_layers=2, num_heads=2, decoder_start_token_id=0
        )
        return transformers.T5ForConditionalGeneration(options)
    if kind == "bert":
        return transformers.BertForMaskedLM(
            transformers.BertConfig(vocab_size=n_subwords, max_position_embeddings=N_POSITIONS, **widths)
        )
    padding = 1
    options = transformers.RobertaConfig(
        vocab_size=n_subwords, max_position_embeddings=N_POSITIONS + padding + 1, pad_token_id=padding, **widths
    )
    return transformers.RobertaForMaskedLM(options)


def wordpieces(texts: list[str]) -> PreTrainedTokenizerFast:
    special = {"pad_token": "[PAD]", "unk_token": "[UNK]", "cls_token": "[CLS]", "sep_token": "[SEP]", "mask_token": "[MASK]"}
    tokenizer = Tokenizer(models.WordPiece(unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer(lowercase=True)
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.train_from_iterator(texts, trainers.WordPieceTrainer(vocab_size=300, special_tokens=list(special.values())))
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", pair="[CLS] $A [SEP] $B [SEP]", special_tokens=[("[CLS]", 2), ("[SEP]", 3)]
    )
    tokenizer.enable_truncation(max_length=8)  # as in some published models; we must not truncate
    tokenizer.enable_padding(length=8)
    return PreTrainedTokenizerFast(tokenizer_object=tokenizer, **special)


def byte_pairs(texts: list[str]) -> PreTrainedTokenizerFast:
    names = ("cls_token", "pad_token", "sep_token", "unk_token", "mask_token")
    special = dict(zip(names, ("<s>", "<pad>", "</s>", "<unk>", "<mask>"), strict=True))
    tokenizer = trained_on_bytes(texts, n_subwords=500, special=list(special.values()))
    tokenizer.post_processor = processors.RobertaProcessing(("</s>", 2), ("<s>", 0), add_prefix_space=False)
    return PreTrainedTokenizerFast(tokenizer_object=tokenizer, **special)


def single_bytes(texts: list[str]) -> PreTrainedTokenizerFast:
    tokenizer = trained_on_bytes(texts, n_subwords=257, special=["<|endoftext|>"])
    return PreTrainedTokenizerFast(tokenizer_object=tokenizer, eos_token="<|endoftext|>", unk_token="<|endoftext|>")


def trained_on_bytes(texts: list[str], *, n_subwords: int, special: list[str]) -> Tokenizer:
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(vocab_size=n_subwords, special_tokens=special, initial_alphabet=alphabet)
    tokenizer.train_from_iterator(texts, trainer)
    return tokenizer


def unigrams(texts: list[str]) -> PreTrainedTokenizerFast:
    special = {"pad_token": "<pad>", "eos_token": "</s>", "unk_token": "<unk>"}
    tokenizer = Tokenizer(models.Unigram())
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
    trainer = trainers.UnigramTrainer(vocab_size=200, special_tokens=list(special.values()), unk_token="<unk>")
    tokenizer.train_from_iterator(texts, trainer)
    tokenizer.post_processor = processors.TemplateProcessing(single="$A </s>", special_tokens=[("</s>", 1)])
    return PreTrainedTokenizerFast(tokenizer_object=tokenizer, **special)
