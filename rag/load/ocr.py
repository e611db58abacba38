"""Pictures of pages → words with their places, by the program tesseract where it is installed (`rag[ocr]`)."""

import errno
import re
import shutil
import signal
from collections.abc import Callable, Iterator, Sequence
from importlib.util import find_spec
from statistics import median
from typing import TYPE_CHECKING, Any

from rag.errors import LoadError
from rag.load.geometry import Word, height_of

if TYPE_CHECKING:
    from PIL.Image import Image

DPI = 300  # what tesseract is trained on
MOST_PIXELS = 40_000_000  # a page of A3 at 300 dpi has 17 million

Recognise = Callable[["Image"], Sequence[Word]]  # the image says its resolution in info["dpi"]

_LONGEST = 120  # seconds a page
_SAME_SIZE = 0.2  # of the usual letters' height: what tesseract measures of one font varies by as much


def recogniser() -> Recognise | None:
    """What reads pictures, where both the Python package pytesseract and the program tesseract are installed."""
    return recognise if find_spec("pytesseract") and shutil.which("tesseract") else None


def recognise(image: "Image", language: str = "eng") -> list[Word]:
    """The words in the order in which they are read, in points from the lower left corner.

    `language` names what tesseract has installed, such as `eng+deu`. Runs the program, which works in temporary files;
    a page that takes it two minutes has no words. Raises LoadError where it fails, and MemoryError.
    """
    import lxml.html  # type: ignore[import-untyped]  # lxml 6.1 carries no types
    import pytesseract

    try:
        page = pytesseract.image_to_pdf_or_hocr(image, lang=language, extension="hocr", timeout=_LONGEST)
    except pytesseract.TesseractError as error:
        raise LoadError(_failure(error.status, error.message, language)) from error
    except RuntimeError as error:
        if "timeout" not in str(error):  # Python's word for a lack of memory: can't start new thread
            raise MemoryError from error
        return []
    except OSError as error:
        raise (
            MemoryError if error.errno == errno.ENOMEM else LoadError(f"tesseract cannot be run ({error})")
        ) from error
    lines = lxml.html.document_fromstring(page).xpath("//*[*[@class='ocrx_word']]")
    sizes = [_number("x_size", line) for line in lines]
    usual = median(sizes) if sizes else 0.0
    points = 72 / image.info["dpi"][0]
    return [
        word
        for line, size in zip(lines, sizes, strict=True)
        for word in _words(line, usual if abs(size - usual) <= _SAME_SIZE * usual else size, points, image.height)
    ]


def _failure(status: int, said: str, language: str) -> str:
    """Why tesseract failed; what it says may be no more than how far it had come."""
    if status < 0:
        name = signal.Signals(-status).name if -status in set(signal.Signals) else f"signal {-status}"
        return f"tesseract was ended by {name} on a page; it may need more time or memory"
    if "traineddata" in said or "language" in said:
        return f"tesseract failed ({said[:200]}); install its language {language}"
    return f"tesseract failed with status {status} ({said[:200]})"


def _words(line: Any, size: float, points: float, height: int) -> Iterator[Word]:
    baseline = _baseline(line, height) * points
    size = round(size * points, 1) or 1.0
    bottom, top = height_of(baseline, size)
    for word in line.xpath("*[@class='ocrx_word']"):
        text = "".join(word.itertext()).strip()
        left, _, right, _ = (edge * points for edge in _box(word))
        if text and not re.search(r"\s", text):
            yield Word(text, left, right, baseline, size, bold=False, place=(left, bottom, right, top))


def _baseline(line: Any, height: int) -> float:
    """Pixels from the lower edge; hOCR gives it from the lower edge of the line's box, at its left."""
    match = re.search(r"baseline (\S+) (-?[\d.]+)", line.get("title"))
    _, _, _, bottom = _box(line)
    return height - bottom - (float(match[2]) if match else 0.0)


def _box(element: Any) -> tuple[float, float, float, float]:
    match = re.search(r"bbox (\d+) (\d+) (\d+) (\d+)", element.get("title"))
    left, top, right, bottom = map(float, match.groups()) if match else (0.0, 0.0, 0.0, 0.0)
    return left, top, right, bottom


def _number(name: str, element: Any) -> float:
    match = re.search(rf"\b{name} ([\d.]+)", element.get("title"))
    return float(match[1]) if match else 0.0
