"""The Documents tab: what there is, what is being done with it, and what could not be read."""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import gradio as gr

from rag import Job, Library, RagError
from ui import listing
from ui.files import read

_FORMATS = "PDF, Word, PowerPoint, Excel, OpenDocument, web pages, Markdown, text, e-books, mail, tables, JSON, zip"
_ORDERS = [
    ("Name", "name"),
    ("Title", "title"),
    ("Type", "type"),
    ("Size", "size"),
    ("Date", "date"),
    ("Last read", "newest"),
]
_EVERY = 1.0  # seconds between looks while something is being done
_QUIETLY: dict[str, Any] = {"show_progress": "hidden", "api_visibility": "private"}
_IN_TURN = {**_QUIETLY, "concurrency_id": "documents", "concurrency_limit": 1}  # else an older list may be drawn last


@dataclass(frozen=True, slots=True)
class Parts:
    """The components that events read and write; what changes documents is missing where they may not be changed."""

    summary: gr.HTML
    drop: gr.HTML | None
    sync: gr.Button | None
    jobs: gr.HTML
    cancel: gr.Button | None
    search: gr.Textbox
    kind: gr.Dropdown
    order: gr.Dropdown
    listing: gr.HTML
    skipped: gr.HTML
    shown: gr.State  # a _Shown
    timer: gr.Timer

    @property
    def choice(self) -> list[Any]:
        """What decides which documents are shown."""
        return [self.search, self.kind, self.order, self.shown]

    @property
    def page(self) -> list[Any]:
        """What is drawn, in the order of `_View.show`."""
        drawn = [self.jobs, self.timer, self.shown, self.summary, self.kind, self.listing, self.skipped]
        return [*drawn, self.cancel] if self.cancel else drawn


@dataclass(frozen=True, slots=True)
class _Shown:
    """The page of the list that a session sees, what was chosen for it, and the library's state it was drawn at."""

    offset: int = 0
    chosen: tuple[str, ...] = ()  # search, type and order; another choice is seen from its beginning
    state: tuple[int, ...] = ()


def layout(library: Library | None) -> Parts | None:
    """The tab's components; without a library, where documents come from instead."""
    if library is None:
        gr.Markdown("Documents are added on the command line: `rag ingest FOLDER`.")
        return None
    with gr.Column(elem_id="documents"):
        with gr.Row(elem_id="documents-head"):
            summary = _html("", "documents-summary")
            sync = gr.Button("Update from folders", scale=0, min_width=0) if library.editable else None
        drop = _drop(library) if library.editable else None
        with gr.Row(elem_id="documents-work"):
            jobs = _html(listing.jobs(()), "documents-jobs")
            cancel = gr.Button("Cancel", scale=0, min_width=0, visible=False) if library.editable else None
        with gr.Row(elem_id="documents-filter"):
            search = gr.Textbox("", label="Search", placeholder="Name or title", scale=3, min_width=0)
            kind = gr.Dropdown([("All types", "")], value="", label="Type", scale=1, min_width=0, filterable=False)
            order = gr.Dropdown(_ORDERS, value="name", label="Sort by", scale=1, min_width=0, filterable=False)
        table = _html(listing.LOADING, "documents-list", script=read("documents.js"))
        skipped = _html("", "documents-skipped", script=read("skipped.js"))
    timer = gr.Timer(_EVERY, active=False)
    shown = gr.State(_Shown())
    return Parts(summary, drop, sync, jobs, cancel, search, kind, order, table, skipped, shown, timer)


def wire(library: Library | None, parts: Parts | None, opened: Sequence[Any]) -> None:
    """Show it when one of the triggers `opened` fires, while something is done, and after what is done here."""
    if library is None or parts is None:
        return
    view = _View(library, parts)
    choice, page = parts.choice, parts.page

    # one event: the browser asks for a list when it has the one before, else requests may overtake each other
    asked = [*opened, parts.search.change, parts.kind.input, parts.order.change]
    gr.on(asked, view.show, choice, page, trigger_mode="always_last", **_IN_TURN)
    parts.timer.tick(view.look, choice, page, **_IN_TURN)
    parts.listing.turn(view.turn, choice, page, **_IN_TURN)
    parts.listing.order(_order, None, parts.order, **_QUIETLY)
    if parts.drop and parts.sync and parts.cancel:
        parts.drop.sent(view.add, choice, page, **_IN_TURN)
        parts.sync.click(view.sync, choice, page, **_IN_TURN)
        parts.cancel.click(view.cancel, choice, page, **_IN_TURN)
        parts.listing.remove(view.remove, choice, page, **_IN_TURN)
        parts.listing.reread(view.reread, choice, page, **_IN_TURN)
        parts.skipped.remove(view.remove, choice, page, **_IN_TURN)


