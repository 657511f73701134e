from pathlib import Path

import pytest

from seqlab.data.doctor import FileReport, examine, find_leaks, format_of
from seqlab.errors import DataError


def examined(path: Path, text: str, *, format_name: str = "conll", scheme: str | None = None) -> FileReport:
    path.write_bytes(text.encode())
    return examine(path, format_name=format_name, overrides=[], scheme=scheme)


def found(report: FileReport, kind: str) -> list[int]:
    return [finding.line for finding in report.findings if finding.kind == kind]


def test_examine_counts_records_tokens_lengths_and_spans(tmp_path: Path) -> None:
    report = examined(tmp_path / "x", "a B-X\nb I-X\nc B-Y\n\nd O\ne O\n\nf B-Y\n")

    assert (report.n_records, report.n_tokens, report.scheme) == (3, 6, "BIO")
    assert report.counts == {"spans": {"X": 1, "Y": 2}}
    assert report.lengths == {3: 1, 2: 1, 1: 1}
    assert report.findings == []
    assert "BIO" in report.scheme_note


def test_examine_finds_every_fault_of_every_kind(tmp_path: Path) -> None:
    path = tmp_path / "x"
    path.write_bytes(b"a B-X\nb I-Y\n\nc\n\nd O\ne O x\n\nf\x07 O\n\ng\xe9 O\n\nh I-X\n")
    report = examine(path, format_name="conll", overrides=[], scheme="BIO")

    assert found(report, "tags") == [2, 13]
    assert found(report, "format") == [4, 7, 11]
    assert found(report, "control") == [9]
    assert report.n_errors == 6
    assert str(report.findings[0]) == f"{path}:2: error: tag 'I-Y' breaks BIO: no span of 'Y' is open right before it"
    assert [finding.line for finding in report.findings] == sorted(finding.line for finding in report.findings)


def test_examine_checks_against_the_nearest_scheme(tmp_path: Path) -> None:
    good = "a B-X\nb I-X\nc E-X\nd S-Y\n\n" * 3
    report = examined(tmp_path / "x", f"{good}a B-X\nb O\n")

    assert report.scheme == "BIOES"
    assert found(report, "tags") == [17]


def test_examine_takes_a_few_foreign_tags_for_faults_and_many_for_tags(tmp_path: Path) -> None:
    spans = examined(tmp_path / "x", "a O\nb B-X\nc O\nd B-X\ne O\nf B_X\n")
    tags = examined(tmp_path / "y", "a NOUN\nb VERB\n")

    assert found(spans, "tags") == [6]
    assert (tags.scheme, tags.counts) == (None, {"tags": {"NOUN": 1, "VERB": 1}})
    assert tags.findings == []


def test_examine_finds_duplicates_and_conflicts(tmp_path: Path) -> None:
    report = examined(tmp_path / "x", "a O\nb O\n\nc O\n\na O\nb O\n\na O\nb B-X\n")

    assert found(report, "duplicate") == [6]
    assert found(report, "conflict") == [9]
    assert report.n_errors == 0
    assert "line 1: 'a b'" in report.findings[0].message


def test_examine_folds_equal_records(tmp_path: Path) -> None:
    report = examined(tmp_path / "x", "a O\n\n" * 9 + "a B-X\n\nb O\n")

    assert [(finding.kind, finding.line) for finding in report.findings] == [("duplicate", 3), ("conflict", 19)]
    assert report.findings[0].message == "same as the record at line 1: 'a'; and 7 more, at line 5, 7, 9, 11, 13, …"
    assert report.findings[0].others == (5, 7, 9, 11, 13, 15, 17)


@pytest.mark.parametrize(
    ("text", "scheme", "note"),
    [
        ("a O\nb B-X\n\nc O\nd I-X\n", "BIO", "The tags are BIO: 1 of 4 steps break BIO."),
        ("a B-X\nb I-X\n\nc O\nd B-Y\n", "BIO", "The tags are BIO, without violations in 4 steps."),
        ("a O\nb O\n", "BIO", "The tags are BIO, without violations in 2 steps; IOB1, BIOES, BILOU, IO fit too."),
        ("a O\nb O\nc O\nd B-\ne B-X\nf B-X\n", "BIO", "The tags are BIO: 1 of 6 steps break BIO."),
        ("a O\nb O\nc O\nd O\ne PER\n", None, "The tags encode no spans: 'PER' is neither O nor PREFIX-label."),
    ],
)
def test_examine_gives_one_verdict_on_the_scheme(tmp_path: Path, text: str, scheme: str | None, note: str) -> None:
    report = examined(tmp_path / "x", text)
    assert (report.scheme, report.scheme_note) == (scheme, note)
    assert (scheme is None) == ("tags" in report.counts)


