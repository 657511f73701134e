r"""Tokenization of raw text by one regular expression, whose alternatives are tried in the order below.

The rules follow the Penn and UD English treebanks (do|n't, gon|na, U.S., Mr.) and tweets (@name, #tag, :-), emoji). Each
character that is not white space is in exactly one token, and combining marks stay with their base. Repetitions are possessive
or bounded where they could backtrack, so that the time is linear in the length of the text.
"""

import re
import unicodedata
from collections.abc import Sequence
from functools import cache
from itertools import chain, groupby

_APOSTROPHE = "['\u2019\u02bc\uff07]"
_ZERO_WIDTH = "\u200b\ufeff"
_HAN = "\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U000323af"
_EMOJI = "\u2600-\u27bf\u2b00-\u2bff\U0001f000-\U0001faff"
_SKIN_TONE = "\U0001f3fb-\U0001f3ff"
_FLAG_LETTER = "[\U0001f1e6-\U0001f1ff]"
_DOMAIN_ENDS = "com|org|net|edu|gov|info|biz|io|co|tv|me|ly|eu|uk|us|de|fr|ca|au|in|nl|ch|at|jp|ru|br|it|es|se|no|pl"
_TITLES = (
    "Mr|Mrs|Ms|Dr|Prof|Rev|Hon|Gen|Col|Lt|Sgt|Capt|Sen|Rep|Gov|St|Jr|Sr|vs|etc|Inc|Ltd|Corp|Co|Bros|approx|est|dept|ca|cf"
    "|Jan|Feb|Aug|Sept|Oct|Nov|Dec"
)

_CLITIC = re.compile(rf"(?:n{_APOSTROPHE}t|{_APOSTROPHE}(?:s|m|d|re|ve|ll))\Z", re.IGNORECASE)
_CLITIC_LENGTH = 3
_FUSED = frozenset({"cannot", "gonna", "gotta", "wanna", "gimme", "lemme"})
_FUSED_LENGTH = max(map(len, _FUSED))
_FUSED_SPLIT = 3


def tokenize(text: str) -> list[tuple[int, int]]:
    """Return the start and end (exclusive) of each token in characters; no token contains white space."""
    offsets: list[tuple[int, int]] = []
    for match in _pattern().finditer(text):
        if match.lastgroup == "word":
            offsets += _parts(text, *match.span())
        else:
            offsets.append(match.span())
    return offsets


def _parts(text: str, start: int, end: int) -> list[tuple[int, int]]:
    """Split fused words, and clitics from the end of a token."""
    # the length first, which is cheaper to compare
    if end - start <= _FUSED_LENGTH and text[start:end].lower() in _FUSED:
        return [(start, start + _FUSED_SPLIT), (start + _FUSED_SPLIT, end)]
    parts = []
    # from the right, as clitics may follow each other: should|n't|'ve
    while clitic := _CLITIC.search(text, max(start + 1, end - _CLITIC_LENGTH), end):
        parts.append((clitic.start(), end))
        end = clitic.start()
    return [(start, end), *reversed(parts)]


@cache
def _pattern() -> re.Pattern[str]:
    """Return the expression of one token; built on first use, because it scans all characters of Unicode."""
    marked = _mark_ranges()
    letter, mark, end = rf"[^\W_{_HAN}{marked}]", f"[{marked}]", rf"(?![\w{marked}])"
    inner = rf"(?:{letter}|{mark})"
    symbols = _symbols(marked, letter=letter, inner=inner, end=end)
    words = _words(letter=letter, inner=inner, mark=mark, end=end)
    return re.compile(rf"(?:{'|'.join((*symbols, *words))}){mark}*+")


