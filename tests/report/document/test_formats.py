"""One document, three formats: everything is in each, and nothing of a record is taken for markup."""

import json
import re
from html.parser import HTMLParser

import pytest

from seqlab.errors import visible
from seqlab.metrics.calibration import Bin
from seqlab.report.charts import Axis, Curves, Matrix, Parallel, Path, Point, Reliability, Scatter, Series, Strip, Tree
from seqlab.report.document.model import (
    Column,
    Document,
    Example,
    Examples,
    Figure,
    Line,
    Mark,
    Paragraph,
    Picture,
    Section,
    Table,
)
from seqlab.report.document.text import shown
from seqlab.report.document.writing import written

HOSTILE = [
    "<script>alert(1)</script>",
    "</style>",
    "\"'`",
    "\x00\x1b[31m",
    "\ud800",
    "\u202eolleh",
    "a|b",
    "שלום",
    "&amp;",
    "-->",
]
PICTURE = '<svg viewBox="0 0 1 1"></svg>'
CHARTS = [
    Curves(
        "epoch",
        "loss <",
        [Series(HOSTILE[0], [(1, 0.5), (2, float("nan")), (3, 0.1)]), Series("one", [(1, 2.0)])],
        (2.0, "best"),
    ),
    Curves("step", "norm", [Series("a", [(0, 1e-7), (1, 10.0)])], is_log=True),
    Matrix([*HOSTILE[:3], "x"], [[5, 0, 0, 1], [0, 2, 0, 0], [1, 0, 0, 0], [0, 0, 0, 0]]),
    Matrix([f"label{i}" for i in range(80)], [[int(i == j) for j in range(80)] for i in range(80)]),
    Reliability([Bin(0.0, 0.5, 4, 0.3, 0.25), Bin(0.5, 1.0, 0, 0.75, 0.0)]),
    Scatter("size", "f1", [Point(HOSTILE[0], 1.0, 2.0, is_front=True), Point("b", 1.0, 2.0, is_front=False)]),
    Parallel([Axis(HOSTILE[1], [(0.0, "0"), (1.0, HOSTILE[0])]), Axis("f1", [])], [Path(HOSTILE[0], [0.0, 1.0], 1.0)]),
    Strip(["", ""], HOSTILE[:2], [(0, 1), (1, 2)], [0.5, 1.0], [True, False]),
    Strip(HOSTILE, [], [], [], []),
    Tree(HOSTILE[:2], [(0, 1), (1, 2), (0, 2)], HOSTILE[:3], [1.0, 0.5, 0.1], [None, HOSTILE[1], "x"]),
]


