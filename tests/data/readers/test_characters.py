from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from seqlab.data.readers import CharactersReader, ConlluReader, Reader
from seqlab.data.readers.source import Fault
from seqlab.errors import ConfigError

SENTENCE = """# sent_id = s1
# text = Don't go.
1-2\tDon't\t_\t_\t_\t_\t_\t_\t_\t_
1\tDo\tdo\tAUX\t_\t_\t3\taux\t_\t_
2\tn't\tnot\tPART\t_\t_\t3\tadvmod\t_\t_
3\tgo\tgo\tVERB\t_\t_\t0\troot\t_\tSpaceAfter=No
4\t.\t.\tPUNCT\t_\t_\t3\tpunct\t_\t_

"""
UNTEXTED = "1\tzwei\t_\tNUM\t_\t_\t0\troot\t_\t_\n2\tà\t_\tX\t_\t_\t1\tdep\t_\t_\n\n"


def characters(label_column: str = "tags") -> CharactersReader:
    words = ConlluReader(tags_column="upos", comment_columns={}, entity_key=None)
    return CharactersReader(reader=words, label_column=label_column)


def test_words_are_segments_of_the_characters_of_the_text(tmp_path: Path) -> None:
    path = tmp_path / "a.conllu"
    path.write_text(SENTENCE, encoding="utf-8")
    (record,) = characters().read(path)
    assert "".join(record["tokens"]) == record["text"] == "Don't go."
    assert record["words"] == ["Do", "n't", "go", "."]
    labels = {record["text"][s["start"] : s["end"]]: s["label"] for s in record["segments"]}
    assert labels == {"Do": "AUX", "n't": "PART", "go": "VERB", ".": "PUNCT"}


def test_words_without_a_text_stand_apart_by_a_space(tmp_path: Path) -> None:
    path = tmp_path / "a.conllu"
    path.write_text(UNTEXTED, encoding="utf-8")
    (record,) = characters("xpos").read(path)
    assert "".join(record["tokens"]) == "zwei à"
    assert record["segments"] == [{"start": 0, "end": 4, "label": "_"}, {"start": 5, "end": 6, "label": "_"}]


def test_an_unknown_column_of_labels_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.conllu"
    path.write_text(SENTENCE, encoding="utf-8")
    with pytest.raises(ConfigError, match=r"label_column is 'nothing'; the records have .*upos"):
        characters("nothing").read(path)


def test_the_option_builds_it(open_reader: Callable[..., Reader], corpora: Path) -> None:
    options: dict[str, Any] = {}
    records = open_reader("conllu_characters", **options).read(corpora / "ud_english_ewt" / "en_ewt-ud-dev.conllu")
    assert len(records) == 2001
    for record in records.select(range(50)):
        words = ["".join(record["tokens"][s["start"] : s["end"]]) for s in record["segments"]]
        assert words == record["words"]


def test_files_with_faults_alone_have_them_reported(tmp_path: Path) -> None:
    path = tmp_path / "a.conllu"
    path.write_text("1\tzwei\n\n", encoding="utf-8")
    faults: list[Fault] = []
    assert len(characters().read(path, report=faults.append)) == 0
    assert [fault.line for fault in faults] == [1]
