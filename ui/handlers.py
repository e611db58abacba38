"""What happens on an event: plain values in, plain values out, no interface library."""

import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol, Self

from rag import Evidence, Feedback, RagError, Scope, Settings, Trace, Turn
from ui import record, render
from ui.render import Entry, Failure
from ui.routes import Library
from ui.trace import Traced, trace

# Conversation HTML, sources HTML, what was said, and the same as the browser keeps it; None while that stays as it is
View = tuple[str, str, list[Entry], str | None]
_MOST_PLACES = 500  # documents offered by name; more are asked for by a pattern or folder


class Bot(Library, Protocol):
    """What the page asks of a `rag.Chatbot`, with what the source pane asks."""

    def adjusted(self, *, passages: int, sentences: int, threshold: float, written: bool = True) -> Self:
        """The same bot answering in another way."""

    def traced(self, question: str, history: Sequence[Turn] = (), *, scope: Scope) -> Iterator[Trace]:
        """The answer as it grows, with what it came from; only the last one is verified."""

    def explain(self, question: str, history: Sequence[Turn] = (), *, scope: Scope) -> Evidence:
        """What an answer is decided from."""

    @property
    def settings(self) -> Settings:
        """What it was opened with."""

    def facts(self) -> dict[str, Any]:
        """What is indexed, and with which model."""

    def examples(self) -> tuple[str, ...]:
        """Questions to begin with, from the documents themselves."""

    def follow_ups(self, history: Sequence[Turn], *, scope: Scope) -> tuple[str, ...]:
        """Questions to go on with."""

    def documents(self) -> tuple[str, ...]:
        """The id of every document."""

    def keep(self, feedback: Feedback) -> None:
        """Keep what a person said of an answer."""


@dataclass(frozen=True, slots=True)
class Wish:
    """Which documents are asked, and how they are to be answered from: what the page's controls say."""

    paths: tuple[str, ...] = ()
    types: tuple[str, ...] = ()
    after: str = ""
    before: str = ""
    passages: int = Settings.model_fields["passages"].default
    sentences: int = Settings.model_fields["sentences"].default
    threshold: float = Settings.model_fields["answer_threshold"].default
    written: bool = True

    @property
    def scope(self) -> Scope:
        """The documents to ask. Raises ValueError for what is no day."""
        return Scope(self.paths, self.types, self.after.strip() or None, self.before.strip() or None)

    def told(self, bot: Bot) -> Bot:
        """The bot that answers so."""
        return bot.adjusted(
            passages=self.passages, sentences=self.sentences, threshold=self.threshold, written=self.written
        )

    def described(self) -> str:
        """The scope in words."""
        days = [f"since {self.after}"] * bool(self.after) + [f"until {self.before}"] * bool(self.before)
        told = ", ".join([*self.paths, *self.types, *days])
        return f"Asking only: {told}" if told else "Asking all documents"


def answer(bot: Bot, question: str, history: Sequence[Entry], wish: Wish) -> Iterator[View]:
    """Yield the page as the answer grows; the unfinished turn is in the history, so that a stop keeps it."""
    question, past = question.strip(), list(history)
    if not question:
        yield show(past)
        return
    sources, said = render.earlier_sources(past), [*past, Failure(question, "Stopped before there was an answer.")]
    yield render.writing(past, question, None), sources, said, None
    try:
        for draft in wish.told(bot).traced(question, _turns(past), scope=wish.scope):
            said = [*past, Traced(question, draft.answer, draft)]
            yield render.writing(past, question, draft.answer), sources, said, None
    except (RagError, ValueError) as error:
        said = [*past, Failure(question, " ".join(str(error).split()))]
    except Exception:  # a bug; the person who asked must not wait for ever
        logging.getLogger(__name__).exception("An answer failed")
        said = [*past, Failure(question, "This question could not be answered. What the server prints says why.")]
    yield show(said)


