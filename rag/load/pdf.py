"""PDF → the text of each page, with title and date from the file's properties."""

import ctypes
import re
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rag.errors import LoadError
from rag.load.dates import date_line, iso_date
from rag.load.extract import Extract
from rag.load.geometry import Page, Rule, Word
from rag.load.layout import page_texts

if TYPE_CHECKING:
    from pypdfium2 import PdfDocument, PdfPage, PdfTextPage

_LOCK = threading.Lock()  # pdfium keeps state of its own for the whole process
_HYPHENS = (0x02, 0xAD, 0xFFFE)  # pdfium's marks of a hyphen at a line's end
_LIGATURES = str.maketrans({"ﬀ": "ff", "ﬁ": "fi", "ﬂ": "fl", "ﬃ": "ffi", "ﬄ": "ffl", "ﬅ": "st", "ﬆ": "st"})
_THIN = 3.0  # points: a shape no thicker than this is a line
_MOST_PATHS = 3000  # drawn shapes: a page with more holds a drawing, not tables
_NO_TITLE = re.compile(
    r"untitled|\(?(?:unspecified|anonymous)\)?|.*\.(?:docx?|pdf|indd|tex|pptx?|xlsx?|rtf|qxd)|\W*", re.IGNORECASE
)
_PROGRAM = re.compile(r"^microsoft (?:word|powerpoint|excel) - ", re.IGNORECASE)


def read_pdf(path: Path) -> Extract:
    """The text of each page; title and date from the first page where it shows them, else from the properties.

    Raises LoadError for an encrypted file and for one without a text layer.
    """
    with _LOCK:
        pages, properties = _read(path)
    texts = page_texts(pages)
    if not any(text.strip() for text in texts):
        raise LoadError("it has no text layer: if it was scanned, OCR it first")
    title, date = _shown(texts[0])
    return Extract(tuple(texts), _named(properties.get("Title", "")) or title, date or _day(properties))


def _read(path: Path) -> tuple[list[Page], dict[str, str]]:
    import pypdfium2

    try:
        with pypdfium2.PdfDocument(path) as document:
            pages = [_page(document, number) for number in range(len(document))]
            return pages, document.get_metadata_dict()
    except pypdfium2.PdfiumError as error:
        if "password" in str(error).lower():
            raise LoadError("it is locked with a password; save it without one") from error
        raise LoadError(f"it is not a whole PDF ({error}); get it again from where it came from") from error


def _page(document: "PdfDocument", number: int) -> Page:
    import pypdfium2

    try:
        page = document[number]
        textpage = page.get_textpage()
    except pypdfium2.PdfiumError:  # one broken page does not take the others away
        return Page((), (), 1.0)
    try:
        return Page(tuple(_words(textpage)), tuple(_rules(page)), page.get_height())
    finally:
        textpage.close()
        page.close()


def _words(textpage: "PdfTextPage") -> Iterator[Word]:
    """Words in the order in which the file draws them; pdfium puts spaces where it sees gaps."""
    from pypdfium2 import raw

    end = textpage.count_chars()
    codes = [raw.FPDFText_GetUnicode(textpage, at) for at in range(end)]
    start: int | None = None
    for at, code in enumerate([*codes, 0x20]):
        is_space = chr(code).isspace()
        if start is None and not is_space:
            start = at
        if start is not None and (is_space or code in _HYPHENS):
            text = _characters(codes[start : at + (not is_space)])
            if text and (word := _word(textpage, text, start, at - is_space)):
                yield word
            start = None


def _characters(codes: list[int]) -> str:
    text = "".join("-" if code in _HYPHENS else chr(code) for code in codes if code)
    text = text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "ignore")  # pairs are two codes in pdfium
    return text.translate(_LIGATURES)


def _word(textpage: "PdfTextPage", text: str, first: int, last: int) -> Word | None:
    """The word with its place; None for words that do not run from left to right, such as a stamp in the margin."""
    from pypdfium2 import raw

    matrix, box, x, y = raw.FS_MATRIX(), raw.FS_RECTF(), ctypes.c_double(), ctypes.c_double()
    raw.FPDFText_GetMatrix(textpage, first, matrix)
    if abs(matrix.b) > abs(matrix.a):
        return None
    raw.FPDFText_GetCharOrigin(textpage, first, x, y)
    raw.FPDFText_GetLooseCharBox(textpage, last, box)
    size = raw.FPDFText_GetFontSize(textpage, first) * (abs(matrix.d) or 1.0)
    return Word(text, x.value, max(box.right, x.value), y.value, round(size, 1) or 1.0, _is_bold(textpage, first))


def _is_bold(textpage: "PdfTextPage", at: int) -> bool:
    from pypdfium2 import raw

    name = ctypes.create_string_buffer(128)
    raw.FPDFText_GetFontInfo(textpage, at, name, len(name), ctypes.c_int())
    return bool(re.search(rb"bold|black|heavy|cmbx|-demi|-medi", name.value, re.IGNORECASE))


def _rules(page: "PdfPage") -> Iterator[Rule]:
    """The straight lines of a page: thin shapes, and the sides of boxes."""
    from pypdfium2 import raw

    paths = list(page.get_objects(filter=[raw.FPDF_PAGEOBJ_PATH]))
    for path in paths if len(paths) <= _MOST_PATHS else []:
        left, bottom, right, top = path.get_bounds()
        if min(right - left, top - bottom) <= _THIN:
            yield Rule(left, bottom, right, top)
        else:
            yield from _sides(path)


def _sides(path: Any) -> Iterator[Rule]:
    from pypdfium2 import raw

    matrix = path.get_matrix()
    before: tuple[float, float] | None = None
    for number in range(raw.FPDFPath_CountSegments(path)):
        segment = raw.FPDFPath_GetPathSegment(path, number)
        x, y = ctypes.c_float(), ctypes.c_float()
        raw.FPDFPathSegment_GetPoint(segment, x, y)
        point = matrix.on_point(x.value, y.value)
        kind = raw.FPDFPathSegment_GetType(segment)
        if kind == raw.FPDF_SEGMENT_LINETO and before is not None:
            rule = Rule(*map(min, before, point), *map(max, before, point))
            if min(rule.right - rule.left, rule.top - rule.bottom) <= _THIN:
                yield rule
        before = point


def _shown(text: str) -> tuple[str | None, str | None]:
    """The heading and the date that stand at the top of the first page."""
    head = [line for line in text.split("\n") if line.strip()][:4]
    title = next((line.lstrip("# ") for line in head if line.startswith("#")), None)
    return title, next((date for line in head if not line.startswith("#") and (date := date_line(line))), None)


def _named(title: str) -> str | None:
    """The title in the properties, where somebody gave one."""
    title = _PROGRAM.sub("", title.strip())
    return None if _NO_TITLE.fullmatch(title) else title


def _day(properties: dict[str, str]) -> str | None:
    """The day on which the file says it was made: `D:20230920000000Z` is 2023-09-20."""
    match = re.match(r"(?:D:)?(\d{4})(\d\d)(\d\d)", properties.get("CreationDate", ""))
    return iso_date("-".join(match.groups())) if match else None
