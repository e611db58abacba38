"""Words on a page of a PDF that no reader sees: drawn without ink or in the paper's white, or too small to read.

Programs that recognise the text of scans lay it over the picture without ink: there the words are the document.
"""

import ctypes
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, Any, Literal

from rag.load.geometry import Place

if TYPE_CHECKING:
    from pypdfium2 import PdfPage

Ink = Literal["black", "none", "white", "tiny"]  # black is any that can be seen on white

_WHITE = 250  # of 255, of each of red, green and blue
_LEAST_SIZE = 1.0  # points
_MOST_OBJECTS = 20_000  # of a page: over more, whatever may be white is taken to lie on something


class Inks:
    """How text objects of pdfium's are drawn; a page has thousands, so what they are asked with is made once."""

    def __init__(self) -> None:
        from pypdfium2 import raw

        self._raw = raw
        self._colour = [ctypes.c_uint() for _ in range(4)]
        self._unseen = (raw.FPDF_TEXTRENDERMODE_INVISIBLE, raw.FPDF_TEXTRENDERMODE_CLIP)
        self._filled = (raw.FPDF_TEXTRENDERMODE_FILL, raw.FPDF_TEXTRENDERMODE_FILL_CLIP)

    def of_text(self, text_object: Any, size: float) -> Ink:
        """The ink of letters that are `size` points high."""
        mode = self._raw.FPDFTextObj_GetTextRenderMode(text_object)
        if mode in self._unseen:
            return "none"
        if size < _LEAST_SIZE:
            return "tiny"
        return "white" if mode in self._filled and self.is_white(text_object) else "black"

    def is_white(self, drawn: Any) -> bool:
        """True if an object is filled with white, or with nothing; not for a pattern."""
        is_plain = self._raw.FPDFPageObj_GetFillColor(drawn, *self._colour)
        red, green, blue, alpha = (part.value for part in self._colour)
        return bool(is_plain) and (alpha == 0 or min(red, green, blue) >= _WHITE)


@dataclass(frozen=True, slots=True)
class Ground:
    """What a page has under its words: pictures, and whatever is not white, pictures among it."""

    pictures: tuple[Place, ...]
    dark: tuple[Place, ...]

    def shows(self, ink: Ink, place: Place, *, alone: bool) -> bool:
        """True if a word drawn so at a place can be seen, or is what a picture there says.

        `alone`: nothing on the page is drawn in ink, so that a page of drawn letters may have its words under them.
        """
        match ink:
            case "none":
                return _covered(place, self.pictures) or (alone and bool(self.dark))
            case "white":
                return _covered(place, self.dark)
            case "tiny":
                return alone  # the page is drawn to a scale of its own
            case _:
                return True


def ground(page: "PdfPage") -> Ground:
    """What lies on a page but words; something in a form of the page lies on all of that form's room."""
    from pypdfium2 import raw

    kinds = [raw.FPDF_PAGEOBJ_IMAGE, raw.FPDF_PAGEOBJ_PATH, raw.FPDF_PAGEOBJ_SHADING]
    found = list(islice(page.get_objects(filter=kinds), _MOST_OBJECTS + 1))
    if len(found) > _MOST_OBJECTS:
        everywhere = (page.get_bbox(),)
        return Ground(everywhere, everywhere)
    pictures = tuple(_place(one) for one in found if one.type == raw.FPDF_PAGEOBJ_IMAGE)
    return Ground(pictures, (*pictures, *_dark(one for one in found if one.type != raw.FPDF_PAGEOBJ_IMAGE)))


def _dark(shapes: Iterator[Any]) -> Iterator[Place]:
    """The places of shapes that are filled with something but white."""
    from pypdfium2 import raw

    inks = Inks()
    for shape in shapes:
        fill, stroke = ctypes.c_int(), ctypes.c_int()
        is_path = shape.type == raw.FPDF_PAGEOBJ_PATH
        if is_path and not (raw.FPDFPath_GetDrawMode(shape, fill, stroke) and fill.value):
            continue
        if not (is_path and inks.is_white(shape)):
            yield _place(shape)


def _place(drawn: Any) -> Place:
    """Where something lies on the page; pdfium tells it of what is in a form by that form's own measure."""
    while drawn.container is not None:
        drawn = drawn.container
    left, bottom, right, top = drawn.get_bounds()
    return left, bottom, right, top


def _covered(place: Place, grounds: tuple[Place, ...]) -> bool:
    """True if the middle of a place lies in one of the others."""
    x, y = (place[0] + place[2]) / 2, (place[1] + place[3]) / 2
    return any(left <= x <= right and bottom <= y <= top for left, bottom, right, top in grounds)
