"""PDF → the text of each page, with title, author, date and language from the file's properties."""

import ctypes
import re
import threading
from bisect import bisect
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from itertools import groupby, islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from rag.errors import LoadError
from rag.load.dates import date_line, iso_date
from rag.load.extract import Extract, hidden_note
from rag.load.geometry import LEFTWARD, Page, Place, Rule, Word, height_of, mirrored, runs_left, turned
from rag.load.ink import Ink, Inks, ground
from rag.load.layout import laid_out
from rag.load.normalise import normalise
from rag.load.ocr import DPI, MOST_PIXELS, Recognise

if TYPE_CHECKING:
    from PIL.Image import Image
    from pypdfium2 import PdfDocument, PdfPage, PdfTextPage

_LOCK = threading.Lock()  # pdfium keeps state of its own for the whole process
_HYPHENS = "\x02\xad\ufffe"  # pdfium's marks of a hyphen at a line's end
_WORD = re.compile(rf"[^\s{_HYPHENS}]*[{_HYPHENS}]|[^\s{_HYPHENS}]+")
_LIGATURES = {"ﬀ": "ff", "ﬁ": "fi", "ﬂ": "fl", "ﬃ": "ffi", "ﬄ": "ffl", "ﬅ": "st", "ﬆ": "st"}
_SPELLED = str.maketrans({**_LIGATURES, **dict.fromkeys(_HYPHENS, "-"), "\0": None})
_BOLD = re.compile(rb"bold|black|heavy|cmbx|-demi|-medi", re.IGNORECASE)
_THIN = 3.0  # points: a shape no thicker than this is a line
_ROW = 6.0  # points: a field's value stands at most so much higher or lower than the field's name
_SLANT = 0.27  # 15 degrees: a page may lie askew on the scanner
_STAMP = 1.5  # times the size of the page's words: larger ones that are slanted are a watermark, others name columns
_MOST_PATHS = 3000  # drawn shapes: a page with more holds a drawing, not tables
_MOST_SEGMENTS = 1000  # of one shape: likewise
_MOST_PAGES = 50_000
_MOST_WORDS = 3_000_000  # the Bible has 800,000
_MOST_NAMES = 5  # attachments that a note names
_NO_TITLE = re.compile(
    r"untitled|\(?(?:unspecified|anonymous)\)?|.*\.(?:docx?|pdf|indd|tex|pptx?|xlsx?|rtf|qxd)|\W*", re.IGNORECASE
)
_PROGRAM = re.compile(r"^microsoft (?:word|powerpoint|excel) - ", re.IGNORECASE)
_NO_TEXT = (
    "it has no text layer: if it was scanned, OCR it first, or install the program tesseract and"
    ' pip install "rag-over-documents[ocr]", and ingest it again'
)


@dataclass(frozen=True, slots=True)
class Scan:
    """What a PDF holds: its pages, its properties, and what was left out of it."""

    pages: tuple[Page, ...]
    properties: Mapping[str, str]
    notes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Annotations:
    """What is put upon a page: `drawn` if it may show text there, such as the values of a form."""

    drawn: bool = False
    comments: int = 0
    attached: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class _Sheet:
    """A page, where its words come from, and what is put upon it."""

    page: Page
    words: Literal["text", "ocr", "picture", "blank", "damaged"]
    annotations: _Annotations
    hidden: int = 0  # characters that no reader sees, which were left out


@dataclass(frozen=True, slots=True)
class _Drawn:
    """A word in the coordinates of the file, whichever way it runs."""

    text: str
    quarters: int  # turns of the page, clockwise, after which it runs from left to right
    origin: tuple[float, float]
    place: Place
    size: float
    bold: bool
    slanted: bool
    ink: Ink


