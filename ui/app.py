"""The page: what stands where, and which event calls which handler."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import gradio as gr
from fastapi import FastAPI
from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ui import handlers, render
from ui.render import Entry

TITLE = "Ask your documents"
ANSWERS_AT_ONCE = 4  # each keeps a core busy; more at once would make every one of them slower
HERE = Path(__file__).parent

# Gradio makes its HTML templates with Function(), hence 'unsafe-eval'; the rest is from this server or not at all.
POLICY = (
    "default-src 'self'; script-src 'self' 'unsafe-inline' 'unsafe-eval'; style-src 'self' 'unsafe-inline'; "
    "img-src 'self' data: blob:; font-src 'self' data:; object-src 'none'; base-uri 'self'; form-action 'self'; "
    "frame-ancestors 'self'"
)


@dataclass(frozen=True, slots=True)
class _Parts:
    """The components that events read and write."""

    conversation: gr.HTML
    sources: gr.HTML
    history: gr.State
    question: gr.Textbox
    examples: gr.Dataset
    clear: gr.Button


def build(bot: handlers.Bot, *, examples: Sequence[str] = (), document_count: int | None = None) -> gr.Blocks:
    """The page over `bot`, offering `examples` to begin with; `mount` gives it its theme, style and address."""
    page = gr.Blocks(title=TITLE, analytics_enabled=False, fill_width=True)
    with page:
        _wire(bot, _layout(examples, document_count))
    page.queue(default_concurrency_limit=ANSWERS_AT_ONCE)
    return page


def mount(application: FastAPI, page: gr.Blocks, *, path: str = "/") -> FastAPI:
    """`application` with the page at `path`, and a header that keeps browsers from asking any other server."""
    application.add_middleware(_PolicyHeader)
    gr.mount_gradio_app(
        application,
        page,
        path,
        footer_links=[],
        run_history=False,
        show_error=False,
        ssr_mode=False,
        theme=_theme(),
        css_paths=HERE / "style.css",
    )
    return application


def _layout(examples: Sequence[str], document_count: int | None) -> _Parts:
    """Conversation and question on the left, sources on the right; one below the other on a phone."""
    conversation, sources, turns = handlers.show(())
    history = gr.State(turns)
    _html(render.header(TITLE, document_count), "masthead")
    with gr.Row(elem_id="panes"):
        with gr.Column(scale=3, min_width=0, elem_id="talk"):
            talk = _html(conversation, "conversation", script=(HERE / "page.js").read_text(encoding="utf-8"))
            samples = _examples(examples)
            with gr.Row(elem_id="ask"):
                question = _question_box()
                clear = gr.Button("Clear", scale=0, min_width=0, elem_id="clear")
        with gr.Column(scale=2, min_width=0, elem_id="aside"):
            cited = _html(sources, "sources")
    return _Parts(talk, cited, history, question, samples, clear)


def _html(value: str, name: str, *, script: str | None = None) -> gr.HTML:
    # Not gr.Chatbot: 6.31 reads our HTML as Markdown, draws a message anew for every word, and puts its source,
    # tags and all, into the label that screen readers speak.
    return gr.HTML(value, elem_id=name, apply_default_css=False, js_on_load=script)


def _examples(examples: Sequence[str]) -> gr.Dataset:
    samples = [[example] for example in examples]
    return gr.Dataset(
        components=["textbox"], samples=samples, label="For example", visible=bool(examples), elem_id="examples"
    )


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


def _wire(bot: handlers.Bot, parts: _Parts) -> None:
    """Enter, the button or an example asks; Stop keeps what is written; Clear starts over."""
    page = [parts.conversation, parts.sources, parts.history, parts.question]  # a View, and the question box

    def ask(question: str, history: list[Entry]) -> Iterator[tuple[Any, ...]]:
        box = gr.Textbox(value="", submit_btn=False, stop_btn="Stop")
        for view in handlers.answer(bot, question, history):
            yield *view, box
            box = gr.skip()  # the person may be typing the next question

    def ask_example(sample: list[str], history: list[Entry]) -> Iterator[tuple[Any, ...]]:
        yield from ask(sample[0], history)

    def show(history: list[Entry]) -> tuple[Any, ...]:
        return *handlers.show(history), gr.Textbox(submit_btn="Ask", stop_btn=False)

    def clear() -> tuple[Any, ...]:
        return show([])

    asked = parts.question.submit(
        ask, [parts.question, parts.history], page, show_progress="hidden", api_visibility="private"
    )
    chosen = parts.examples.click(
        ask_example, [parts.examples, parts.history], page, show_progress="hidden", api_visibility="private"
    )
    running: list[dict[str, Any]] = [asked, chosen]
    for event in (asked, chosen):  # also follows a cancelled one; shown from Stop itself, the last words could overtake
        event.then(show, parts.history, page, queue=False, show_progress="hidden", api_visibility="private")
    parts.question.stop(None, cancels=running, api_visibility="private")
    parts.clear.click(None, cancels=running, api_visibility="private").then(
        clear, None, page, queue=False, show_progress="hidden", api_visibility="private"
    )


def _theme() -> gr.themes.Base:
    """Calm greys with one accent, in the reader's own fonts, so that none is fetched."""
    base = gr.themes.Base(
        primary_hue=gr.themes.colors.teal,
        neutral_hue=gr.themes.colors.slate,
        radius_size=gr.themes.sizes.radius_lg,
        font=[gr.themes.Font(name) for name in ("Segoe UI", "Helvetica Neue", "Noto Sans", "Arial", "sans-serif")],
        font_mono=[gr.themes.Font("monospace")],
    )
    return base.set(
        body_text_color_subdued="*neutral_600",  # Base has 400, a contrast of 2.6 on white
        body_text_color_subdued_dark="*neutral_400",
        input_background_fill="*background_fill_primary",
        input_border_color="*neutral_300",
        input_placeholder_color="*neutral_500",
        input_placeholder_color_dark="*neutral_400",
    )


class _PolicyHeader:
    """Middleware that sends the content security policy with every response."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer as the application does, with the header added."""

        async def send_with_policy(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message)["Content-Security-Policy"] = POLICY
            await send(message)

        await self.app(scope, receive, send_with_policy)