class Reader(HTMLParser):
    """Collects tags, attributes and text, and checks that tags close in the order in which they opened."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []
        self.texts: list[str] = []
        self.still_open: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += attrs
        if tag != "meta" and not self.get_starttag_text().endswith("/>"):  # type: ignore[union-attr]
            self.still_open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += attrs

    def handle_endtag(self, tag: str) -> None:
        assert self.still_open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.texts.append(data)


def parsed(page: str) -> Reader:
    reader = Reader()
    reader.feed(page)
    reader.close()
    assert reader.still_open == []
    return reader


@pytest.fixture
def document() -> Document:
    marks = [Mark(0, 3, "outer", "right"), Mark(1, 2, HOSTILE[0], "wrong"), Mark(2, 5, "crossing", "spurious")]
    table = Table(
        [Column("name"), Column("share", "share"), Column("n", "count")], [[word, 0.5, 1200] for word in HOSTILE], "cap"
    )
    blocks = [
        Paragraph("first & <b>"),
        Paragraph("how to read", is_note=True),
        table,
        Examples([Example(HOSTILE[0], [Line("gold", HOSTILE, marks)], note="two errors")], left_out="7 more"),
        *(Figure(chart, "a caption <i>") for chart in CHARTS),
        Picture(PICTURE, "drawn elsewhere <i>"),
    ]
    return Document(f"Report {HOSTILE[0]}", [Section("Outer <h2>", blocks, [Section("Inner", [Paragraph("deep")])])])


def test_page_is_well_formed_and_holds_no_markup_of_records(document: Document) -> None:
    page = written(document, "html")
    reader = parsed(page)
    assert reader.tags.count("script") == 1
    assert reader.tags.count("style") == 2  # the page's, and that of the one tree
    text = "".join(reader.texts)
    assert "first & <b>" in text
    assert "Outer <h2>" in text
    assert "drawn elsewhere <i>" in text
    assert PICTURE in page
    for word in HOSTILE:
        assert visible(word) in text
    assert "\x00" not in page
    page.encode("utf-8")


def test_page_asks_for_nothing_from_elsewhere(document: Document) -> None:
    reader = parsed(written(document, "html"))
    links = [value or "" for name, value in reader.attributes if name in ("href", "src", "srcset", "action", "data")]
    assert links
    assert all(link.startswith("#") for link in links)
    assert not [name for name, _ in reader.attributes if name.startswith("on")]
    page = written(document, "html")
    assert set(re.findall(r"https?://[^\"\s]+", page)) <= {"http://www.w3.org/2000/svg"}
    assert "@import" not in page
    assert "url(" not in page


def test_links_of_the_contents_lead_to_sections(document: Document) -> None:
    reader = parsed(written(document, "html"))
    ids = {value for name, value in reader.attributes if name == "id"}
    assert {f"#{each}" for each in ids} >= {value for name, value in reader.attributes if name == "href"}


def test_marks_are_nested_and_those_that_cross_stand_apart(document: Document) -> None:
    page = written(document, "html")
    line = next(text for text in page.split("<p>")[1:] if text.startswith('<mark class="right">')).split("</p>")[0]
    parsed(f"<p>{line}</p>")
    assert line.index('class="right"') < line.index('class="wrong"') < line.index("outer") < line.index("· <mark")


def test_json_holds_every_value(document: Document) -> None:
    content = json.loads(written(document, "json"))
    blocks = content["sections"][0]["blocks"]
    assert [block["kind"] for block in blocks[:4]] == ["paragraph", "paragraph", "table", "examples"]
    assert [row[0] for row in blocks[2]["rows"]] == HOSTILE
    assert blocks[3]["items"][0]["lines"][0]["tokens"] == HOSTILE
    assert [block["chart"]["kind"] for block in blocks[4:-1]] == [type(chart).__name__.lower() for chart in CHARTS]
    assert blocks[4]["chart"]["series"][0]["points"] == [[1, 0.5], [2, None], [3, 0.1]]
    assert blocks[-1] == {"kind": "picture", "svg": PICTURE, "caption": "drawn elsewhere <i>"}
    assert content["sections"][0]["sections"][0]["blocks"][0]["text"] == "deep"


def test_markdown_has_tables_of_equal_rows_and_no_markup_of_records(document: Document) -> None:
    text = written(document, "markdown")
    text.encode("utf-8")
    assert "<script" not in text
    assert re.findall(r"^#+ .*", text, re.M)[-1] == "### Inner"
    for table in re.findall(r"(?:^\|.*\n?)+", text, re.M):
        widths = {len(re.findall(r"(?<!\\)\|", row)) for row in table.splitlines()}
        assert len(widths) == 1
    assert "a\\|b" in text
    assert "*drawn elsewhere &lt;i\\>*" in text


@pytest.mark.parametrize("chart", CHARTS, ids=lambda chart: type(chart).__name__)
def test_pictures_lie_within_their_frame(chart: object) -> None:
    page = written(Document("x", [Section("y", [Figure(chart, "z")])]), "html")  # type: ignore[arg-type]
    picture = page[page.index("<svg") : page.index("</svg>")]
    width, height = map(float, re.search(r'viewBox="0 0 (\d+) (\d+)"', picture).groups())  # type: ignore[union-attr]
    boxes = re.findall(r'<rect x="([-\d.]+)" y="([-\d.]+)" width="([\d.]+)" height="([\d.]+)"', picture)
    for x, y, w, h in (map(float, box) for box in boxes):
        assert -1 <= x <= x + w <= width + 1
        assert -1 <= y <= y + h <= height + 1
    for place in re.findall(r'points="([^"]*)"', picture):
        for x, y in (map(float, pair.split(",")) for pair in place.split()):
            assert 0 <= x <= width
            assert 0 <= y <= height
    assert "nan" not in picture


@pytest.mark.parametrize(
    ("text", "seen"),
    [
        ("plain", "plain"),
        ("\x00\t\n\x7f", "␀␉␊␡"),
        ("\ud800", "[U+D800]"),
        ("\u202e", "[U+202E]"),
        ("\u200b", "[U+200B]"),
        ("é王", "é王"),
    ],
)
def test_nothing_is_invisible(text: str, seen: str) -> None:
    assert visible(text) == seen


@pytest.mark.parametrize(
    ("value", "kind", "seen"),
    [
        (None, "text", ""),
        (0.5, "share", "50.0 %"),
        (1, "share", "100.0 %"),
        (1200, "count", "1,200"),
        (0.123456, "number", "0.1235"),
        (True, "text", "yes"),
    ],
)
def test_values_are_shown_by_their_kind(value: object, kind: str, seen: str) -> None:
    assert shown(value, kind) == seen  # type: ignore[arg-type]
