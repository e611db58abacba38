"""Plain text in any encoding → its words as they stand, with title and date where the first lines give them."""

import codecs
import re
from pathlib import Path

from rag.errors import LoadError
from rag.load.alphabet import likely_encoding
from rag.load.dates import date_line
from rag.load.extract import Extract

_BOMS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),  # before UTF-16, whose mark it begins with
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_JUNK = re.compile("[\x00-\x08\x0e-\x1a\x1c-\x1f\x7f\ufffd]")
_JUNK_SHARE = 0.03  # of characters: compressed data read as text has about 0.11, texts with stray controls below 0.01
_STRANGE = re.compile("[\udc80-\udcff]")  # bytes that are not UTF-8, as Python marks them
_TITLE = 120  # characters: a longer first line is a paragraph


def read_text(path: Path) -> Extract:
    """The whole text; its title is a short first line with an empty line after it."""
    text = read_decoded(path)
    title = title_line(text)
    return Extract(text, title, _date(text.splitlines(), below_title=title is not None))


def title_line(text: str) -> str | None:
    """The first line, if it is short, more follows, and the next line is empty."""
    first, _, rest = text.lstrip().partition("\n")
    rest = rest.lstrip(" \t")
    is_title = 0 < len(first.strip()) <= _TITLE and rest.startswith(("\n", "\r")) and rest.strip()
    return first.strip() if is_title else None


def _date(lines: list[str], *, below_title: bool) -> str | None:
    head = [line for line in lines[:12] if line.strip()][:5]
    labelled = [line for line in head if re.match(r"(?:date|published)\b.*:", line.strip(), re.IGNORECASE)]
    below = head[1:2] if below_title else []
    return next((date for line in [*labelled, *below] if (date := date_line(line))), None)


def read_decoded(path: Path) -> str:
    """The characters of a text file in UTF-8, UTF-16, or the encoding that its bytes look like.

    Raises LoadError where the bytes are no text in any of them.
    """
    return text_in(path.read_bytes())


def text_in(data: bytes) -> str:
    """As `read_decoded`, for bytes that were read already."""
    text = decoded(data)
    sample = text[:100_000]
    if len(_JUNK.findall(sample)) > _JUNK_SHARE * len(sample):
        raise LoadError("it holds binary data, not text; give the file the suffix of its real format")
    return text


def decoded(data: bytes) -> str:
    """The bytes as characters; what cannot be decoded becomes U+FFFD."""
    for mark, encoding in _BOMS:
        if data.startswith(mark):
            return data.decode(encoding, errors="replace")
    if unmarked := _unmarked_utf16(data[:1000]):
        return data.decode(unmarked, errors="replace")
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        mixed = _mostly_utf8(data)
        return mixed if mixed is not None else data.decode(_likely_encoding(data), errors="replace")


def _mostly_utf8(data: bytes) -> str | None:
    """UTF-8 with other bytes in it, as of two files put together, those taken for cp1252; None for other encodings.

    In GBK, of the encodings the one that looks most like UTF-8, one character in seven does.
    """
    text = data.decode("utf-8", errors="surrogateescape")
    strange = len(_STRANGE.findall(text))
    if 2 * sum(not letter.isascii() for letter in _STRANGE.sub("", text)) < strange:
        return None
    return _STRANGE.sub(lambda found: bytes([ord(found[0]) - 0xDC00]).decode("cp1252", errors="replace"), text)


def _unmarked_utf16(data: bytes) -> str | None:
    """UTF-16 without a byte order mark, if every other byte is zero as in western text."""
    half = len(data) // 2
    for encoding, high in (("utf-16-le", data[1::2]), ("utf-16-be", data[::2])):
        if high.count(0) > 0.7 * half and data.count(0) < 1.1 * high.count(0):
            return encoding
    return None


def _likely_encoding(data: bytes) -> str:
    """By the letters of the languages that are known, else what charset-normalizer says.

    charset-normalizer 3.5 took French in cp1252 for cp1250 and "naïve café" for cp1006.
    """
    from charset_normalizer import from_bytes

    if known := likely_encoding(data):
        return known
    best = from_bytes(data).best()
    return best.encoding if best else "cp1252"
