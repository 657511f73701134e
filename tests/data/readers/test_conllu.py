from collections.abc import Callable
from pathlib import Path

import conllu
import pytest

from seqlab.data.readers import Reader
from seqlab.data.readers.source import Fault
from seqlab.errors import ConfigError, DataError

Open = Callable[..., Reader]

SENTENCE = """\
# newdoc id = d1
# meta::genre = news
# sent_id = d1-s1
# text = Don't stop # now!
# s_type = imp
1-2	Don't	_	_	_	_	_	_	_	_
1	Do	do	AUX	VB	Mood=Imp	3	aux	3:aux	_
2	n't	not	PART	RB	_	3	advmod	3:advmod	_
3	stop	stop	VERB	VB	Mood=Imp	0	root	0:root	_
3.1	it	it	PRON	PRP	_	_	_	3:obj	_
4	#	#	SYM	NFP	_	3	dep	3:dep	_
5	now	now	ADV	RB	_	3	advmod	3:advmod	SpaceAfter=No
6	!	!	PUNCT	.	_	3	punct	3:punct	_

"""


def write(path: Path, text: str) -> Path:
    path.write_bytes(text.encode())
    return path


def test_conllu_reads_every_column(open_reader: Open, tmp_path: Path) -> None:
    record = open_reader("conllu").read(write(tmp_path / "x", SENTENCE))[0]

    assert record["id"] == "d1-s1"
    assert record["line"] == 1
    assert record["tokens"] == ["Do", "n't", "stop", "#", "now", "!"]
    assert record["lemma"] == ["do", "not", "stop", "#", "now", "!"]
    assert record["upos"] == record["tags"] == ["AUX", "PART", "VERB", "SYM", "ADV", "PUNCT"]
    assert record["xpos"] == ["VB", "RB", "VB", "NFP", "RB", "."]
    assert record["feats"] == ["Mood=Imp", "_", "Mood=Imp", "_", "_", "_"]
    assert record["heads"] == [3, 3, 0, 3, 3, 3]
    assert record["deprel"] == ["aux", "advmod", "root", "dep", "advmod", "punct"]
    assert record["deps"][0] == "3:aux"
    assert record["misc"] == ["_", "_", "_", "_", "SpaceAfter=No", "_"]
    assert record["multiword"] == ["1-2\tDon't\t_\t_\t_\t_\t_\t_\t_\t_"]
    assert record["empty_nodes"] == ["3.1\tit\tit\tPRON\tPRP\t_\t_\t_\t3:obj\t_"]
    assert record["comments"] == SENTENCE.split("\n")[:5]


def test_conllu_offsets_point_into_the_text(open_reader: Open, tmp_path: Path) -> None:
    record = open_reader("conllu").read(write(tmp_path / "x", SENTENCE))[0]

    assert record["text"] == "Don't stop # now!"
    assert [record["text"][start:end] for start, end in record["offsets"]] == record["tokens"]


def test_conllu_words_that_do_not_spell_their_range_share_its_offsets(open_reader: Open, tmp_path: Path) -> None:
    words = "1-2\tau\t" + "\t".join("_" * 8) + "".join(f"\n{i}\t{w}" + "\t_" * 8 for i, w in ((1, "à"), (2, "le"), (3, "x")))
    record = open_reader("conllu").read(write(tmp_path / "x", f"# text = au x\n{words}\n"))[0]

    assert record["offsets"] == [[0, 2], [0, 2], [3, 4]]
    assert record["heads"] == [None, None, None]


@pytest.mark.parametrize("text", ["Don't stop # now !", "Don't stop # now", "Do n't stop # now!", "Don't stop # now! Yes"])
def test_conllu_has_no_offsets_where_words_do_not_follow_the_text(open_reader: Open, tmp_path: Path, text: str) -> None:
    changed = SENTENCE.replace("# text = Don't stop # now!", f"# text = {text}")

    assert open_reader("conllu").read(write(tmp_path / "x", changed))[0]["offsets"] is None


def test_conllu_accepts_an_nbsp_as_the_space_between_words(open_reader: Open, tmp_path: Path) -> None:
    changed = SENTENCE.replace("stop # now!", "stop\u00a0# now!")

    assert open_reader("conllu").read(write(tmp_path / "x", changed))[0]["offsets"][2:4] == [[6, 10], [11, 12]]


def test_conllu_comments_become_columns(open_reader: Open, tmp_path: Path) -> None:
    second = SENTENCE.partition("# sent_id")[2].replace("imp", "decl")
    third = SENTENCE.replace("# meta::genre = news\n", "")
    path = write(tmp_path / "x", f"{SENTENCE}# sent_id{second}{third}")

    records = open_reader("conllu", comment_columns={"s_type": "label", "meta::genre": "genre"}).read(path)

    assert records["label"][:] == ["imp", "decl", "imp"]
    assert records["genre"][:] == ["news", "news", None]


