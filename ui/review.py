"""The Questions tab: what the documents and people suggest, to be accepted, edited or rejected for a question set."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import gradio as gr
from pydantic import TypeAdapter, ValidationError

from rag import Library, RagError, Wording
from ui import review_list
from ui.files import read
from ui.review_list import PAGE

_EVERY = 1.0  # seconds between looks while questions are being searched for
_QUIETLY: dict[str, Any] = {"show_progress": "hidden", "api_visibility": "private"}
_WORDING = TypeAdapter(Wording)
_STATES = ("pending", "accepted", "rejected")
_DONE = {"accept": "Accepted.", "reject": "Rejected.", "back": "Put back to review."}


@dataclass(frozen=True, slots=True)
class Parts:
    """The components that events read and write."""

    listing: gr.HTML
    progress: gr.HTML
    shown: gr.State  # a _Shown
    timer: gr.Timer

    @property
    def page(self) -> list[Any]:
        """What is drawn, in the order of `_View.show`."""
        return [self.listing, self.progress, self.shown, self.timer]


@dataclass(frozen=True, slots=True)
class _Shown:
    """The page of the list that a session sees, and what it did last, with the key of the question."""

    state: str = "pending"
    offset: int = 0
    done: tuple[str, str] = ("", "")


def layout(library: Library | None) -> Parts | None:
    """The tab's components; without a library, where questions come from instead."""
    if library is None:
        gr.Markdown("Questions are suggested on the command line: `rag gold suggest`.")
        return None
    with gr.Column(elem_id="review"):
        gr.HTML("", html_template=read("review.html"), elem_id="review-form", apply_default_css=False, js_on_load=None)
        progress = gr.HTML("", elem_id="review-progress", apply_default_css=False, js_on_load=None)
        listing = gr.HTML(
            review_list.LOADING,
            elem_id="review-list",
            apply_default_css=False,
            js_on_load=read("review.js"),
            server_functions=[_download(library)],
        )
    return Parts(listing, progress, gr.State(_Shown()), gr.Timer(_EVERY, active=False))


def wire(library: Library | None, parts: Parts | None, opened: Sequence[Any]) -> None:
    """Show it when one of the triggers `opened` fires, while questions are searched for, and after what is done."""
    if library is None or parts is None:
        return
    view = _View(library)
    gr.on(opened, view.show, parts.shown, parts.page, **_QUIETLY)
    parts.timer.tick(view.show, parts.shown, parts.page, queue=False, **_QUIETLY)
    parts.listing.turn(view.turn, parts.shown, parts.page, **_QUIETLY)
    if library.editable:
        parts.listing.accept(view.accept, parts.shown, parts.page, **_QUIETLY)
        parts.listing.reject(view.reject, parts.shown, parts.page, **_QUIETLY)
        parts.listing.back(view.back, parts.shown, parts.page, **_QUIETLY)
        parts.listing.suggest(view.suggest, parts.shown, parts.page, **_QUIETLY)


class _View:
    """The events: each does something to the review or to what is shown, and draws the tab."""

    def __init__(self, library: Library) -> None:
        self._editable = library.editable
        self._review = library.review

    def show(self, shown: _Shown, reply: str = "", refused: str = "") -> tuple[Any, ...]:
        """All of the tab as it is now; for what `reply` and `refused` are see `review_list.listing`."""
        review = self._review
        progress = review.progress()
        try:
            found, counts = review.candidates(shown.state, shown.offset, PAGE)
            if not found and shown.offset:  # the page has gone
                shown = replace(shown, offset=max(0, counts[shown.state] - 1) // PAGE * PAGE)
                found, counts = review.candidates(shown.state, shown.offset, PAGE)
            drawn = review_list.listing(
                found,
                counts,
                state=shown.state,
                offset=shown.offset,
                editable=self._editable,
                reply=reply,
                refused=refused,
                done=shown.done,
            )
        except RagError as error:
            drawn = review_list.failure(str(error))
        return drawn, review_list.progress(*progress), shown, gr.Timer(active=progress[0])

    def turn(self, shown: _Shown, event: gr.EventData) -> tuple[Any, ...]:
        """Another page, or questions of another state."""
        state = _told(event, "state") or shown.state
        offset = event._data.get("offset")
        place = max(0, offset) // PAGE * PAGE if isinstance(offset, int) else 0
        return self.show(_Shown(state if state in _STATES else "pending", place))

    def accept(self, shown: _Shown, event: gr.EventData) -> tuple[Any, ...]:
        """A question as it stands, or as the form has it; without a key it is a new one."""
        key, told = _told(event, "key"), event._data.get("wording")
        try:
            if key:
                self._review.accept(key, None if told is None else _WORDING.validate_python(told))
            else:
                key = self._review.add(_WORDING.validate_python(told))
        except ValidationError:
            return self._refused(shown, event, "This form is not one of this page. Load it again.")
        except RagError as error:
            return self._refused(shown, event, str(error))
        return self._done(shown, event, "accept", key)

    def reject(self, shown: _Shown, event: gr.EventData) -> tuple[Any, ...]:
        """A question."""
        return self._decided(shown, event, "reject")

    def back(self, shown: _Shown, event: gr.EventData) -> tuple[Any, ...]:
        """A question that was decided on."""
        return self._decided(shown, event, "back")

    def suggest(self, shown: _Shown) -> tuple[Any, ...]:
        """Look for more."""
        self._review.suggest()
        return self.show(_Shown())

    def _decided(self, shown: _Shown, event: gr.EventData, what: str) -> tuple[Any, ...]:
        key = _told(event, "key")
        try:
            self._review.reject(key) if what == "reject" else self._review.put_back(key)
        except RagError as error:
            return self._refused(shown, event, str(error))
        return self._done(shown, event, what, key)

    def _done(self, shown: _Shown, event: gr.EventData, what: str, key: str) -> tuple[Any, ...]:
        done = (_DONE[what], key if what != "back" else "")
        return self.show(replace(shown, done=done), _told(event, "reply"))

    def _refused(self, shown: _Shown, event: gr.EventData, why: str) -> tuple[Any, ...]:
        return self.show(shown, _told(event, "reply"), " ".join(why.split()))


def _download(library: Library) -> Any:
    def questions(asked: object) -> str:
        return library.review.accepted()

    return questions


def _told(event: gr.EventData, name: str) -> str:
    """What the browser's script says; it may be anything."""
    said = event._data.get(name)
    return said if isinstance(said, str) else ""
