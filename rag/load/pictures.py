"""Pages of a PDF → pictures, as a viewer shows them: cut, turned, and with what is filled into forms."""

import io
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

from rag.errors import LoadError
from rag.load.pdf import opened

if TYPE_CHECKING:
    from pypdfium2 import PdfDocument

_LONGEST = 4  # times the width: of a page that is longer the picture is narrower
# Three pages of text, 1,100 pixels wide, two busy cores, 35 ms to draw each: JPEG 221 to 251 kB in 19 ms, WebP 136 to
# 172 in 98 to 148, PNG 245 to 323 in 131 to 185.
_FORMAT, _QUALITY = "JPEG", 80

Size = tuple[float, float]
_USUAL: Size = (595.0, 842.0)  # points: A4


def sizes(path: Path) -> tuple[Size, ...]:
    """Width and height of each page in points, as it is shown. Raises LoadError for what is no whole PDF."""
    with opened(path) as document:
        return tuple(_size(document, number) for number in range(len(document)))


def picture(path: Path, page: int, width: int) -> bytes:
    """A page, the first being 1, as JPEG, `width` pixels wide. Raises LoadError for one that is missing or damaged."""
    from pypdfium2 import PdfiumError

    with opened(path) as document:
        if not 1 <= page <= len(document):
            raise LoadError(f"it has {len(document):,} pages and no page {page}; read it again if it has changed")
        try:
            with closing(document[page - 1]) as found:
                across, high = (max(length, 1.0) for length in found.get_size())
                drawn = found.render(scale=min(width / across, _LONGEST * width / high)).to_pil().convert("RGB")
        except PdfiumError as error:
            raise LoadError(f"page {page} is damaged; get the file again from where it came from") from error
    data = io.BytesIO()
    drawn.save(data, _FORMAT, quality=_QUALITY)
    return data.getvalue()


def _size(document: "PdfDocument", number: int) -> Size:
    from pypdfium2 import PdfiumError

    try:
        width, height = document.get_page_size(number)
    except PdfiumError:  # one broken page does not take the others away
        return _USUAL
    return (width, height) if min(width, height) > 0 else _USUAL
