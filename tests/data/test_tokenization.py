"""Tokens of raw text: nothing lost on any input, and the treebanks' rules on English."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seqlab.data.tokenization import tokenize

FAMILY = "\U0001f468\u200d\U0001f469\u200d\U0001f467"
TRICKY = st.one_of(
    st.sampled_from(["'", "n't", "'s", "a", "A.", ".", "-", "_", "@", "#", "http://", "1", ",", ":", ")", " ", "\n", "\0"]),
    st.sampled_from(["\u0301", "\u200b", "\ufeff", "\u200d", "\ufe0f", "\u00a0", "\u2028", "日", "ก", "\U0001f1e9"]),
    st.sampled_from(["\U0001f44d", "\U0001f3fd"]),
)


def tokens(text: str) -> list[str]:
    return [text[start:end] for start, end in tokenize(text)]


@given(st.one_of(st.text(st.characters(exclude_categories=[])), st.lists(TRICKY, max_size=30).map("".join)))
def test_tokenize_puts_each_character_but_white_space_in_one_token(text):
    offsets = tokenize(text)
    covered = [position for start, end in offsets for position in range(start, end)]
    assert covered == [position for position, char in enumerate(text) if not char.isspace()]
    assert all(start < end for start, end in offsets)


@given(st.one_of(st.text(), st.lists(TRICKY, max_size=30).map("".join)))
def test_tokenize_never_parts_a_mark_from_its_base(text):
    for start, _ in tokenize(text):
        if unicodedata.category(text[start]) in {"Mn", "Mc", "Me"} and start:
            assert text[start - 1].isspace() or text[start - 1] in "\u200b\ufeff"


@given(st.lists(TRICKY, max_size=12).map("".join), st.lists(TRICKY, max_size=12).map("".join))
def test_tokenize_treats_lines_alike_wherever_they_stand(first, second):
    shift = len(first) + 1
    assert tokenize(f"{first}\n{second}")[len(tokenize(first)) :] == [
        (start + shift, end + shift) for start, end in tokenize(second)
    ]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", ""),
        (" \t\n\u00a0", ""),
        ("Hello, world!", "Hello , world !"),
        # clitics
        ("I don't, can't, won't.", "I do n't , ca n't , wo n't ."),
        ("She’s they’ll DON’T we've I'd I'm", "She ’s they ’ll DO N’T we 've I 'd I 'm"),
        ("wouldn't've (IBM)'s dogs' 'em n't", "would n't 've ( IBM ) 's dogs ' 'em n't"),
        ("cannot Gonna cannots", "can not Gon na cannots"),
        # apostrophes and hyphens inside words
        ("O'Neil's rock'n'roll 'quoted'", "O'Neil 's rock'n'roll ' quoted '"),
        ("well-known co\u00adop end- -x snake_case _x_", "well-known co\u00adop end - - x snake_case _ x _"),
        # abbreviations
        ("Mr. Smith of the U.S. left, e.g. J. Smith.", "Mr. Smith of the U.S. left , e.g. J. Smith ."),
        ("So do I. It ends.Then", "So do I . It ends . Then"),
        ("AT&T a&b", "AT&T a & b"),
        # numbers
        ("$1,234.56 5% 10:30 12/05/2020 .5 2.6.6, 10-20.", "$ 1,234.56 5 % 10:30 12/05/2020 .5 2.6.6 , 10-20 ."),
        ("3.5km 1st COVID-19 24/7", "3.5km 1st COVID-19 24/7"),
        # addresses
        ("(see https://a.org/x_(y)?q=1).", "( see https://a.org/x_(y)?q=1 ) ."),
        (
            "http:// www.foo.org! me+x@foo.co.uk, foo.com/bar.",
            "http : // www.foo.org ! me+x@foo.co.uk , foo.com/bar .",
        ),
        ("@name_1: #tag2! # @ C#", "@name_1 : #tag2 ! # @ C #"),
        # emoticons and emoji
        (":-) :D :'( <3 xD ;P lol:) :Day 10:30)", ":-) :D :'( <3 xD ;P lol :) : Day 10:30 )"),
        ("\U0001f602\U0001f602 \u2764\ufe0f!", "\U0001f602 \U0001f602 \u2764\ufe0f !"),
        (f"{FAMILY}\U0001f44d\U0001f3fd", f"{FAMILY} \U0001f44d\U0001f3fd"),
        ("\U0001f1e9\U0001f1ea\U0001f1eb\U0001f1f7", "\U0001f1e9\U0001f1ea \U0001f1eb\U0001f1f7"),
        ("1\ufe0f\u20e32\ufe0f\u20e3", "1\ufe0f\u20e3 2\ufe0f\u20e3"),
        # punctuation
        ("wait... what?!! -- --> (([x]))", "wait ... what ?!! -- --> ( ( [ x ] ) )"),
        ("``x'' \"y\" **z** ____", "`` x '' \" y \" ** z ** ____"),
        # marks, zero-width characters, other scripts
        ("e\u0301te\u0301 n\u0303\u0303", "e\u0301te\u0301 n\u0303\u0303"),
        ("\ufeffa\u200bb\u200b\u200b. c\ufeff", "\ufeff a \u200b b \u200b\u200b . c \ufeff"),
        ("नमस्ते می\u200cخواهم Straße", "नमस्ते می\u200cخواهم Straße"),
        ("日本語テスト สวัสดี", "日 本 語 テスト สวัสดี"),
    ],
)
def test_tokenize_examples(text, expected):
    assert tokens(text) == expected.split(" " if expected else None)


REPEATED = "a 1 . - =- _ a. a- a' 's 1, a@ a@b. a.com/ http://. :- ( \u0301 \u200d \u200b \U0001f602\u200d \U0001f1e9 日 ^_"


# Were time quadratic in the length of the text, some of these would take minutes.
@pytest.mark.parametrize("unit", REPEATED.split(" "))
def test_tokenize_takes_linear_time_on_repetitions(unit):
    text = unit * (50_000 // len(unit))
    assert sum(end - start for start, end in tokenize(text)) == sum(not char.isspace() for char in text)


def test_tokenize_agrees_with_most_words_of_ewt(repository):
    path = repository.parent / "shared" / "data" / "ud_english_ewt" / "en_ewt-ud-dev.conllu"
    if not path.is_file():
        pytest.skip(f"no English Web Treebank at {path}")
    n_words = n_found = 0
    for block in path.read_text(encoding="utf-8").split("\n\n")[:1000]:
        lines = block.splitlines()
        text = next((line.removeprefix("# text = ") for line in lines if line.startswith("# text = ")), "")
        words = [line.split("\t")[1] for line in lines if line[:1].isdigit() and line.split("\t")[0].isdigit()]
        n_words += len(words)
        n_found += len(set(tokenize(text)) & set(gold_offsets(text, words)))
    assert n_found / n_words > 0.95


def gold_offsets(text: str, words: list[str]) -> list[tuple[int, int]]:
    offsets, position = [], 0
    for word in words:
        start = text.find(word, position)
        if start >= 0:
            position = start + len(word)
            offsets.append((start, position))
    return offsets
