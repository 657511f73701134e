import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seqlab.errors import DataError
from seqlab.inference.lines import Line, line_chunks, without_mark


class Dribble(io.BytesIO):
    """A pipe that has few bytes ready at a time."""

    def __init__(self, data: bytes, n_bytes: int) -> None:
        super().__init__(data)
        self.n_bytes = n_bytes

    def read1(self, size: int = -1, /) -> bytes:
        return super().read1(self.n_bytes)


def lines_of(data: bytes, *, n_bytes: int = 1 << 20) -> list[Line]:
    return [line for chunk in line_chunks(Dribble(data, n_bytes), name="f") for line in chunk]


def test_lines_end_at_line_feeds_only() -> None:
    text = "a\u2028b\x85c\x0bd\re\nf\r\n\r\n\ng"
    assert lines_of(text.encode()) == [
        Line(1, "a\u2028b\x85c\x0bd\re", "\n"),
        Line(2, "f", "\r\n"),
        Line(3, "", "\r\n"),
        Line(4, "", "\n"),
        Line(5, "g", ""),
    ]


@given(st.text(alphabet=st.sampled_from("aé😀\r\n\t "), max_size=30), st.integers(1, 8))
def test_lines_are_whole_and_complete_however_the_bytes_come(text: str, n_bytes: int) -> None:
    lines = lines_of(text.encode(), n_bytes=n_bytes)
    assert "".join(line.text + line.end for line in lines) == text
    assert lines == lines_of(text.encode())
    assert [line.number for line in lines] == list(range(1, len(lines) + 1))


def test_lines_come_before_the_stream_ends() -> None:
    class Endless(io.BytesIO):
        def read1(self, size: int = -1, /) -> bytes:
            return b"y\n"

    chunks = line_chunks(Endless(), name="f")
    assert [next(chunks), next(chunks)] == [[Line(1, "y", "\n")], [Line(2, "y", "\n")]]


def test_byte_order_mark_is_kept_and_known() -> None:
    first, second = lines_of("\ufeffa\n\ufeffb".encode())
    assert first.text == "\ufeffa"
    assert (without_mark(first), without_mark(second)) == ("a", "\ufeffb")


@pytest.mark.parametrize("n_bytes", [3, 100])
def test_other_encodings_are_reported_by_line_and_byte(n_bytes: int) -> None:
    with pytest.raises(DataError, match=r"^f:3: byte 0xe9 at byte 4 of the line is not UTF-8; convert it"):
        lines_of(b"ok\nok\ncaf\xe9\n", n_bytes=n_bytes)