def test_conllu_tags_column_is_a_setting(open_reader: Open, tmp_path: Path) -> None:
    path = write(tmp_path / "x", SENTENCE)

    assert open_reader("conllu", tags_column="deprel").read(path)[0]["tags"][2] == "root"
    assert "tags" not in open_reader("conllu", tags_column=None).read(path).column_names
    with pytest.raises(ConfigError, match="tags_column is 'pos'; expected null or one of lemma, upos"):
        open_reader("conllu", tags_column="pos")


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("3\tstop\tstop", "3\tstop", r"x:9: 9 tab-separated column\(s\); expected 10"),
        ("2\tn't", "4\tn't", "x:8: id is 4; expected 2"),
        ("2\tn't", "two\tn't", "x:8: id is 'two'; expected a number"),
        ("1-2\t", "1-9\t", "x:6: id is '1-9'"),
        ("3\taux", "7\taux", "x:7: head is '7'; expected 0 to 6"),
        ("3\taux", "-1\taux", "x:7: head is '-1'"),
        # more digits than Python converts
        ("3\taux", f"{'9' * 5000}\taux", r"x:7: head is '9+…; expected 0 to 6"),
        ("1-2\t", f"1-{'9' * 5000}\t", "x:6: id is '1-9+…; expected"),
        ("\tnow\tADV", "\t\tADV", "x:12: column 3 is empty"),
        ("# s_type = imp\n", "", "x:1: no comment '# s_type = …' for the label"),
    ],
    ids=["columns", "order", "id", "range", "head", "negative head", "long head", "long range", "empty cell", "label"],
)
def test_conllu_refuses_by_path_and_line(open_reader: Open, tmp_path: Path, old: str, new: str, message: str) -> None:
    assert old in SENTENCE
    reader = open_reader("conllu", comment_columns={"s_type": "label"})
    with pytest.raises(DataError, match=message):
        reader.read(write(tmp_path / "x", SENTENCE.replace(old, new, 1)))


@pytest.mark.parametrize(("text", "message"), [("", "x:1: the file holds no sentences"), ("# a\n\n", "x:1: sentence without")])
def test_conllu_refuses_files_without_words(open_reader: Open, tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(DataError, match=message):
        open_reader("conllu").read(write(tmp_path / "x", text))


def test_conllu_reports_all_faults_and_keeps_sound_sentences(open_reader: Open, tmp_path: Path) -> None:
    broken = SENTENCE.replace("\taux\t", "\t").replace("\t3\tpunct", "\tx\tpunct")
    faults: list[Fault] = []

    records = open_reader("conllu").read(write(tmp_path / "x", broken + SENTENCE), report=faults.append)

    assert [fault.line for fault in faults] == [7, 13]
    assert records["line"][:] == [15]


@pytest.mark.parametrize(
    ("file", "counts"),
    [
        pytest.param("ud_english_ewt/en_ewt-ud-train.conllu", (12544, 204577, 2614, 37), marks=pytest.mark.slow),
        pytest.param("ud_english_ewt/en_ewt-ud-dev.conllu", (2001, 25147, 359, 4), marks=pytest.mark.slow),
        ("ud_english_ewt/en_ewt-ud-test.conllu", (2077, 25094, 354, 2)),
        pytest.param("gum/gum-train.conllu", (3887, 81928, 698, 48), marks=pytest.mark.slow),
        ("gum/gum-dev.conllu", (412, 9968, 78, 10)),
        ("gum/gum-test.conllu", (531, 10969, 73, 9)),
    ],
)
def test_conllu_reads_real_treebanks(open_reader: Open, corpora: Path, file: str, counts: tuple[int, ...]) -> None:
    records = open_reader("conllu").read(corpora / file)
    n_of = {name: sum(map(len, records[name])) for name in ("tokens", "multiword", "empty_nodes")}

    assert (len(records), *n_of.values()) == counts
    assert None not in records["offsets"][:]


@pytest.mark.parametrize(
    "file", ["gum/gum-dev.conllu", pytest.param("ud_english_ewt/en_ewt-ud-test.conllu", marks=pytest.mark.slow)]
)
def test_conllu_agrees_with_the_conllu_library(open_reader: Open, corpora: Path, file: str) -> None:
    records = open_reader("conllu").read(corpora / file)
    # Fields as they stand in the file: no parsing of features, no None for "_" but in heads.
    as_is = {name: lambda line, i: line[i] for name in ("xpos", "feats", "deps", "misc")}
    sentences = conllu.parse((corpora / file).read_text(encoding="utf-8"), field_parsers=as_is)

    assert len(records) == len(sentences)
    names = {"tokens": "form", "lemma": "lemma", "upos": "upos", "xpos": "xpos", "feats": "feats", "deprel": "deprel"}
    names |= {"heads": "head", "deps": "deps", "misc": "misc"}
    for record, sentence in zip(records, sentences, strict=True):
        words = [word for word in sentence if isinstance(word["id"], int)]
        assert record["id"] == sentence.metadata["sent_id"]
        for column, field in names.items():
            assert record[column] == [word[field] for word in words], (record["id"], column)
        assert len(record["multiword"]) == sum(isinstance(w["id"], tuple) and w["id"][1] == "-" for w in sentence)
