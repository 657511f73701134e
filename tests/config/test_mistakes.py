"""Messages about mistyped overrides."""

from pathlib import Path

import pytest

from seqlab.config.overrides import Overrides
from seqlab.errors import ConfigError, SeqlabError
from seqlab.testing.runs import train_small, write_corpus
from seqlab.training.train import train, untrained


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("encoder=lstmm", r"encoder=lstmm: there is no such option; did you mean encoder=lstm\?; encoder has chain, .*rnn"),
        ("optimizer=adamww", r"optimizer=adamww: .*did you mean optimizer=adamw\?"),
        (
            "head=[crff]",
            r"head=crff: .*did you mean head=crf\?; head has biaffine, crf, .*ctc, .*hmm, .*softmax",
        ),
        ("embedding=[words,charcnn]", r"embedding=charcnn: .*did you mean embedding=char_cnn\?"),
        ("experiment=wnut", r"experiment=wnut: .*did you mean experiment=wnut17\?"),
        ("encoder=zzz", r"encoder=zzz: there is no such option; encoder has chain, gru"),
        ("encoder.widht=3", r"encoder\.widht: there is no such key; did you mean encoder\.width\?; encoder has .*width"),
        ("max_token=3", r"max_token: there is no such key; did you mean max_tokens\?; there are .*max_tokens"),
        ("encoder.cell.forgetbias=2", r"encoder\.cell\.forgetbias: .*did you mean encoder\.cell\.forget_bias\?"),
        ("optimiser.lr=3", r"optimiser: there is no such key; did you mean optimizer\?"),
        ("width=3", r"width: there is no such key; did you mean .*width\?"),
        ("~encoder.widht", r"encoder\.widht: there is no such key; did you mean encoder\.width\?"),
        ("qqqq=3", r"qqqq: there is no such key; there are .*seed.*\(to add a new key, write \+qqqq=…\)"),
        ("encoders=lstm", r"encoders: there is no such key; did you mean encoder\?"),
    ],
)
def test_a_mistyped_key_or_option_is_reported_with_the_nearest_and_the_list(override: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        train([override])


def test_two_mistyped_keys_are_reported_one_by_one() -> None:
    with pytest.raises(ConfigError, match=r"max_token: .*did you mean max_tokens\?"):
        train(["max_token=3", "encoder.widht=4"])
    with pytest.raises(ConfigError, match=r"encoder\.widht: .*did you mean encoder\.width\?"):
        train(["encoder.widht=4", "max_token=3"])


@pytest.mark.parametrize(
    ("override", "message"),
    [
        (
            "encoder=null",
            r"encoder=null: null is no name of an option; encoder has chain, .* \(encoder=identity is for none\)$",
        ),
        ("+encoder=true", r"^encoder=true: true is no name of an option; encoder has chain"),
        ("optimizer=3", r"optimizer=3: 3 is no name of an option; optimizer has .*adamw.*, soap$"),
        ("head=[crf,null]", r"head=\[crf,null\]: null is no name of an option; head has biaffine, crf"),
        ("encoder=lstm,null", r"encoder=lstm,null: null is no name of an option; encoder has chain"),
        ("logger@logger=nan", r"logger=nan: NaN is no name of an option; logger has csv"),
    ],
)
def test_a_value_that_names_no_option_is_reported_with_the_list(override: str, message: str) -> None:
    for start in (train, untrained, Overrides.parse):
        with pytest.raises(ConfigError, match=message):
            start([override])


@pytest.mark.parametrize(
    "override", ["encoder=lstm", "head=[crf,sequence]", "encoder={width: 3}", "seed=3", "~regularizer", "-m"]
)
def test_values_that_name_options_and_those_of_keys_are_let_through(override: str) -> None:
    assert Overrides.parse([override]).words == (override,)


@pytest.mark.parametrize("override", ["encoder.width", "encoder.width=[", "a=b=c{"])
def test_an_override_that_cannot_be_read_is_reported_in_one_line(override: str) -> None:
    with pytest.raises(ConfigError, match=r"(?s)^[^\n]+$"):
        train([override])


def test_a_missing_value_is_named_with_the_override_to_type() -> None:
    with pytest.raises(ConfigError, match=r"data\.dir has no value; .*set data\.dir=…"):
        train(["data=conll"])


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_corpus(tmp_path_factory.mktemp("overrides") / "data")


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        (["encoder.width=abc"], r"encoder"),
        (["encoder.width=-3"], r"encoder"),
        (["embedding.parts.words.width=0"], r"embedding\.parts\.words"),
        (["embedding.parts.words.field.view=lowercase"], r"view is 'lowercase'; expected one of"),
        (["embedding.parts.characters.window=2"], r"window is 2; expected an odd number"),
        (["encoder.depth=0"], r"encoder\.depth is 0"),
        (["encoder.output_drop_prob=1.5"], r"dropout is 1\.5"),
        (["encoder.dropout_kind=naiv"], r"dropout kind is 'naiv'"),
        (["optimizer.lr=fast"], r"optimizer"),
        (["optimizer.lr=-1"], r"optimizer"),
        (["max_tokens=0"], r"max_tokens is 0"),
        (["max_tokens=many"], r"max_tokens is 'many'"),
        (["max_eval_tokens=0"], r"max_eval_tokens is 0"),
        (["max_tokens=2.5"], r"max_tokens is 2\.5"),
        (["seed=abc"], r"seed is 'abc'"),
        (["seed=-1"], r"seed is -1"),
        (["n_threads=two"], r"n_threads is 'two'"),
        (["trainer.accelerator=quantum"], r"trainer"),
        (["data.scheme=BOI"], r"BOI"),
        (["data.splits.train=null"], r"data\.splits\.train is null"),
        (["heads.tags.target.column=labels"], r"labels"),
        (["~heads.tags"], r"heads is empty; choose at least one, as in head=crf"),
        (["encoder._target_=os.system"], r"encoder\._target_ is 'os\.system'"),
        (["+encoder.colour=red"], r"encoder\.colour is not an option of RecurrentEncoder"),
        (["+callbacks.ema.decay=0.9"], r"callbacks\.ema has options \(decay\) but no class: .*~callbacks\.ema"),
        (["+logger.none.name=x"], r"logger\.none has options \(name\) but no class"),
        (["~encoder.width"], r"encoder lacks width, .*set encoder\.width=…"),
        (["ckpt_path=nowhere.ckpt"], r"nowhere\.ckpt"),
        (["monitor=val/accuracyy"], r"val/accuracyy"),
        (["monitor_mode=most"], r"most"),
        (["loss_weights={tagz: 2}"], r"tagz"),
    ],
)
def test_a_value_that_cannot_work_is_a_mistake(data: Path, tmp_path: Path, overrides: list[str], message: str) -> None:
    with pytest.raises(SeqlabError, match=message):
        train_small(data, tmp_path / "run", ["trainer.max_epochs=1", *overrides])


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("head=[sequence,multilabel]", r"head=\[sequence,multilabel\]: sequence and multilabel are both named label"),
        ("head=[crf,softmax]", r"crf and softmax are both named tags, so only one can be there; choose one"),
        ("head=[crf],[crf,softmax]", r"head=\[crf\],\[crf,softmax\]: crf and softmax are both named tags"),
        ("embedding=[words,char_cnn,words]", r"words and words are both named words"),
    ],
)
def test_options_of_one_name_are_not_chosen_together(override: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        Overrides.parse(["seed=1", override])


def test_options_of_other_names_are_chosen_together() -> None:
    words = ("head=[crf,sequence]", "embedding=[words, char_cnn]", "head=crf", "embedding=[]")
    assert Overrides.parse(words).words == words


def test_keys_are_those_of_the_chosen_options() -> None:
    with pytest.raises(ConfigError, match=r"n_train: there is no such key; .*data\.reader has .*columns") as caught:
        train(["data=conll", "data.dir=d", "data.reader.n_train=200"])
    assert "did you mean data.reader.n_train?" not in str(caught.value)


def test_what_lacks_the_part_that_it_refers_to_is_reported(tmp_path: Path) -> None:
    with pytest.raises(
        ConfigError, match=r"heads\.tags\.words takes its value from .*, which is not there; set embedding=\[word_ids\]"
    ):
        train(["experiment=demo", "head=[hmm]", f"hydra.run.dir={tmp_path}"])


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["=2"], r"'=2' names no key; expected KEY=VALUE"),
        (["+="], r"'\+=' names no key; expected KEY=VALUE"),
        (
            ["seed=3", "~head@x=[a]"],
            r"^~head@x=\[a\]: Hydra cannot apply it \(a removal names one option, or none: ~GROUP=OPTION or ~GROUP\)$",
        ),
        (
            ["task_name=a,b c"],
            r"""^'task_name=a,b c' has commas outside quotes; write 'task_name="a,b c"' for a text, 'task_name=\[a,b c\]' """
            "for a list, or add -m to run each value$",
        ),
        (["ckpt_path=runs/lr=0.1/last.ckpt"], r"""quote it for Hydra and the shell: 'ckpt_path="runs/lr=0.1/last.ckpt"'$"""),
        (["data.dir=my", "folder"], r"""^'folder' cannot be read: .* the shell: 'data.dir="my folder"'$"""),
        (["a@b@c=1"], r"'a@b@c=1' is not an override; expected KEY=VALUE"),
        (
            ["hydra.sweeper.n_trial=3"],
            r"hydra\.sweeper\.n_trial: there is no such key; did you mean hydra\.sweeper\.n_trials\?",
        ),
        (["hydra.job.nam=x"], r"hydra\.job\.nam: there is no such key; did you mean hydra\.job\.name\?"),
    ],
)
def test_what_hydra_cannot_read_is_reported_with_what_works(words: list[str], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        train(words)
