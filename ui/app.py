"""The page: its tabs, its theme, and the header that keeps browsers from asking any other server."""

from pathlib import Path

import gradio as gr
from fastapi import FastAPI
from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from rag import Library
from ui import chat, documents, preferences, render, review
from ui.files import read
from ui.handlers import Bot
from ui.routes import routes

TITLE = "Ask your documents"
HERE = Path(__file__).parent
# In a frame that is nobody's: its script sorts and filters, and reaches neither this page nor the server.
EVALUATION = '<iframe src="evaluation" title="The newest evaluation" sandbox="allow-scripts" loading="lazy"></iframe>'

# Gradio makes its HTML templates with Function(), hence 'unsafe-eval'; the rest is from this server or not at all.
POLICY = (
    "default-src 'self'; script-src 'self' 'unsafe-inline' 'unsafe-eval'; style-src 'self' 'unsafe-inline'; "
    "img-src 'self' data: blob:; font-src 'self' data:; object-src 'none'; base-uri 'self'; form-action 'self'; "
    "frame-ancestors 'self'"
)


def build(bot: Bot, library: Library | None = None) -> gr.Blocks:
    """The page over `bot`; `mount` gives it its theme, style and address.

    Without a library its documents are neither listed nor changed, and no questions are reviewed.
    """
    page = gr.Blocks(title=TITLE, analytics_enabled=False, fill_width=True)
    with page:
        with gr.Sidebar(open=False, width=280, elem_id="sidebar"):
            kept = chat.shelf()
        with gr.Row(elem_id="masthead"):
            gr.HTML(render.header(TITLE), apply_default_css=False, js_on_load=None)
            gr.HTML(html_template=read("help.html"), elem_id="help", apply_default_css=False, js_on_load=None)
        with gr.Tabs(elem_id="rooms"):
            with gr.Tab("Chat", elem_id="chat") as chat_tab:
                parts = chat.layout(kept, bot)
            with gr.Tab("Documents", elem_id="documents-tab") as documents_tab:
                listed = documents.layout(library)
            with gr.Tab("Questions", elem_id="questions-tab") as questions_tab:
                reviewed = review.layout(library)
            with gr.Tab("Evaluation", elem_id="evaluation"):
                gr.HTML(EVALUATION, apply_default_css=False, js_on_load=None)
            with gr.Tab("Settings", elem_id="settings"):
                chosen = preferences.layout(bot.settings, bot.facts())
        chat.wire(bot, page, chat_tab, parts, chosen)
        documents.wire(library, listed, [page.load, documents_tab.select])
        review.wire(library, reviewed, [questions_tab.select])
    page.queue()
    return page


def mount(application: FastAPI, bot: Bot, page: gr.Blocks) -> FastAPI:
    """`application` with the page and what it asks for, and a header that keeps browsers from asking another server."""
    application.add_middleware(_PolicyHeader)
    application.include_router(routes(bot))
    gr.mount_gradio_app(
        application,
        page,
        "/",
        footer_links=[],
        run_history=False,
        show_error=False,
        ssr_mode=False,
        theme=_theme(),
        css_paths=[HERE / name for name in ("style.css", "document.css", "documents.css", "review.css")],
    )
    return application


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
        input_background_fill_dark="*background_fill_primary",
        input_border_color="*neutral_300",
        input_placeholder_color="*neutral_500",
        input_placeholder_color_dark="*neutral_400",
    )


class _PolicyHeader:
    """Middleware that sends the content security policy with every response that has none of its own."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer as the application does, with the header added."""

        async def send_with_policy(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message).setdefault("Content-Security-Policy", POLICY)
            await send(message)

        await self.app(scope, receive, send_with_policy)