def read_pdf(path: Path, recognise: Recognise | None = None) -> Extract:
    """The text of each page; title and date from the first page where it shows them, else from the properties.

    `recognise` reads the pages that are pictures, if it is given. What no reader sees is left out, and noted. Raises
    LoadError for an encrypted file and for one without text.
    """
    scan = read_pages(path, recognise)
    texts = tuple(text for text, _ in laid_out(scan.pages))
    if not any(text.strip() for text in texts):
        raise LoadError(_NO_TEXT)
    title, date = _shown(texts[0])
    return Extract(
        texts,
        title=_named(scan.properties["Title"]) or title,
        date=date or _day(scan.properties),
        author=_named(scan.properties["Author"]),
        language=scan.properties["Lang"].strip() or None,
        notes=scan.notes,
    )


def read_pages(path: Path, recognise: Recognise | None = None) -> Scan:
    """The words of each page with their places, before they are laid out."""
    with opened(path) as document:
        return _scan(document, recognise)


def read_some(path: Path, numbers: Sequence[int], recognise: Recognise | None = None) -> list[Page]:
    """The pages with these numbers, the first being 0, as `read_pages` has them; no other is looked at."""
    with opened(path) as document:
        return [_sheet(document, number, recognise).page for number in numbers]


@contextmanager
def opened(path: Path) -> "Iterator[PdfDocument]":
    """The file, with the values of its forms drawn. Raises LoadError where it is locked or no whole PDF."""
    import pypdfium2
    from pypdfium2 import raw

    try:
        with _LOCK, pypdfium2.PdfDocument(path) as document:
            if document.get_formtype() == raw.FORMTYPE_ACRO_FORM:
                document.init_forms()  # draws the values of fields that the file does not draw
            yield document
    except pypdfium2.PdfiumError as error:
        if "password" in str(error).lower():
            raise LoadError("it is locked with a password; save it without one") from error
        raise LoadError(f"it is not a whole PDF ({error}); get it again from where it came from") from error


def _scan(document: "PdfDocument", recognise: Recognise | None) -> Scan:
    if len(document) > _MOST_PAGES:
        raise LoadError(f"it has {len(document):,} pages and at most {_MOST_PAGES:,} are read; split it")
    sheets, words = [], 0
    for number in range(len(document)):
        sheets.append(_sheet(document, number, recognise))
        words += len(sheets[-1].page.words)
        if words > _MOST_WORDS:
            raise LoadError(f"its first {number + 1:,} pages have more than {_MOST_WORDS:,} words; split it")
    if all(sheet.words == "damaged" for sheet in sheets):
        raise LoadError("none of its pages can be opened; get it again from where it came from")
    pages = tuple(sheet.page for sheet in sheets)
    return Scan(pages, _properties(document), tuple(_notes(sheets, _attached(document))))


def _properties(document: "PdfDocument") -> dict[str, str]:
    """Title, Author, CreationDate and others, and as Lang the language of the whole; empty where there is none."""
    from pypdfium2 import raw

    language = (ctypes.c_ushort * 64)()
    length = raw.FPDFCatalog_GetLanguage(document, language, ctypes.sizeof(language)) // 2 - 1  # with a zero at the end
    return {**document.get_metadata_dict(), "Lang": "".join(map(chr, language[: max(length, 0)]))}


def _attached(document: "PdfDocument") -> list[str]:
    return [document.get_attachment(number).get_name() for number in range(document.count_attachments())]


def _notes(sheets: Sequence[_Sheet], attached: Sequence[str]) -> Iterator[str]:
    numbers = defaultdict(list)
    for number, sheet in enumerate(sheets, 1):
        numbers[sheet.words].append(number)
    if pictures := numbers["picture"]:
        yield f"no text on {_listed(pictures)}: scanned?"
    if recognised := numbers["ocr"]:
        yield f"{_listed(recognised)} {_was(recognised)} read by OCR"
    if damaged := numbers["damaged"]:
        yield f"{_listed(damaged)} {_was(damaged)} not read, being damaged"
    if names := [*attached, *(name for sheet in sheets for name in sheet.annotations.attached)]:
        some = ", ".join(names[:_MOST_NAMES]) + ", …" * (len(names) > _MOST_NAMES)
        yield f"{len(names)} attachment{'s' * (len(names) > 1)} {_was(names)} not read: {some}"
    if comments := sum(sheet.annotations.comments for sheet in sheets):
        yield f"{comments} comment{'s' * (comments > 1)} {_was(range(comments))} not read"
    yield from hidden_note(sum(sheet.hidden for sheet in sheets))


