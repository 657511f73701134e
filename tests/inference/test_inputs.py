import io
import json

import pytest

from seqlab.errors import ConfigError, DataError
from seqlab.inference.choose import InputChoice
from seqlab.inference.conll import ConllFormat, conll_format, parse_columns
from seqlab.inference.inputs import Chunk, LineFormat, Record, TextFormat
from seqlab.inference.jsonl import JsonlFormat
from seqlab.inference.lines import line_chunks

CONLL = ConllFormat(columns={"tokens": 0}, separator="auto", comment_prefix=None, has_ids=False, has_heads=False)


def chunks_of(source: LineFormat, text: str) -> list[Chunk]:
    return list(source.chunks(line_chunks(io.BytesIO(text.encode()), name="f"), name="f"))


def records_of(source: LineFormat, text: str) -> list[Record]:
    return [record for chunk in chunks_of(source, text) for record in chunk.records]


def test_text_has_a_record_a_line() -> None:
    assert records_of(TextFormat(), "\ufeffone\n\n \r\nlast") == [{"text": t} for t in ("one", "", " ", "last")]
    assert records_of(TextFormat(), "") == []


def test_jsonl_passes_every_key_on() -> None:
    lines = '{"text": "a b", "id": 7, "deep": {"x": [null]}}\n\n{"tokens": [], "tags": ["O"]}\n'
    assert records_of(JsonlFormat(needed=["tokens"]), lines) == [
        {"text": "a b", "id": 7, "deep": {"x": [None]}},
        {"tokens": [], "tags": ["O"]},
    ]


@pytest.mark.parametrize("offsets", [[[1, 2]], [[0, 1]], [[3]], [[-1, 2]], [["0", "1"]], [[1, 2], [3, 4]]])
def test_jsonl_replaces_offsets_that_are_not_those_of_its_tokens(offsets: object) -> None:
    line = json.dumps({"text": " x", "tokens": ["x"], "offsets": offsets})
    assert records_of(JsonlFormat(needed=["tokens"]), line)[0]["offsets"] == [[1, 2]]


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ('{"text": ', r"f:2: not JSON: Expecting value at character 10; expected one object per line"),
        ("[1]", r"f:2: the line is \[1\]; expected an object"),
        ("[" * 100_000, r"f:2: not JSON: maximum recursion depth"),
        ('{"words": 1}', r"f:2: neither text nor tokens; the record has 'words'"),
        ('{"text": null}', r"f:2: neither text nor tokens"),
        ('{"tokens": "a b"}', r"f:2: tokens is 'a b'; expected a list of strings"),
        ('{"tokens": ["a", 1]}', r"f:2: tokens is \['a', 1\]"),
        (r'{"text": "a\ud800"}', r"f:2: '\\ud800' is half a character"),
        ('{"tokens": ["a"], "text": "b"}', r"f:2: text 'b' does not match the tokens \['a'\]"),
        ('{"tokens": ["a"], "offsets": [[0, 1]]}', r"f:2: offsets need tokens, and the text"),
    ],
)
def test_jsonl_names_the_line_that_is_wrong(line: str, message: str) -> None:
    with pytest.raises(DataError, match=f"^{message}"):
        records_of(JsonlFormat(needed=["tokens"]), f'{{"text": ""}}\n{line}\n')


def test_jsonl_wants_the_columns_of_the_model() -> None:
    with pytest.raises(DataError, match=r"^f:1: no 'upos', which the model reads; the record has 'tokens'"):
        records_of(JsonlFormat(needed=["tokens", "upos"]), '{"tokens": ["a"]}')


def test_conll_has_a_record_a_sentence() -> None:
    text = "-DOCSTART- O\n\na O\nb O\n \t\n\n#c O\n-DOCSTART- O\nd O"
    assert records_of(CONLL, text) == [
        {"line": 3, "tokens": ["a", "b"]},
        {"line": 7, "tokens": ["#c"]},
        {"line": 9, "tokens": ["d"]},
    ]


@pytest.mark.parametrize(
    ("first", "separator", "tokens"),
    [
        ("a\u00a0b\tO", "\t", ["a\u00a0b"]),
        ("a\u00a0b  O", " ", ["a\u00a0b"]),
        ("a b\tO", "\t", ["a b"]),
        ("x", " ", ["x"]),
    ],
)
def test_conll_finds_what_parts_its_columns(first: str, separator: str, tokens: list[str]) -> None:
    chunk = chunks_of(CONLL, f"\n\n{first}\n")[-1]
    assert chunk.separator == separator
    assert chunk.records[0]["tokens"] == tokens


def test_conll_lines_are_those_of_the_file() -> None:
    text = "\ufeffa\tO\r\n\t\r\n-DOCSTART-\r\nb\tO"
    lines = [line for chunk in chunks_of(CONLL, text) for line in chunk.lines]
    assert "".join(line.text + line.end for line in lines) == text
    assert [line.is_token for line in lines] == [True, False, False, True]
    assert [record["tokens"] for record in records_of(CONLL, text)] == [["a"], ["b"]]


def test_conllu_passes_ranges_and_comments_by() -> None:
    row = "{}\t{}" + "\t_" * 8
    lines = [
        "# text = don't",
        row.format("1-2", "don't"),
        row.format(1, "do"),
        row.format(2, "n't"),
        row.format("2.1", "e"),
    ]
    (chunk,) = chunks_of(ConllFormat.conllu(needed=["tokens"]), "\n".join(lines))
    assert chunk.records[0]["tokens"] == ["do", "n't"]
    assert [(line.is_token, line.has_columns) for line in chunk.lines] == [
        (False, False),
        (False, True),
        (True, True),
        (True, True),
        (False, True),
    ]


