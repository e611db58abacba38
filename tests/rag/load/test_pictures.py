"""Pages as pictures: what a viewer shows, and nothing worse than an error for a file that is made to harm."""

import io
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image
from reportlab.pdfgen.canvas import Canvas

from rag.errors import LoadError
from rag.load.pictures import picture, sizes

A4 = (595.2756, 841.8898)


def drawn(folder: Path, draw: Callable[[Canvas], object], size: tuple[float, float] = A4) -> Path:
    """A PDF of what `draw` puts on it."""
    path = folder / "drawn.pdf"
    canvas = Canvas(str(path), pagesize=size)
    draw(canvas)
    canvas.save()
    return path


def shown(path: Path, page: int = 1, width: int = 400) -> Image.Image:
    """The picture, in grey."""
    return Image.open(io.BytesIO(picture(path, page, width))).convert("L")


def dark(image: Image.Image) -> tuple[int, int, int, int]:
    """The box around all that is drawn: left, upper, right, lower."""
    return image.point(lambda grey: 255 if grey < 128 else 0).getbbox() or (0, 0, 0, 0)


def square(canvas: Canvas) -> None:
    """A black square in the lower left quarter."""
    canvas.rect(0, 0, 200, 200, fill=1)


def test_a_page_is_as_wide_as_is_asked(tmp_path: Path) -> None:
    """And as high as the page is for it, what is drawn in its place."""
    image = shown(drawn(tmp_path, square))

    assert image.size == (400, 566)
    assert dark(image) == pytest.approx((0, 566 - 134, 134, 566), abs=2)


def test_a_turned_page_is_shown_turned(tmp_path: Path) -> None:
    """What lies in the lower left corner is shown in the upper left one; sizes are those of the page as it is shown."""

    def draw(canvas: Canvas) -> None:
        canvas.setPageRotation(90)  # the page that is turned lies across, so that it is shown upright
        square(canvas)

    path = drawn(tmp_path, draw)

    assert sizes(path)[0] == pytest.approx(A4, abs=0.1)
    assert dark(shown(path))[:2] == pytest.approx((0, 0), abs=2)


def test_what_was_filled_into_a_form_is_shown(tmp_path: Path) -> None:
    """It is part of what the reader read."""

    def draw(canvas: Canvas) -> None:
        canvas.drawString(100, 20, ".")
        canvas.acroForm.textfield(value="MMMMMM", x=100, y=400, width=300, height=40, borderWidth=0, fontSize=30)

    left, upper, right, lower = dark(shown(drawn(tmp_path, draw)))

    assert right - left > 60
    assert lower - upper > 5


@pytest.mark.parametrize("size", [(1, 14_000), (14_000, 1), (14_000, 14_000)])
def test_no_page_is_too_long_or_too_large(tmp_path: Path, size: tuple[float, float]) -> None:
    """A picture is at most four times as high as wide is asked; memory is not the page's to choose."""
    image = shown(drawn(tmp_path, square, size), width=1100)

    assert image.width <= 1100
    assert image.height <= 4400


@pytest.mark.parametrize("page", [0, 2, -1])
def test_there_is_no_picture_of_no_page(tmp_path: Path, page: int) -> None:
    """An error says how many there are."""
    with pytest.raises(LoadError, match="1 pages"):
        picture(drawn(tmp_path, square), page, 100)


def test_what_is_no_pdf_has_no_pages(tmp_path: Path) -> None:
    """An error, as when it is read."""
    path = tmp_path / "a.pdf"
    path.write_bytes(b"%PDF-1.7 and nothing more")

    with pytest.raises(LoadError):
        sizes(path)
    with pytest.raises(LoadError):
        picture(path, 1, 100)