def _was(things: Sequence[object]) -> str:
    return "were" if len(things) > 1 else "was"


def _listed(numbers: Sequence[int]) -> str:
    """`page 3`, or `pages 3-7, 9`."""
    runs: list[tuple[int, int]] = []
    for number in numbers:
        if runs and runs[-1][1] == number - 1:
            runs[-1] = (runs[-1][0], number)
        else:
            runs.append((number, number))
    names = [f"{first}-{last}" if last > first else f"{first}" for first, last in runs]
    return f"page{'s' * (len(numbers) > 1)} {', '.join(names)}"


def _sheet(document: "PdfDocument", number: int, recognise: Recognise | None) -> _Sheet:
    from pypdfium2 import PdfiumError, raw

    annotations = _Annotations()
    try:
        with closing(document[number]) as page:
            annotations = _annotations(document, page)
            drawn = _drawn(page)
            if not annotations.drawn:
                return _read(page, drawn, annotations, recognise)
            raw.FPDFPage_Flatten(page, raw.FLAT_NORMALDISPLAY)
        with closing(document[number]) as page:  # opened anew, it has what flattening drew
            return _read(page, _with_values(drawn, _drawn(page)), annotations, recognise)
    except PdfiumError:  # one broken page does not take the others away
        return _Sheet(Page((), (), 1.0, (1.0, 1.0)), "damaged", annotations)


def _read(page: "PdfPage", drawn: Sequence[_Drawn], annotations: _Annotations, recognise: Recognise | None) -> _Sheet:
    from pypdfium2 import raw

    seen = _seen(page, drawn)
    hidden = max(0, _length(drawn) - _length(seen) - 1)
    if seen:
        return _Sheet(_upright(page, seen), "text", annotations, hidden)
    is_picture = any(page.get_objects(filter=[raw.FPDF_PAGEOBJ_IMAGE]))
    words = tuple(recognise(_picture(page))) if is_picture and recognise else ()
    origin: Literal["ocr", "picture", "blank"] = "ocr" if words else "picture" if is_picture else "blank"
    return _Sheet(Page(words, (), page.get_height(), page.get_size()), origin, annotations, hidden)


def _length(words: Sequence[_Drawn]) -> int:
    """The characters of the words, with a space after each."""
    return sum(len(word.text) + 1 for word in words)


def _seen(page: "PdfPage", drawn: Sequence[_Drawn]) -> Sequence[_Drawn]:
    """The words that a reader sees: on the page, in ink, or as what a picture under them says."""
    left, bottom, right, top = page.get_bbox()
    shown = [
        word
        for word in drawn
        if word.place[0] < right and word.place[1] < top and word.place[2] > left and word.place[3] > bottom
    ]
    inks = {word.ink for word in shown}
    if inks <= {"black"}:
        return shown
    under, alone = ground(page), "black" not in inks
    return [word for word in shown if under.shows(word.ink, word.place, alone=alone)]


def _picture(page: "PdfPage") -> "Image":
    """The page as it is shown, in grey, at 300 dots an inch or at fewer if those are too many."""
    width, height = page.get_size()
    scale = min(DPI / 72, (MOST_PIXELS / (width * height)) ** 0.5)
    image: Image = page.render(scale=scale, grayscale=True).to_pil()
    image.info["dpi"] = (72 * scale, 72 * scale)
    return image