def test_conllu_heads_are_numbers_where_the_model_reads_them() -> None:
    text = "1\tdo\t_\t_\t_\t_\t0\troot\t_\t_\n2\tit\t_\t_\t_\t_\t_\tobj\t_\t_\n"
    (record,) = records_of(ConllFormat.conllu(needed=["heads", "tokens"]), text)
    assert record["heads"] == [0, None]
    wrong = text.replace("\t0\t", "\tzero\t")
    with pytest.raises(DataError, match=r"^f:1: heads is 'zero'; expected the number of a word, 0 for the root"):
        records_of(ConllFormat.conllu(needed=["heads", "tokens"]), wrong)
    assert len(records_of(ConllFormat.conllu(needed=["tokens"]), wrong)) == 1


def test_conll_refuses_lines_that_are_not_in_columns() -> None:
    with pytest.raises(
        DataError, match=r"^f:2: 3 column\(s\); expected 2, as the lines before: .*; for raw text, set --format text"
    ):
        records_of(CONLL, "Ada met\nKurt met Ada\n")
    with pytest.raises(DataError, match=r"^f:1: 'hello world' is not the number of a word; expected ten columns"):
        records_of(ConllFormat.conllu(needed=["tokens"]), "hello world\n")


def test_conll_refuses_the_numbers_of_words_as_tokens() -> None:
    with pytest.raises(DataError, match=r"^f:1: tokens is column 0, which counts 1, 2, 3 .*; set --columns tokens=1"):
        records_of(CONLL, "1\tAda\n2\tmet\n3\tKurt\n\n1\tOslo\n2\t!\n\n")
    assert len(records_of(CONLL, "1\tO\n2\tO\n\n")) == 1


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a\tO\n\tO\n", r"f:2: tokens \(column 0\) is empty"),
        ("a\tO\nb\n", r"f:2: upos is column 1, but the line has only 1: \['b'\]; set --columns"),
    ],
)
def test_conll_names_the_line_that_is_wrong(text: str, message: str) -> None:
    source = ConllFormat(
        columns={"tokens": 0, "upos": 1}, separator="auto", comment_prefix=None, has_ids=False, has_heads=False
    )
    with pytest.raises(DataError, match=f"^{message}"):
        records_of(source, text)


def test_layout_is_that_of_training_by_default() -> None:
    reader = {"columns": {"tokens": 1, "upos": 0, "tags": -1}, "separator": "tab", "comment_prefix": "#"}
    trained = conll_format(reader, columns=None, needed=["tokens"])
    assert (trained.columns, trained.separator, trained.comment_prefix) == ({"tokens": 1}, "tab", "#")
    chosen = conll_format(reader, columns={"tokens": 0, "upos": 2}, needed=["tokens", "upos"])
    assert chosen.columns == {"tokens": 0, "upos": 2}
    other = conll_format({"columns": {"tokens": "words"}}, columns=None, needed=["tokens"])
    assert (other.columns, other.separator, other.comment_prefix) == ({"tokens": 0}, "auto", None)


def test_columns_are_names_with_numbers() -> None:
    assert parse_columns("tokens=1,tags=-1") == {"tokens": 1, "tags": -1}
    for wrong in ("1", "tokens=x", "upos=1", "tokens=0,"):
        with pytest.raises(ConfigError, match=f"--columns is '{wrong}'; expected column numbers"):
            parse_columns(wrong)


def test_a_format_without_a_column_of_the_model_is_refused() -> None:
    TextFormat().check_columns(["tokens"])
    JsonlFormat(needed=["frames"]).check_columns(["frames"])
    with pytest.raises(ConfigError, match=r"model reads tokens, upos, but the input has only tokens; use .* key 'upos'"):
        TextFormat().check_columns(["tokens", "upos"])


def test_conll_goes_by_what_most_lines_have() -> None:
    (chunk,) = chunks_of(CONLL, "# sent 1\nMaria\tO\nOslo city\tO\n\n")
    assert chunk.separator == "\t"
    assert chunk.records[0]["tokens"][1:] == ["Maria", "Oslo city"]


def test_jsonl_needs_no_tokens_for_a_model_of_frames() -> None:
    lines = '{"frames": [[1.0], [2.0]]}\n{"frames": [], "id": 3}\n'
    assert records_of(JsonlFormat(needed=["frames"]), lines) == [{"frames": [[1.0], [2.0]]}, {"frames": [], "id": 3}]
    with pytest.raises(DataError, match=r"^f:1: no 'frames', which the model reads; the record has 'tokens'"):
        records_of(JsonlFormat(needed=["frames"]), '{"tokens": ["a"]}\n')
    with pytest.raises(ConfigError, match=r"but the input has only tokens; use --format jsonl with a key 'frames'$"):
        TextFormat().check_columns(["frames"])


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("conll", f"a O\n{'x' * 9_000}\n"),
        ("conllu", "1" * 9_000 + "\n"),
        ("jsonl", f'{{"text": "{"x" * 9_000}", "tokens": ["a"]}}\n'),
        ("jsonl", f'{{"{"x" * 9_000}": 1}}\n'),
    ],
)
def test_messages_are_short_whatever_the_line_holds(name: str, text: str) -> None:
    source = InputChoice(path=None, reader={}, needed=("tokens",)).format(name)
    with pytest.raises(DataError, match=r"^f:[12]: .*\[…\]") as caught:
        list(source.read(io.BytesIO(text.encode()), name="f"))
    assert len(str(caught.value)) < 500


def test_jsonl_names_the_line_of_a_faulty_frame() -> None:
    with pytest.raises(DataError, match=r"^f:2: frame 1 holds nan; expected finite numbers"):
        records_of(JsonlFormat(needed=["frames"]), '{"frames": [[1.0]]}\n{"frames": [[NaN]]}\n')
