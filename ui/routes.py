"""What the page asks for beside its events: a document to read, the pictures of its pages, the file itself.

Addresses are relative to the page, whose <base> Gradio sets to where it is mounted. What takes a core for a while
waits for its turn in the event loop, not in one of the 40 threads that everything else needs too.
"""

import hashlib
import re
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal, Protocol

from anyio import Semaphore
from fastapi import APIRouter, Depends, Header, Query
from fastapi.responses import FileResponse, HTMLResponse, Response
from pydantic import AfterValidator, Field
from starlette.convertors import PathConvertor, register_url_convertor

from rag import Box, RagError, SourceDocument, Span
from ui import document
from ui.document import Mark

PICTURES_AT_ONCE = 2  # each keeps a core busy
DOCUMENTS_AT_ONCE = 4  # they have turns of their own, not to wait for the pictures of others
_MOST_MARKS = 50
_MARK = re.compile(r"(\d{1,9})-(\d{1,9})-([A-Za-z0-9_.:-]{1,40})")
_NOSNIFF = {"X-Content-Type-Options": "nosniff"}
_FOR_AN_HOUR = {"Cache-Control": "private, max-age=3600", **_NOSNIFF}  # its address changes with the text
# A report holds all that it needs, and asks for nothing
_REPORT_POLICY = (
    "sandbox allow-scripts; default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; img-src data:;"
    " frame-ancestors 'self'"
)
_NEVER_KEPT = {"Cache-Control": "no-store", **_NOSNIFF}


class Library(Protocol):
    """What documents are asked of a `rag.Chatbot`."""

    def document(self, document_id: str) -> SourceDocument:
        """The document as indexed; RagError where there is none."""

    def boxes(self, span: Span) -> tuple[Box, ...]:
        """Where a span stands on the pages of a PDF."""

    def sheets(self, document_id: str) -> tuple[tuple[float, float], ...]:
        """Width and height of each page that can be shown."""

    def sheet(self, document_id: str, page: int) -> bytes:
        """A page as JPEG; RagError where there is none."""

    def original(self, document_id: str) -> Path | None:
        """The file that it was read from."""

    def evaluation(self) -> str | None:
        """The report of the newest evaluation, as a page of its own."""


class _DocumentId(PathConvertor):
    """As `path`, which leaves out that a name may hold a line's end."""

    regex = "(?s:.*)"


register_url_convertor("document", _DocumentId())


def _mark(told: str) -> str:
    found = _MARK.fullmatch(told)
    if not found or int(found[1]) >= int(found[2]):
        raise ValueError("not START-END-KEY, such as 120-180-t1c2")
    return told


Marks = Annotated[list[Annotated[str, AfterValidator(_mark)]], Query(default_factory=list, max_length=_MOST_MARKS)]
Place = Annotated[int | None, Query(alias="from", ge=0, le=10**9)]


def routes(bot: Library) -> APIRouter:
    """GET source/ID, sheet/PAGE/ID and original/ID over one chatbot; include it before the page is mounted."""
    router = APIRouter()

    @router.get("/source/{document_id:document}", dependencies=[_in_turn(DOCUMENTS_AT_ONCE)])
    def source(
        document_id: str, mark: Marks, view: Literal["pages", "text"] | None = None, start: Place = None
    ) -> HTMLResponse:
        try:
            shown = _shown(bot, document_id, [_read(told) for told in mark], view, start)
        except RagError as error:
            return HTMLResponse(document.missing(" ".join(str(error).split())), 404, _NEVER_KEPT)
        return HTMLResponse(shown, headers=_NEVER_KEPT)

    @router.get("/sheet/{page}/{document_id:document}", dependencies=[_in_turn(PICTURES_AT_ONCE)])
    def sheet(
        document_id: str, page: Annotated[int, Field(ge=1, le=100_000)], if_none_match: Annotated[str, Header()] = ""
    ) -> Response:
        try:
            picture = bot.sheet(document_id, page)
        except RagError as error:
            return Response(" ".join(str(error).split()), 404, _NEVER_KEPT, "text/plain")
        tag = f'"{hashlib.sha256(picture).hexdigest()[:16]}"'
        headers = {**_FOR_AN_HOUR, "ETag": tag}
        if tag in if_none_match:
            return Response(status_code=304, headers=headers)
        return Response(picture, headers=headers, media_type="image/jpeg")

    @router.get("/original/{document_id:document}")
    def original(document_id: str) -> Response:
        path = bot.original(document_id)
        if path is None:
            return HTMLResponse(
                document.missing(f"The file of {document_id} has gone or changed since it was read."), 404, _NEVER_KEPT
            )
        name = document_id.rpartition("/")[2]
        return FileResponse(path, headers=_NEVER_KEPT, media_type="application/octet-stream", filename=name)

    @router.get("/evaluation")
    def evaluation() -> HTMLResponse:
        report = bot.evaluation()
        headers = {**_NEVER_KEPT, "Content-Security-Policy": _REPORT_POLICY}
        return HTMLResponse(report or document.no_evaluation(), headers=headers)

    return router


def _in_turn(most: int) -> Any:
    """A dependency of endpoints of which so many may run at a time."""
    turns = Semaphore(most)

    async def turn() -> AsyncIterator[None]:
        async with turns:
            yield

    return Depends(turn)


def _read(told: str) -> Mark:
    start, end, key = told.split("-", 2)
    return int(start), int(end), key


def _shown(bot: Library, document_id: str, marks: Sequence[Mark], view: str | None, start: int | None) -> str:
    """The document in the view that is asked for; else on its pages, if it has them and the marks are found there."""
    source = bot.document(document_id)
    has_original = bot.original(document_id) is not None
    sizes = _sheets(bot, document_id) if has_original else ()
    if sizes and view != "text":
        boxes = _boxes(bot, document_id, marks)
        if view == "pages" or boxes or not marks:
            return document.pages(source, boxes, sizes, marks, first=start)
    return document.fragment(source, marks, start=start, has_pages=bool(sizes), has_original=has_original)


def _sheets(bot: Library, document_id: str) -> tuple[tuple[float, float], ...]:
    try:
        return bot.sheets(document_id)
    except RagError:  # it has a text all the same
        return ()


def _boxes(bot: Library, document_id: str, marks: Sequence[Mark]) -> list[tuple[str, Box]]:
    try:
        return [(key, box) for start, end, key in marks for box in bot.boxes(Span(document_id, start, end))]
    except RagError:
        return []