def _annotations(document: "PdfDocument", page: "PdfPage") -> _Annotations:
    """What is put upon the page; buttons are taken off it, for what they say is no text of the document."""
    from pypdfium2 import PdfAttachment, raw

    is_drawn, comments, attached = False, 0, []
    for number in reversed(range(raw.FPDFPage_GetAnnotCount(page))):
        annotation = raw.FPDFPage_GetAnnot(page, number)
        kind = raw.FPDFAnnot_GetSubtype(annotation)
        is_button = kind == raw.FPDF_ANNOT_WIDGET and _is_button(document, annotation)
        if kind == raw.FPDF_ANNOT_FILEATTACHMENT:
            file = raw.FPDFAnnot_GetFileAttachment(annotation)
            attached.append(PdfAttachment(file, document).get_name() if file else "without a name")
        elif kind in (raw.FPDF_ANNOT_WIDGET, raw.FPDF_ANNOT_FREETEXT, raw.FPDF_ANNOT_STAMP):
            is_drawn = is_drawn or not is_button
        elif kind not in (raw.FPDF_ANNOT_LINK, raw.FPDF_ANNOT_POPUP):
            comments += raw.FPDFAnnot_GetStringValue(annotation, b"Contents", None, 0) > 2  # bytes: two end the text
        raw.FPDFPage_CloseAnnot(annotation)
        if is_button:
            raw.FPDFPage_RemoveAnnot(page, number)
    return _Annotations(is_drawn, comments, tuple(reversed(attached)))


def _is_button(document: "PdfDocument", annotation: Any) -> bool:
    from pypdfium2 import raw

    form = document.formenv
    return bool(form) and raw.FPDFAnnot_GetFormFieldType(form, annotation) == raw.FPDF_FORMFIELD_PUSHBUTTON


def _with_values(page: Sequence[_Drawn], flattened: Sequence[_Drawn]) -> list[_Drawn]:
    """The words of a page, and after the name of each field the value, which flattening draws at the end."""
    rows: defaultdict[int, list[tuple[float, int]]] = defaultdict(list)  # right edge and number of each word
    for number, word in enumerate(page):
        rows[round(word.origin[1] / _ROW)].append((word.place[2], number))
    for row in rows.values():
        row.sort()
    after: defaultdict[int, list[_Drawn]] = defaultdict(list)
    name, baseline, right = -1, 0.0, 0.0
    for word in flattened[len(page) :]:
        if word.origin[1] != baseline or not 0 <= word.origin[0] - right <= word.size:
            name = _name(rows, word, otherwise=len(page) - 1)
        after[name].append(word)
        baseline, right = word.origin[1], word.place[2]
    return [*after[-1], *(word for number, name in enumerate(page) for word in (name, *after[number]))]


def _name(rows: Mapping[int, list[tuple[float, int]]], word: _Drawn, *, otherwise: int) -> int:
    """The number of the word that stands nearest to the left of this one."""
    middle = round(word.origin[1] / _ROW)
    near = [rows[row] for row in (middle - 1, middle, middle + 1) if row in rows]
    ends = [row[at - 1] for row in near if (at := bisect(row, (word.origin[0] + _THIN, 0)))]
    return max(ends)[1] if ends else otherwise


def _drawn(page: "PdfPage") -> list[_Drawn]:
    """Words in the order in which the file draws them; pdfium puts spaces where it sees gaps."""
    with closing(page.get_textpage()) as textpage:
        letters = _Letters(textpage)
        found = ((_spelled(match[0]), match) for match in _WORD.finditer(letters.text()))
        return [letters.word(text, match.start(), match.end() - 1) for text, match in found if text]


def _spelled(letters: str) -> str:
    letters = letters.translate(_SPELLED)
    if letters.isascii() and letters.isprintable():
        return letters
    return normalise(letters.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "ignore"))


@dataclass(frozen=True, slots=True)
class _Style:
    """What the characters of one text object share."""

    quarters: int
    size: float
    bold: bool
    ink: Ink
    slanted: bool  # runs neither across the page nor up or down it


