"""The one place where text is normalised: every span of the index counts characters of what comes out here."""

import re
import unicodedata
from collections.abc import Iterable

_LINE_END = re.compile("\r\n|[\r\x0b\x0c\x85\u2028\u2029]")
_WIDE_SPACE = re.compile("[\u00a0\u1680\u2000-\u200a\u202f\u205f\u3000]")
_EMOJI = "\U0001f000-\U0001faff\u2190-\u2bff\ufe0f"
_JOINING = "\u0600-\u08ff\u0900-\u0dff\u1000-\u109f\u1780-\u17ff"  # Arabic and Indic scripts: joiners choose the glyph
_INVISIBLE = re.compile(
    "[\x00-\x08\x0e-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff]"  # controls, halves of characters, non-characters
    "|[\u00ad\u180e\u200b\u2060-\u2064\ufeff]"  # soft hyphen and zero-width characters
    "|[\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069\u206a-\u206f\ufff9-\ufffb]"  # bidi and annotation controls
    "|[\U000e0000-\U000e007f]"  # tags: text that no reader sees and a language model does
    f"|(?<![{_JOINING}])\u200c|\u200c(?![{_JOINING}])"
    f"|(?<![{_EMOJI}{_JOINING}])\u200d|\u200d(?![{_EMOJI}{_JOINING}])"
)


def normalise(text: str) -> str:
    """NFC with line ends as a newline, plain spaces, nothing invisible, and never more than one empty line."""
    text = _WIDE_SPACE.sub(" ", _LINE_END.sub("\n", text))
    text = _INVISIBLE.sub("", unicodedata.normalize("NFC", text))
    text = unicodedata.normalize("NFC", text)  # what stood on both sides of something removed may compose
    text = re.sub(r"[ \t]+$", "", text, flags=re.MULTILINE)
    return re.sub(r"\n{3,}", "\n\n", text).strip("\n")


def join_pages(pages: Iterable[str]) -> tuple[str, list[int]]:
    """The pages as one normalised text, and the first character of each page in it.

    A page that ends in the middle of a line runs on into the next with a space, others with an empty line. A page
    without text starts where the next one does.
    """
    text, separator, starts = "", "", []
    for page in pages:
        words = normalise(page).strip()
        starts.append(len(text) + len(separator))
        if words:
            text += separator + words
            separator = "\n\n" if page.endswith("\n") else " "
    return text, [min(start, len(text)) for start in starts]
