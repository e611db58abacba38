"""Normalised text is the one alphabet that spans count in."""

import unicodedata

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from rag.load.normalise import join_pages, normalise

NASTY = (
    "ab\r\n\x0b\x0c\x85\u2028\u2029 \t\u00a0\u00ad\u200b\u200c\u200d"
    "\ufe0f\u0301\u0338e=\u2223\u2329❤👩सा\u094dا\u202e\u2066\x00\x07"
)
texts = st.text() | st.text(alphabet=NASTY, max_size=30)


@given(texts)
@example("\u2329\u200d❤")
@example("e\u200b\u0301")
def test_normalising_twice_changes_nothing_more(text: str) -> None:
    """Normalised text is left as it is."""
    once = normalise(text)

    assert normalise(once) == once


@given(texts)
def test_normalised_text_is_nfc_with_newlines_only(text: str) -> None:
    """Characters are composed, and a newline is the only line end."""
    normalised = normalise(text)

    assert unicodedata.is_normalized("NFC", normalised)
    assert normalised.splitlines() == [line for line in normalised.split("\n") if line or "\n" in normalised]


@given(texts)
def test_normalised_text_holds_no_wide_gap(text: str) -> None:
    """No line ends in a space, no two empty lines follow each other, and none stands at either end."""
    normalised = normalise(text)

    assert "\n\n\n" not in normalised
    assert not any(line.endswith((" ", "\t")) for line in normalised.split("\n"))
    assert normalised == normalised.strip("\n")


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        ("one\r\ntwo\rthree\u2028four", "one\ntwo\nthree\nfour"),
        ("in\u00adter\u200bna\u2060tional\ufeff", "international"),
        ("safe\u202etxt.exe\u2066", "safetxt.exe"),
        ("nul\x00 bell\x07", "nul bell"),
        ("hidden\U000e0041\U000e0042 words", "hidden words"),
        ("35\u00a0km\u202fh", "35 km h"),
        ("a\n\n\n\nb  \n", "a\n\nb"),
        ("Cafe\u0301", "Café"),
        ("tab\tstays", "tab\tstays"),
    ],
)
def test_invisible_characters_go(raw: str, expected: str) -> None:
    """What a reader cannot see is removed or becomes the plain character that it looks like."""
    assert normalise(raw) == expected


@pytest.mark.parametrize("text", ["👨\u200d👩\u200d👧", "🏳\ufe0f\u200d🌈", "می\u200cروم", "क\u094d\u200dष"])
def test_joiners_stay_where_they_choose_the_glyph(text: str) -> None:
    """Emoji families, Persian and Indic words keep their joiners."""
    assert normalise(text) == text


@pytest.mark.parametrize("text", ["pass\u200dword", "pass\u200cword", "\u200dword"])
def test_joiners_go_where_they_only_hide(text: str) -> None:
    """Between Latin letters a joiner does nothing but keep a word from being found."""
    assert normalise(text) in ("password", "word")


@given(st.lists(texts, max_size=6))
def test_pages_start_where_their_words_stand(pages: list[str]) -> None:
    """Every page's normalised words are found in the joined text exactly at the page's start."""
    text, starts = join_pages(pages)

    assert starts == sorted(starts)
    for page, start in zip(pages, starts, strict=True):
        assert text.startswith(normalise(page).strip(), start)


@given(st.lists(texts, max_size=6))
def test_joined_pages_are_normalised(pages: list[str]) -> None:
    """Joining pages leaves nothing to normalise."""
    text, _ = join_pages(pages)

    assert normalise(text) == text


def test_an_open_page_runs_on_into_the_next() -> None:
    """A page that ends in the middle of a line is joined with a space, others with an empty line."""
    text, starts = join_pages(["It came to about 759 billion", "dollars.\n", "", "The end.\n"])

    assert text == "It came to about 759 billion dollars.\n\nThe end."
    assert [text[start:][:7] for start in starts] == ["It came", "dollars", "The end", "The end"]