class _Letters:
    """The characters of a page by pdfium's numbers, with few calls for each: a page has thousands."""

    def __init__(self, textpage: "PdfTextPage") -> None:
        from pypdfium2 import raw

        self.raw = raw
        self.textpage = textpage
        self.box = raw.FS_RECTF()
        self.x, self.y = ctypes.c_double(), ctypes.c_double()
        self.inks = Inks()
        self.styles: dict[int | None, _Style] = {}

    def text(self) -> str:
        """All of them; one that needs more than 16 bits is two."""
        length = self.textpage.count_chars()
        units = (ctypes.c_ushort * (length + 1))()
        is_whole = self.raw.FPDFText_GetText(self.textpage, 0, length, units) == length + 1  # it may leave some out
        for at in range(length):
            if not is_whole or units[at] == 0xFFFE:  # for a hyphen, and for what has no Unicode
                units[at] = self.raw.FPDFText_GetUnicode(self.textpage, at)
        text = "".join(map(chr, units[:length]))
        return LEFTWARD.sub(self._as_read, text)

    def _as_read(self, word: re.Match[str]) -> str:
        """Letters that run from right to left in this order, where pdfium 159 has them in that of the page.

        It turns the line around, and with it what stands in order in an ActualText, as browsers write it.
        """
        letters, lefts = word[0], [self._loose_box(at)[0] for at in range(*word.span())]
        if lefts[0] < lefts[-1]:
            return letters[::-1]
        together = groupby(zip(lefts, letters, strict=True), key=lambda letter: letter[0])
        return "".join(letter for _, place in together for _, letter in reversed(list(place)))

    def word(self, text: str, first: int, last: int) -> _Drawn:
        """The word with its place: from where its first character stands on the baseline to where its last one ends."""
        self.raw.FPDFText_GetCharOrigin(self.textpage, first, self.x, self.y)
        x, y = self.x.value, self.y.value
        left, bottom, right, top = self._loose_box(last)
        place = min(left, x), min(bottom, y), max(right, x), max(top, y)
        if runs_left(text):
            place = _around(place, self._loose_box(first))
        style = self._style(first)
        return _Drawn(text, style.quarters, (x, y), place, style.size, style.bold, style.slanted, style.ink)

    def _loose_box(self, at: int) -> Place:
        box = self.box
        self.raw.FPDFText_GetLooseCharBox(self.textpage, at, box)
        return box.left, box.bottom, box.right, box.top

    def _style(self, at: int) -> _Style:
        shared = ctypes.cast(self.raw.FPDFText_GetTextObject(self.textpage, at), ctypes.c_void_p).value
        if shared is None or shared not in self.styles:
            self.styles[shared] = self._style_of(at)
        return self.styles[shared]

    def _style_of(self, at: int) -> _Style:
        matrix, font = self.raw.FS_MATRIX(), ctypes.create_string_buffer(128)
        self.raw.FPDFText_GetMatrix(self.textpage, at, matrix)
        self.raw.FPDFText_GetFontInfo(self.textpage, at, font, len(font), ctypes.c_int())
        is_across = abs(matrix.b) <= abs(matrix.a)
        quarters = (0 if matrix.a >= 0 else 2) if is_across else (1 if matrix.b > 0 else 3)
        scale = abs(matrix.d if is_across else matrix.c) or 1.0
        points = self.raw.FPDFText_GetFontSize(self.textpage, at) * scale
        drawn = self.raw.FPDFText_GetTextObject(self.textpage, at)
        ink = self.inks.of_text(drawn, points) if drawn else "black"
        slant = abs(matrix.b / matrix.a if is_across else matrix.a / matrix.b) if matrix.a or matrix.b else 0.0
        return _Style(quarters, round(points, 1) or 1.0, bool(_BOLD.search(font.value)), ink, slant > _SLANT)