def test_examine_compares_a_given_scheme_with_the_tags(tmp_path: Path) -> None:
    report = examined(tmp_path / "x", "a B-X\nb I-X\nc O\n", scheme="BIOES")
    assert report.scheme_note == "Checked as BIOES, but the tags look like BIO: 1 of 3 steps break BIOES."


@pytest.mark.parametrize(("other", "line"), [("NOUN", 2), ("O", 2)])
def test_examine_finds_prefixes_without_a_label(tmp_path: Path, other: str, line: int) -> None:
    report = examined(tmp_path / "x", f"a {other}\nb B-\n")
    assert found(report, "tags") == [line]
    assert "'B-'" in report.findings[0].message


def test_examine_notes_prefixes_that_fit_no_scheme(tmp_path: Path) -> None:
    note = examined(tmp_path / "x", "a O\nb S_location\nc X_location\n").scheme_note
    assert "Their prefixes look like those of a span scheme, but none fits" in note
    assert "prefixes" not in examined(tmp_path / "y", "a N_SG\nb V_SG\n").scheme_note


def test_examine_reports_what_an_annotator_rejected(tmp_path: Path) -> None:
    answers = ("accept", "reject", "ignore")
    lines = "\n".join(f'{{"text": "a {answer}", "spans": [], "answer": "{answer}"}}' for answer in answers)
    (finding,) = examined(tmp_path / "x", lines, format_name="jsonl").findings
    assert (finding.kind, finding.severity, finding.line, finding.others) == ("rejected", "warning", 2, (3,))


def test_examine_finds_odd_characters(tmp_path: Path) -> None:
    report = examined(tmp_path / "x", "a\u200b\tO\n\u00a0\tO\nb\u00a0c\tO\nd\u0085\tO\n")

    assert found(report, "odd") == [1, 2]
    assert found(report, "control") == [4]
    assert "U+200B ZERO WIDTH SPACE" in report.findings[0].message


def test_examine_finds_repeated_ids_empty_tokens_and_records(tmp_path: Path) -> None:
    lines = ['{"id": "1", "tokens": ["a", ""]}', '{"id": "1", "tokens": []}', '{"id": "2", "tokens": ["b"]}']
    report = examined(tmp_path / "x", "\n".join(lines), format_name="jsonl")

    assert found(report, "id") == [2]
    assert [(f.line, f.severity) for f in report.findings if f.kind == "empty"] == [(1, "error"), (2, "warning")]


def test_examine_finds_unaligned_spans_and_texts(tmp_path: Path) -> None:
    spans = examined(tmp_path / "x", '{"text": "ab c", "spans": [[0, 1, "X"]]}\n', format_name="jsonl")
    words = "".join(f"{i}\t{word}" + "\t_" * 8 + "\n" for i, word in ((1, "a"), (2, "b")))
    text = examined(tmp_path / "y", f"# text = a c\n{words}\n# text = a b\n{words}", format_name="conllu")

    assert found(spans, "format") == [1]
    assert found(text, "text") == [1]


def test_examine_counts_segments_and_several_labels(tmp_path: Path) -> None:
    lines = ['{"tokens": ["a", "b"], "segments": [[0, 2, "X"], [1, 2, "Y"]], "label": ["p", "q"]}']
    report = examined(tmp_path / "x", "\n".join(lines), format_name="jsonl")

    assert report.counts == {"segments": {"X": 1, "Y": 1}, "label": {"p": 1, "q": 1}}


def test_examine_names_the_file_of_parallel_files(tmp_path: Path) -> None:
    for name, text in {"seq.in": "a b\nc\na b\n", "seq.out": "O O\nI-X\nO O\n"}.items():
        (tmp_path / name).write_text(text, encoding="utf-8")
    report = examine(tmp_path, format_name="lines", overrides=[], scheme="BIO")

    assert [(finding.path.name, finding.line) for finding in report.findings] == [("seq.out", 2), ("seq.in", 3)]


def test_find_leaks_tells_shared_records_of_each_two_files(tmp_path: Path) -> None:
    train = examined(tmp_path / "train", "a O\nb O\n\nc O\n\na O\nb O\n")
    dev = examined(tmp_path / "dev", "d O\n\nc B-X\n\nc O\n\na O\nb O\n")
    other = examined(tmp_path / "test", "e O\n")

    (leak,) = find_leaks([train, dev, other])

    assert (leak.first.name, leak.second.name) == ("train", "dev")
    assert leak.lines == [(4, 3), (1, 7)]
    assert leak.share == pytest.approx(2 / 3)


