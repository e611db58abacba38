"""The web application: questions as JSON under /api, and the page mounted on it by `rag serve`."""

from fastapi import FastAPI, HTTPException
from fastapi.responses import JSONResponse
from pydantic import BaseModel, Field
from starlette.requests import Request

from rag.chat import Chatbot
from rag.errors import RagError, StoreError
from rag.schema import Turn


class Ask(BaseModel):
    """A question with the earlier questions of its conversation, oldest first."""

    question: str = Field(min_length=1, max_length=2000)
    earlier: list[str] = Field(default=[], max_length=20)


class Search(BaseModel):
    """Words to find passages for."""

    question: str = Field(min_length=1, max_length=2000)
    k: int = Field(default=10, ge=1, le=100)


def application(bot: Chatbot) -> FastAPI:
    """POST /api/ask, POST /api/search, GET /api/documents/ID and GET /api/health over one chatbot."""
    app = FastAPI(title="Ask your documents", docs_url=None, redoc_url=None)  # the docs pages load scripts from a CDN

    @app.exception_handler(RagError)
    def explain(_: Request, error: RagError) -> JSONResponse:
        return JSONResponse({"error": str(error)}, status_code=503)

    @app.get("/api/health")
    def health() -> dict[str, object]:
        return {"status": "ok", "documents": len(bot.documents())}

    @app.post("/api/ask")
    def ask(body: Ask) -> dict[str, object]:
        history: list[Turn] = []
        for question in body.earlier:
            history.append(Turn(question, bot.ask(question, history)))
        return bot.ask(body.question, history).to_dict()

    @app.post("/api/search")
    def search(body: Search) -> list[dict[str, object]]:
        return [passage.to_dict() for passage in bot.retrieve(body.question, body.k)]

    @app.get("/api/documents/{document_id:path}")
    def document(document_id: str) -> dict[str, object]:
        try:
            return bot.document(document_id).to_dict()
        except StoreError as error:
            raise HTTPException(404, str(error)) from error

    return app
