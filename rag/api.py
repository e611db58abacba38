"""The web application: questions as JSON under /api, and the page mounted on it by `rag serve`.

Whatever goes wrong is answered with {"error": one line}: 422 for a request that is not understood, 404 for a document
that is not there, 503 where the index or one of its models fails. Where a language model fails, the answer is made of
quotations and its `remark` says why.
"""

from typing import Annotated, Self

from fastapi import FastAPI, Query
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel, Field, model_validator
from starlette.requests import Request

from rag.chat import Chatbot
from rag.errors import RagError, StoreError
from rag.schema import Answer, Box, Scope, Span, Turn

Words = Annotated[str, Field(min_length=1, max_length=2000)]


class Asked(BaseModel):
    """A question, and which documents are asked: see `rag.Scope`."""

    question: Words
    paths: list[Words] = Field(default=[], max_length=100)
    types: list[Words] = Field(default=[], max_length=100)
    after: Words | None = None
    before: Words | None = None

    @property
    def scope(self) -> Scope:
        """The documents to ask."""
        return Scope(tuple(self.paths), tuple(self.types), self.after, self.before)

    @model_validator(mode="after")
    def _expect_scope(self) -> Self:
        _ = self.scope  # what is no day is told like any other wrong field
        return self


class Ask(Asked):
    """A question with the earlier questions of its conversation, oldest first."""

    earlier: list[Words] = Field(default=[], max_length=20)


class Search(Ask):
    """Words to find passages for, after the earlier questions of a conversation if there are any."""

    k: int = Field(default=10, ge=1, le=100)


def application(bot: Chatbot) -> FastAPI:
    """POST /api/ask and /api/search, GET /api/documents/ID, /api/boxes/ID and /api/health over one chatbot."""
    app = FastAPI(title="Ask your documents", docs_url=None, redoc_url=None)  # the docs pages load scripts from a CDN

    @app.exception_handler(RagError)
    def failed(_: Request, error: RagError) -> JSONResponse:
        return _told(error, 503)

    @app.exception_handler(RequestValidationError)
    def not_understood(_: Request, error: RequestValidationError) -> JSONResponse:
        # FastAPI's own reply repeats the input, and fails over one that JSON cannot hold: half a character, NaN
        told = (f"{'.'.join(map(str, problem['loc'][1:])) or 'body'}: {problem['msg']}" for problem in error.errors())
        return JSONResponse({"error": "; ".join(told)}, status_code=422)

    @app.get("/api/health")
    def health() -> dict[str, object]:
        return {"status": "ok", "documents": len(bot.documents())}

    @app.post("/api/ask")
    def ask(body: Ask) -> dict[str, object]:
        history: list[Turn] = []
        for question in body.earlier:
            history.append(Turn(question, bot.ask(question, history, scope=body.scope)))
        return bot.ask(body.question, history, scope=body.scope).to_dict()

    @app.post("/api/search")
    def search(body: Search) -> list[dict[str, object]]:
        history = [Turn(question, _left_out(question)) for question in body.earlier]
        found = bot.retrieve(body.question, body.k, history=history, scope=body.scope)
        return [passage.to_dict() for passage in found]

    @app.get("/api/documents/{document_id:path}", response_model=None)
    def document(document_id: str) -> dict[str, object] | JSONResponse:
        try:
            return bot.document(document_id).to_dict()
        except StoreError as error:
            return _told(error, 404)

    @app.get("/api/boxes/{document_id:path}")
    def boxes(document_id: str, start: Annotated[int, Query(ge=0)], end: Annotated[int, Query(ge=1)]) -> list[Box]:
        return list(bot.boxes(Span(document_id, start, max(end, start + 1))))

    return app


def _left_out(question: str) -> Answer:
    """The answer of an earlier question to a search, which goes by the questions; a language model reads "…" there."""
    return Answer(question, "…", (), (), abstained=False, confidence=0.0)


def _told(error: Exception, status: int) -> JSONResponse:
    return JSONResponse({"error": " ".join(str(error).split())}, status_code=status)
