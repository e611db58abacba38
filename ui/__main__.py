"""`python -m ui`: the page alone, over the index that the settings name."""

import uvicorn
from fastapi import FastAPI

import rag
from ui.app import build, mount


def main() -> None:
    """Serve the page until interrupted; one line and exit code 1 where there is nothing to serve."""
    settings = rag.Settings()
    try:
        bot = rag.Chatbot.open(settings)
    except rag.RagError as error:
        raise SystemExit(str(error)) from error
    application = mount(FastAPI(docs_url=None, redoc_url=None), bot, build(bot, rag.Library(settings)))
    uvicorn.run(application, host=settings.host, port=settings.port)


if __name__ == "__main__":
    main()