def beginning(bot: Bot) -> str:
    """Questions to begin with; where there is nothing to ask, what to do about it."""
    if not bot.facts()["documents"]:
        return render.note("There are no documents to ask yet. The Documents tab says how to add some.")
    return render.questions("For example", bot.examples())


def show(history: Sequence[Entry]) -> View:
    """The page with this history and nothing being written: after an answer, a stop, or empty after a clear."""
    return render.conversation(history), render.sources(history), list(history), record.dump(history)


def restore(kept: str) -> View:
    """The page with a conversation that the browser kept; empty where it is none."""
    return show(record.load(kept))


def last_question(history: Sequence[Entry]) -> tuple[str, list[Entry]]:
    """The newest question, and what was said before it."""
    return (history[-1].question, list(history[:-1])) if history else ("", [])


def why(bot: Bot, history: Sequence[Entry], number: int, wish: Wish) -> str:
    """Why the answer of this number, from 1, is what it is; empty where there is none."""
    turn = _turn(history, number)
    if turn is None:
        return ""
    if isinstance(turn, Traced):
        return trace(turn.trace)
    try:
        evidence = _evidence(bot, turn, _turns(history[: number - 1]), wish)
    except (RagError, ValueError) as error:
        return render.problem(str(error))
    return trace(Trace(turn.answer, evidence, wish.threshold, (), turn.answer.claims), is_kept=False)


def _evidence(bot: Bot, turn: Turn, earlier: Sequence[Turn], wish: Wish) -> Evidence:
    """What an answer that the browser kept came from, looked up again; no language model is asked to reword it."""
    is_reworded = turn.answer.reworded and bot.settings.llm != "none" and wish.written
    question, history = (turn.answer.asked, ()) if is_reworded else (turn.question, earlier)
    return replace(wish, written=False).told(bot).explain(question, history, scope=wish.scope)


def judge(bot: Bot, history: Sequence[Entry], number: int, verdict: str, note: str) -> str:
    """Keep a verdict on the answer of this number, from 1; what to tell the person who gave it."""
    turn = _turn(history, number)
    if turn is None or verdict not in render.VERDICTS:
        return "That answer is no longer on the page."
    earlier = tuple(entry.question for entry in _turns(history[: number - 1]))
    try:
        bot.keep(Feedback(turn.answer, verdict, note, earlier))  # type: ignore[arg-type]  # checked above
    except RagError as error:
        return str(error)
    return f"Kept: {verdict}{' with your note' if note else ''}."


def follow_ups(bot: Bot, history: Sequence[Entry], wish: Wish) -> str:
    """What could be asked next; nothing where there is no answer, or no sentence that makes a question."""
    turns = _turns(history)
    if not turns or turns[-1] is not history[-1]:
        return ""
    try:
        return render.questions("Go on with", bot.follow_ups(turns, scope=wish.scope))
    except (RagError, ValueError):
        return ""  # it is only an offer


def places(bot: Bot) -> tuple[list[str], list[str]]:
    """The folders and documents that can be asked alone, and the types of documents that there are."""
    documents = bot.documents()
    folders, types = set[str](), set[str]()
    for document_id in documents:  # of 100,000 in 0.1 s; with pathlib in 2.5 s
        folder, _, name = document_id.rpartition("/")
        while folder and folder not in folders:
            folders.add(folder)
            folder = folder.rpartition("/")[0]
        types.add(name.rpartition(".")[2].lower() if "." in name else "")
    return [*(f"{folder}/" for folder in sorted(folders)), *documents[:_MOST_PLACES]], sorted(types - {""})


def _turns(history: Sequence[Entry]) -> list[Turn]:
    """What the bot is told of it: failures are no part of the talk."""
    return [entry for entry in history if isinstance(entry, Turn)]


def _turn(history: Sequence[Entry], number: int) -> Turn | None:
    entry = history[number - 1] if 0 < number <= len(history) else None
    return entry if isinstance(entry, Turn) else None
