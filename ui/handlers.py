"""What happens on an event: plain values in, plain values out, no interface library."""

from collections.abc import Iterator, Sequence
from typing import Protocol

from rag import Answer, RagError, Turn
from ui import render
from ui.render import Entry, Failure

View = tuple[str, str, list[Entry]]  # conversation HTML, sources HTML, what was said so far


class Bot(Protocol):
    """What the page asks of a `rag.Chatbot`."""

    def stream(self, question: str, history: Sequence[Turn]) -> Iterator[Answer]:
        """The answer as it grows; only the last one is verified."""


def answer(bot: Bot, question: str, history: Sequence[Entry]) -> Iterator[View]:
    """Yield the page as the answer grows; the unfinished turn is in the history, so that a stop keeps it."""
    question, past = question.strip(), list(history)
    if not question:
        yield show(past)
        return
    sources, said = render.earlier_sources(past), past
    yield render.writing(past, question, None), sources, said
    try:
        for draft in bot.stream(question, [entry for entry in past if isinstance(entry, Turn)]):
            said = [*past, Turn(question, draft)]
            yield render.writing(past, question, draft), sources, said
    except RagError as error:
        said = [*past, Failure(question, " ".join(str(error).split()))]
    yield show(said)


def show(history: Sequence[Entry]) -> View:
    """The page with this history and nothing being written: after an answer, a stop, or empty after a clear."""
    return render.conversation(history), render.sources(history), list(history)
