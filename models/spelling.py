"""Spelling: what is the same text but for the way in which somebody typed it."""

from __future__ import annotations

import unicodedata
from difflib import SequenceMatcher

#: Names are alike from this share of equal characters on, unless they are shorter than this.
SIMILAR_FROM = 0.9
SIMILAR_LENGTH_MIN = 6
#: How companies sign, without dots; what is left of a name without it is still the name.
LEGAL_FORMS = frozenset({
    "ab", "ag", "as", "asa", "aps", "bv", "co", "company", "corp", "corporation", "eg", "eu", "ev",
    "gbr", "gmbh", "inc", "incorporated", "kg", "kk", "lda", "limited", "llc", "llp", "lp", "ltd",
    "ltda", "mbh", "nv", "ohg", "oy", "oyj", "plc", "pllc", "pte", "pty", "sa", "sarl", "sas", "se",
    "sl", "spa", "srl", "ug", "ulc",
})  # fmt: skip
_IN_WORDS = {"&": " and ", "+": " and "}
#: Dots, apostrophes and accents that stand for them.
_WITHIN_WORDS = frozenset(
    ".'`\N{ACUTE ACCENT}\N{LEFT SINGLE QUOTATION MARK}\N{RIGHT SINGLE QUOTATION MARK}"
)


def words_of(text: str) -> list[str]:
    """The words of a text, however it is spelt: without case, punctuation, widths and spaces."""
    folded = unicodedata.normalize("NFKC", text).casefold()
    spelt = "".join(
        "" if each in _WITHIN_WORDS else _IN_WORDS.get(each, each if each.isalnum() else " ")
        for each in folded
    )
    return spelt.split() or folded.split()


def folded(text: str) -> str:
    """A text without all that spelling may change."""
    return "".join(words_of(text))


def folded_name(text: str) -> str:
    """A name without the legal form either; one that is nothing else keeps it."""
    words = words_of(text)
    kept = list(words)
    while len(kept) > 1 and kept[-1] in LEGAL_FORMS | {"and"}:
        kept.pop()
    return "".join(kept)


def folded_number(text: str) -> str:
    """A document's number without spelling and leading zeros."""
    return folded(text).lstrip("0") or folded(text)


def are_similar(one: str, other: str) -> bool:
    """Whether two folded names differ by so little that it may be a slip; digits never may."""
    first, second = sorted((one, other))
    if min(len(first), len(second)) < SIMILAR_LENGTH_MIN or _digits(first) != _digits(second):
        return False
    matcher = SequenceMatcher(None, first, second, autojunk=False)
    return (
        matcher.real_quick_ratio() >= SIMILAR_FROM
        and matcher.quick_ratio() >= SIMILAR_FROM
        and matcher.ratio() >= SIMILAR_FROM
    )


def _digits(text: str) -> str:
    return "".join(each for each in text if each.isdigit())