def _symbols(marked: str, *, letter: str, inner: str, end: str) -> Sequence[str]:
    """Return the expressions that come first: URLs, names with @ and #, emoticons and emoji."""
    return (
        # zero-width spaces and byte order marks are tokens of their own
        rf"[{_ZERO_WIDTH}]++",
        # URLs without trailing punctuation, mail addresses, domains, @name and #tag
        rf"(?i:https?://|ftp://|www\.)[^\s<>\"{_ZERO_WIDTH}]*[^\s<>\"{_ZERO_WIDTH}.,;:!?'\u2019\u201d)\]}}*]",
        r"[\w.+-]{1,64}+@[\w-]{1,63}+(?:\.[\w-]{1,63}+){1,8}+",
        rf"(?:[A-Za-z0-9][\w-]{{0,62}}+\.){{1,8}}(?i:{_DOMAIN_ENDS}){end}(?:/[\w/%.~-]{{0,256}}[\w/])?",
        rf"[@#]{letter}(?:{inner}|_)*+",
        # sideways emoticons, and all others
        rf"[<>]?[:;=]['\u2019]?[-^o]?(?:[)(\]\[|*}}{{]++|[DPpOoSs3]{end}|[/\\](?![\w/\\]))",
        rf"(?<!\w)(?:8-\)|[xX]D++{end}|<3++{end}|</3|[(\[]-?[:;]{end}|\^[_.-]?\^|[-oO][_.]++[-oO]{end}|\\o/)",
        # flags, key caps, and emoji with skin tones, selectors and joiners
        rf"{_FLAG_LETTER}{{2}}",
        r"[0-9#*]\ufe0f?\u20e3",
        rf"[{_EMOJI}](?:[{_SKIN_TONE}{marked}]|(?<=\u200d)[{_EMOJI}\u2190-\u21ff])*+",
    )


def _words(*, letter: str, inner: str, mark: str, end: str) -> Sequence[str]:
    """Return the expressions of words, numbers and punctuation, the longer matches first."""
    word = rf"{letter}{inner}*+"
    return (
        # separate clitics and words that start with an apostrophe; U.S. e.g. J. Mr.
        rf"{_APOSTROPHE}(?i:s|m|d|re|ve|ll|em|cause|til|tis|twas|bout){end}",
        rf"(?:[A-Za-z]\.){{2,}}+(?:[A-Za-z]{end})?",
        rf"[A-Za-z]\.[A-Za-z]{end}",
        rf"(?:(?i:{_TITLES})|[A-HJ-Z](?=\. [A-Z]))\.(?!\w)",
        # 1,234.56 10:30 12/05 2.6.6 and .5; digits alone are words
        rf"(?:(?<![\w.])\.)?\d++(?:[.,:/]\d++)++{inner}*+",
        rf"(?<![\w.])\.\d++{inner}*+",
        # each ideograph is a word
        rf"[{_HAN}]",
        # AT&T, and words that may contain apostrophes and hyphens
        rf"[A-Z]{{1,3}}&[A-Z]{{1,3}}{end}",
        rf"(?P<word>{word}(?:(?:{_APOSTROPHE}|[-\u2010\u2011\u00b7]|_++){mark}*+{word})*+)",
        # arrows, mixed !?, runs of one character (brackets and quotes stay single, but for `` and '')
        r"[-=]{1,8}+>|<[-=]{1,8}+",
        r"[!?\u203c\u2047-\u2049]++",
        r"``|''",
        r"(?P<run>[^\w\s()\[\]{}<>\"'\u2018-\u201f])(?P=run)*+",
        r"_++",
        r"\S",
    )


def _mark_ranges() -> str:
    """Return all combining marks and format characters except zero-width spaces, as ranges of a character class."""
    # only planes 0, 1 and 14 have any
    codes = [code for code in chain(range(0x20000), range(0xE0000, 0xE0200)) if _extends(chr(code))]
    runs = ([code for _, code in run] for _, run in groupby(enumerate(codes), key=lambda pair: pair[1] - pair[0]))
    return "".join(f"{chr(run[0])}-{chr(run[-1])}" for run in runs)


def _extends(char: str) -> bool:
    return unicodedata.category(char) in {"Mn", "Mc", "Me", "Cf"} and char not in _ZERO_WIDTH