@pytest.mark.parametrize(
    ("name", "content", "expected"),
    [
        ("x", b"PAR1\x00\x00", "parquet"),
        ("x", b'\xef\xbb\xbf{"tokens": []}\n', "jsonl"),
        ("x", b"# c\n1\ta" + b"\t_" * 8 + b"\n\n", "conllu"),
        ("x.conll", b"1\ta" + b"\t_" * 8 + b"\n\n", "conllu"),
        ("x", b"a O\nb O\n\nc O\n", "conll"),
        ("x.tsv", b"a\tO\nb\tO\n\t\nc\tO\n", "conll"),
        ("x.tsv", b"text\tlabel\nso good\tpos\n", "csv"),
        ("x.csv", b"text,label\n\na b,c\n", "csv"),
        ("x.conll", b"a O\n", "conll"),
        ("x", b"a O\rb O\r\rc O\r", "conll"),
        ("x", b"(S (NP she)\n   (VP sleeps))\n\n(S (NP he) (VP sleeps))\n", "trees"),
    ],
)
def test_format_of_looks_at_content_then_suffix(tmp_path: Path, name: str, content: bytes, expected: str) -> None:
    (tmp_path / name).write_bytes(content)

    assert format_of(tmp_path / name) == expected


def test_format_of_refuses_what_it_does_not_know(tmp_path: Path) -> None:
    (tmp_path / "x").write_text("Some prose.\n\nMore of it, and more.\n", encoding="utf-8")
    with pytest.raises(DataError, match="x: format not recognised; give one with --format"):
        format_of(tmp_path / "x")
    (tmp_path / "y.txt").write_bytes(b"")
    with pytest.raises(DataError, match=r"y\.txt: empty; expected records"):
        format_of(tmp_path / "y.txt")
    (tmp_path / "z").write_bytes("a O\nb O\n".encode("utf-16"))
    with pytest.raises(DataError, match=r"z: UTF-16; convert it"):
        format_of(tmp_path / "z")
    with pytest.raises(DataError, match=r"a folder without seq.in"):
        format_of(tmp_path)
    with pytest.raises(DataError, match="nowhere: cannot be read"):
        format_of(tmp_path / "nowhere")


PARTIAL = (
    "a B-X\nb _\nc I-X\nd O\ne I-Y\n\nf B-X|B-Y\ng I-Y\nh B-Y|NOUN\ni B-Y\nj I-X\n\nk B-X|S-Y\nl B-X\n\n"
    "m B-X\nn I-X\n\no O\np B-Y\n"
)


def test_partial_annotation_is_reported_once_and_the_rest_is_checked(tmp_path: Path) -> None:
    report = examined(tmp_path / "x", PARTIAL)
    assert report.scheme == "BIO"
    assert found(report, "partial") == [2]
    (partial,) = (finding for finding in report.findings if finding.kind == "partial")
    assert "3 of 16 steps are partially annotated (B-X|B-Y, B-X|S-Y, _), starting here" in partial.message
    assert "only head=[crf_partial] learns from them" in partial.message
    # I-Y after O; NOUN, so not a set of span tags; I-X after B-Y; S-Y, which is not in BIO
    assert found(report, "tags") == [5, 9, 11, 13]
    assert report.counts["spans"]["X"] == 5


def test_partial_annotation_may_be_intended(tmp_path: Path) -> None:
    path = tmp_path / "x"
    path.write_text("a B-X\nb _\nc I-X\nd B-X|B-Y\n", encoding="utf-8")
    for scheme in (None, "BIO"):
        report = examine(path, format_name="conll", overrides=[], scheme=scheme, is_partial=True)
        assert report.findings == []
        assert report.scheme == "BIO"


def test_underscores_and_bars_among_plain_tags_are_tags(tmp_path: Path) -> None:
    report = examined(tmp_path / "x", "a Case=Nom|Number=Sing\nb _\nc Mood=Ind\n")
    assert report.findings == []
    assert report.counts["tags"] == {"Case=Nom|Number=Sing": 1, "_": 1, "Mood=Ind": 1}


def test_examine_counts_the_frames_of_records_without_tokens(tmp_path: Path) -> None:
    report = examined(tmp_path / "x", '{"frames": [[1], [2]], "tags": ["A", "B"]}\n' * 2, format_name="jsonl")
    assert (report.n_records, report.n_tokens, report.lengths, report.findings) == (2, 4, {2: 2}, [])
    assert report.counts == {"tags": {"A": 2, "B": 2}}