class _View:
    """The events: each does something to the library or to what is shown, and draws the tab."""

    def __init__(self, library: Library, parts: Parts) -> None:
        self._library = library
        self._drawn = len(parts.page)
        self._cache = Path(parts.listing.GRADIO_CACHE)

    def show(self, search: str, kind: str, order: str, shown: _Shown) -> tuple[Any, ...]:
        """All of the tab as it is now."""
        library = self._library
        jobs = library.jobs()
        busy = any(not job.finished for job in jobs)
        state = self._state(jobs)
        chosen = (search, kind, order)
        offset = shown.offset if shown.chosen == chosen else 0
        try:
            documents, total = library.documents(*chosen, offset, listing.PAGE)
            if not documents and total:  # the page has gone
                offset = (total - 1) // listing.PAGE * listing.PAGE
                documents, total = library.documents(*chosen, offset, listing.PAGE)
            drawn = (
                listing.summary(*library.count()),
                gr.Dropdown(choices=_kinds(library.types(), kind), value=kind),
                listing.listing(
                    documents,
                    total,
                    offset=offset,
                    order=order,
                    editable=library.editable,
                    everything=library.count()[0],
                ),
                listing.skipped(library.skipped(), editable=library.editable),
            )
        except RagError as error:
            drawn = (listing.failure(str(error)), gr.skip(), "", "")
        now = listing.jobs(jobs), gr.Timer(active=busy), _Shown(offset, chosen, state)
        return (*now, *drawn, gr.Button(visible=busy))[: self._drawn]

    def look(self, search: str, kind: str, order: str, shown: _Shown) -> tuple[Any, ...]:
        """The jobs as they are now; the documents only where something has become of them."""
        jobs = self._library.jobs()
        if shown.state != self._state(jobs):
            return self.show(search, kind, order, shown)
        return (listing.jobs(jobs), *[gr.skip()] * (self._drawn - 1))

    def _state(self, jobs: Sequence[Job]) -> tuple[int, ...]:
        """What changes with the documents and with what could not be read."""
        return self._library.revision, *(job.number for job in jobs if job.finished)

    def turn(self, search: str, kind: str, order: str, shown: _Shown, event: gr.EventData) -> tuple[Any, ...]:
        """Another page."""
        return self.show(search, kind, order, _Shown(max(0, int(event.offset)), (search, kind, order)))

    def add(self, search: str, kind: str, order: str, shown: _Shown, event: gr.EventData) -> tuple[Any, ...]:
        """Files that the browser has sent."""
        sent = [(str(file["name"]), path) for file in event.files if (path := _sent(file["path"], self._cache))]
        self._library.add(sent)
        for _, path in sent:  # what is deleted later is not to stay here
            path.unlink(missing_ok=True)
            with suppress(OSError):  # another file of the same content is in there too
                path.parent.rmdir()
        return self.show(search, kind, order, shown)

    def sync(self, search: str, kind: str, order: str, shown: _Shown) -> tuple[Any, ...]:
        """All folders."""
        self._library.sync()
        return self.show(search, kind, order, shown)

    def cancel(self, search: str, kind: str, order: str, shown: _Shown) -> tuple[Any, ...]:
        """All that is being done."""
        self._library.cancel()
        return self.show(search, kind, order, shown)

    def remove(self, search: str, kind: str, order: str, shown: _Shown, event: gr.EventData) -> tuple[Any, ...]:
        """The documents chosen."""
        self._library.remove(map(str, event.ids))
        return self.show(search, kind, order, shown)

    def reread(self, search: str, kind: str, order: str, shown: _Shown, event: gr.EventData) -> tuple[Any, ...]:
        """The documents chosen."""
        self._library.reread(map(str, event.ids))
        return self.show(search, kind, order, shown)


def _order(event: gr.EventData) -> str:
    return next((order for _, order in _ORDERS if order == event.order), "name")


def _sent(path: str, folder: Path) -> Path | None:
    """A file that Gradio has put in a folder of its own there; nothing else that a browser may name."""
    place = Path(path).resolve()
    return place if place.is_file() and place.parent.parent == folder.resolve() else None


def _kinds(types: dict[str, int], kind: str) -> list[tuple[str, str]]:
    found = types | ({kind: 0} if kind and kind not in types else {})
    return [("All types", ""), *((f"{name} ({number:,})", name) for name, number in found.items())]


def _drop(library: Library) -> gr.HTML:
    megabytes = library.largest // 2**20
    return gr.HTML(
        None,
        html_template=read("drop.html"),
        js_on_load=read("drop.js"),
        elem_id="documents-drop",
        apply_default_css=False,
        formats=_FORMATS,
        megabytes=megabytes,
    )


def _html(value: str, name: str, *, script: str | None = None) -> gr.HTML:
    return gr.HTML(value, elem_id=name, apply_default_css=False, js_on_load=script)