def _around(one: Place, other: Place) -> Place:
    left, bottom, right, top = zip(one, other, strict=True)
    return min(left), min(bottom), max(right), max(top)


def _upright(page: "PdfPage", drawn: Sequence[_Drawn]) -> Page:
    """The page held so that most of its words run from left to right, without what runs otherwise.

    A stamp that runs up the margin goes; a table that lies on its side is read.
    """
    left, bottom, right, top = page.get_bbox()
    size = (right - left, top - bottom)
    quarters, usual = _direction(drawn), _usual_size(drawn)
    width, height = read = size[:: -1 if quarters % 2 else 1]
    turns = page.get_rotation() // 90 - quarters  # from how it is read to how it is shown

    def held(place: Place) -> Place:
        return turned((place[0] - left, place[1] - bottom, place[2] - left, place[3] - bottom), quarters, size)

    words = []
    for word in drawn:
        edges = held(word.place)
        is_stamp = word.slanted and word.size > _STAMP * usual
        if not is_stamp and (word.quarters - quarters) % 2 == 0:
            baseline = held((*word.origin, *word.origin))[1]
            low, high = height_of(baseline, word.size)
            place = turned((edges[0], low, edges[2], high), turns, read)
            words.append(Word(word.text, edges[0], edges[2], baseline, word.size, word.bold, place))
    rules = [Rule(*held(place)) for place in _rules(page)]
    if sum(len(word.text) for word in words if runs_left(word.text)) * 2 > sum(len(word.text) for word in words):
        words = list(mirrored(words, width))
        rules = [Rule(width - rule.right, rule.bottom, width - rule.left, rule.top) for rule in rules]
    return Page(tuple(words), tuple(rules), height, page.get_size())


def _direction(drawn: Sequence[_Drawn]) -> int:
    letters: Counter[int] = Counter()
    for word in drawn:
        letters[word.quarters] += len(word.text)
    return letters.most_common(1)[0][0]


def _usual_size(drawn: Sequence[_Drawn]) -> float:
    sizes: Counter[float] = Counter()
    for word in drawn:
        sizes[word.size] += len(word.text)
    return sizes.most_common(1)[0][0]


def _rules(page: "PdfPage") -> Iterator[Place]:
    """The straight lines of a page: thin shapes, and the sides of boxes."""
    from pypdfium2 import raw

    paths = list(islice(page.get_objects(filter=[raw.FPDF_PAGEOBJ_PATH]), _MOST_PATHS + 1))
    for path in paths if len(paths) <= _MOST_PATHS else []:
        left, bottom, right, top = path.get_bounds()
        if min(right - left, top - bottom) <= _THIN:
            yield left, bottom, right, top
        else:
            yield from _sides(path)


def _sides(path: Any) -> Iterator[Place]:
    from pypdfium2 import raw

    matrix = path.get_matrix()
    before: tuple[float, float] | None = None
    segments = raw.FPDFPath_CountSegments(path)
    for number in range(segments if segments <= _MOST_SEGMENTS else 0):
        segment = raw.FPDFPath_GetPathSegment(path, number)
        x, y = ctypes.c_float(), ctypes.c_float()
        raw.FPDFPathSegment_GetPoint(segment, x, y)
        point = matrix.on_point(x.value, y.value)
        kind = raw.FPDFPathSegment_GetType(segment)
        if kind == raw.FPDF_SEGMENT_LINETO and before is not None:
            left, bottom, right, top = *map(min, before, point), *map(max, before, point)
            if min(right - left, top - bottom) <= _THIN:
                yield left, bottom, right, top
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


def _day(properties: Mapping[str, str]) -> str | None:
    """The day on which the file says it was made: `D:20230920000000Z` is 2023-09-20."""
    match = re.match(r"(?:D:)?(\d{4})(\d\d)(\d\d)", properties.get("CreationDate", ""))
    return iso_date("-".join(match.groups())) if match else None
