"""The Chat tab: conversation on the left, sources on the right, and which event calls which handler."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import gradio as gr

from ui import handlers
from ui.files import read
from ui.handlers import Bot, Wish
from ui.markup import escaped
from ui.preferences import Preferences
from ui.render import Entry

ANSWERS_AT_ONCE = 4  # each keeps a core busy; more at once would make every one of them slower
_QUIETLY: dict[str, Any] = {"show_progress": "hidden", "api_visibility": "private"}
_ANSWERING = {**_QUIETLY, "concurrency_id": "answers", "concurrency_limit": ANSWERS_AT_ONCE}


@dataclass(frozen=True, slots=True)
class Parts:
    """The components that events read and write."""

    conversation: gr.HTML
    sources: gr.HTML
    trace: gr.HTML
    shelf: gr.HTML
    notice: gr.HTML
    history: gr.State
    question: gr.Textbox
    fresh: gr.Button
    beginning: gr.HTML
    follow_ups: gr.HTML
    scope: "_ScopeParts"


@dataclass(frozen=True, slots=True)
class _ScopeParts:
    about: gr.Accordion
    paths: gr.Dropdown
    types: gr.Dropdown
    after: gr.Textbox
    before: gr.Textbox

    @property
    def inputs(self) -> list[Any]:
        return [self.paths, self.types, self.after, self.before]


def shelf() -> gr.HTML:
    """The conversations that the browser keeps, for the sidebar; the server never has them."""
    return gr.HTML(
        "", html_template=read("shelf.html"), elem_id="shelf", apply_default_css=False, js_on_load=read("shelf.js")
    )


def layout(kept: gr.HTML, bot: Bot) -> Parts:
    """Conversation and question on the left, sources on the right; the sources lie over it on a phone."""
    conversation, sources, turns, _ = handlers.show(())
    history = gr.State(turns)
    with gr.Row(elem_id="panes"):
        with gr.Column(scale=3, min_width=0, elem_id="talk"):
            talk = _html(conversation, "conversation", script="page.js")
            beginning = _html(handlers.beginning(bot), "examples")
            more = _html("", "follow-ups")
            notice = gr.HTML("", html_template='<p role="status">${value}</p>', elem_id="notice", js_on_load=None)
            scope = _scope()
            with gr.Row(elem_id="ask"):
                question = _question_box()
                fresh = gr.Button("New", scale=0, min_width=0, elem_id="fresh")
        with gr.Column(scale=2, min_width=0, elem_id="aside"):
            cited = _html(sources, "sources")
            reasons = _html("", "trace")
            gr.HTML(
                "",
                html_template=read("reader.html"),
                elem_id="reader",
                apply_default_css=False,
                js_on_load=read("reader.js"),
            )
    return Parts(talk, cited, reasons, kept, notice, history, question, fresh, beginning, more, scope)


def _html(value: str, name: str, *, script: str | None = None) -> gr.HTML:
    # Not gr.Chatbot: 6.31 reads our HTML as Markdown, draws a message anew for every word, and puts its source,
    # tags and all, into the label that screen readers speak.
    return gr.HTML(value, elem_id=name, apply_default_css=False, js_on_load=read(script) if script else None)


def _scope() -> _ScopeParts:
    """Which documents are asked; folded away, as most questions are for all."""
    with gr.Accordion(Wish().described(), open=False, elem_id="scope") as about, gr.Row():
        paths = gr.Dropdown(
            label="Folders or documents", multiselect=True, allow_custom_value=True, scale=2, min_width=160
        )
        types = gr.Dropdown(label="Types", multiselect=True, min_width=100)
        after = gr.Textbox(label="Since", placeholder="2023-06", max_length=10, min_width=100)
        before = gr.Textbox(label="Until", placeholder="2023-06-16", max_length=10, min_width=100)
    return _ScopeParts(about, paths, types, after, before)


def _question_box() -> gr.Textbox:
    return gr.Textbox(
        label="Your question",
        show_label=False,
        container=False,
        placeholder="Ask a question",
        lines=1,
        max_lines=6,
        max_length=2000,
        autofocus=True,
        submit_btn="Ask",
        elem_id="question",
    )


def wire(bot: Bot, page: gr.Blocks, tab: gr.Tab, parts: Parts, chosen: Preferences) -> None:
    """Enter, a button or an example asks; Stop keeps what is written; the rest is of answers that are there."""
    wishes = [*parts.scope.inputs, *chosen.inputs]
    _wire_questions(bot, parts, wishes)
    _wire_answers(bot, parts, wishes)
    _wire_scope(bot, page, parts.scope)
    _wire_beginning(bot, [page.load, tab.select], parts.beginning)


def _wire_questions(bot: Bot, parts: Parts, wishes: Sequence[Any]) -> None:
    view = [parts.conversation, parts.sources, parts.history, parts.shelf, parts.question]

    def ask(question: str, history: list[Entry], *wish: Any) -> Iterator[tuple[Any, ...]]:
        box = gr.Textbox(value="", submit_btn=False, stop_btn="Stop")
        for *shown, kept in handlers.answer(bot, question, history, _wish(*wish)):
            yield *shown, gr.skip() if kept is None else kept, box
            box = gr.skip()  # the person may be typing the next question

    def pose(event: gr.EventData, history: list[Entry], *wish: Any) -> Iterator[tuple[Any, ...]]:
        yield from ask(_told(event, "question"), history, *wish)

    def again(history: list[Entry], *wish: Any) -> Iterator[tuple[Any, ...]]:
        yield from ask(*handlers.last_question(history), *wish)

    def shown(history: list[Entry]) -> tuple[Any, ...]:
        return *handlers.show(history), gr.Textbox(submit_btn="Ask", stop_btn=False)

    asking: list[Any] = [
        parts.question.submit(ask, [parts.question, parts.history, *wishes], view, **_ANSWERING),
        parts.conversation.pose(pose, [parts.history, *wishes], view, **_ANSWERING),
        parts.conversation.again(again, [parts.history, *wishes], view, **_ANSWERING),
    ]

    def more(history: list[Entry], *wish: Any) -> str:
        return handlers.follow_ups(bot, history, _wish(*wish))

    for event in asking:  # also follows a cancelled one; shown from Stop itself, the last words could overtake
        event.then(shown, parts.history, view, queue=False, **_QUIETLY).then(
            more, [parts.history, *wishes], parts.follow_ups, **_ANSWERING
        )
    parts.question.stop(None, cancels=asking, api_visibility="private")

    def edit(history: list[Entry]) -> tuple[Any, ...]:
        question, past = handlers.last_question(history)
        return *handlers.show(past), gr.Textbox(value=question, submit_btn="Ask", stop_btn=False)

    def restore(event: gr.EventData) -> tuple[Any, ...]:
        return *handlers.restore(_told(event, "turns")), gr.Textbox(submit_btn="Ask", stop_btn=False)

    parts.conversation.edit(edit, parts.history, view, cancels=asking, queue=False, **_QUIETLY)
    parts.shelf.restore(restore, None, view, cancels=asking, queue=False, **_QUIETLY)
    for trigger in (parts.fresh.click, parts.shelf.fresh):
        trigger(lambda: shown([]), None, view, cancels=asking, queue=False, **_QUIETLY)


def _wire_answers(bot: Bot, parts: Parts, wishes: Sequence[Any]) -> None:
    """What is asked of an answer that stands there: why it is so, and whether it is right."""

    def why(event: gr.EventData, history: list[Entry], *wish: Any) -> str:
        return handlers.why(bot, history, _number(event), _wish(*wish))

    def judge(event: gr.EventData, history: list[Entry]) -> str:
        return escaped(handlers.judge(bot, history, _number(event), _told(event, "verdict"), _told(event, "note")))

    parts.conversation.why(why, [parts.history, *wishes], parts.trace, **_ANSWERING)
    parts.conversation.judge(judge, parts.history, parts.notice, queue=False, **_QUIETLY)


def _wire_beginning(bot: Bot, opened: Sequence[Any], beginning: gr.HTML) -> None:
    """Other questions to begin with once there are other documents."""
    made = bot.facts(), str(beginning.value)

    def begun() -> str:
        nonlocal made
        if (now := bot.facts()) != made[0]:
            made = now, handlers.beginning(bot)
        return made[1]

    gr.on(opened, begun, None, beginning, queue=False, **_QUIETLY)


def _wire_scope(bot: Bot, page: gr.Blocks, scope: _ScopeParts) -> None:
    """Offer what there is when the page is opened, and say which documents are asked."""

    def offered() -> tuple[Any, ...]:
        paths, types = handlers.places(bot)
        return gr.Dropdown(choices=list(paths)), gr.Dropdown(choices=list(types))

    def described(*values: Any) -> Any:
        return gr.Accordion(label=_wish(*values).described())

    gr.on([page.load, scope.about.expand], offered, None, [scope.paths, scope.types], queue=False, **_QUIETLY)
    for part in scope.inputs:
        part.change(described, scope.inputs, scope.about, queue=False, **_QUIETLY)


def _wish(paths: list[str] | None, types: list[str] | None, after: str | None, before: str | None, *how: Any) -> Wish:
    return Wish(tuple(paths or ()), tuple(types or ()), after or "", before or "", *how)


def _told(event: gr.EventData, name: str) -> str:
    """What the browser's script says; it may be anything."""
    said = event._data.get(name) if isinstance(event._data, dict) else None
    return said if isinstance(said, str) else ""


def _number(event: gr.EventData) -> int:
    said = _told(event, "turn")
    return int(said) if said.isdecimal() and len(said) < 6 else 0
