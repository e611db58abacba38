"""A bot with three lines of documents and its answers by heart, to evaluate without an index."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import rag
from eval.dataset import Gold, Kind, Question, Split

LINES = {
    "visit.md": "He arrived on 18 June.",
    "balloon.md": "It was shot down on 4 February.",
    "trade.md": "Trade grew.",
}
ANSWERS = {"When did he arrive?": "visit.md", "And the balloon?": "balloon.md", "What grew?": "visit.md"}


def question(id_: str, text: str, line: str | None, *, kind: Kind = "single_fact", split: Split = "dev") -> Question:
    """A question answered by the whole of a document, or by none; a follow-up comes after the arrival's."""
    gold = (Gold(line, 0, len(LINES[line]), LINES[line]),) if line else ()
    history = ("When did he arrive?",) if kind == "follow_up" else ()
    return Question(id_, kind, split, text, LINES[line] if line else "", gold, (), history)


QUESTIONS = (
    question("right", "When did he arrive?", "visit.md"),
    question("wrong", "What grew?", "trade.md", split="test"),
    question("turn", "And the balloon?", "balloon.md", kind="follow_up"),
    question("silent", "What fell?", "trade.md", split="test"),
    question("none", "Who is the mayor?", None, kind="unanswerable", split="test"),
)


@dataclass
class Notebook:
    """Answers the questions of `answers` with a whole document, abstains from others, and keeps what it was asked."""

    answers: dict[str, str] = field(default_factory=lambda: dict(ANSWERS))
    asked: list[tuple[str, int]] = field(default_factory=list)  # question, turns before it
    tokens: tuple[int, int] | None = None  # that a language model reads and writes for an answer; None without one

    def retrieve(self, question: str, k: int = 10) -> tuple[rag.Passage, ...]:
        """Every document, that of the answer first."""
        first = self.answers.get(question)
        names = sorted(LINES, key=lambda name: (name != first, name))
        return tuple(self.passage(name) for name in names[:k])

    def ask(self, question: str, history: Sequence[rag.Turn] = ()) -> rag.Answer:
        """The document known for the question, cited whole."""
        self.asked.append((question, len(history)))
        if question not in self.answers:
            return rag.Answer(question, "The documents do not say.", (), self.retrieve(question, 2), True, 0.1)
        passage = self.passage(self.answers[question])
        citation = rag.Citation(1, passage.span, passage.text, None)
        claim = rag.Claim(passage.text, (citation,), "supported")
        answer = rag.Answer(question, passage.text, (claim,), (passage,), False, 0.9)
        if self.tokens is None:
            return answer
        return replace(answer, tokens_read=self.tokens[0], tokens_written=self.tokens[1], tokens_are="counted")

    def explain(self, question: str, history: Sequence[rag.Turn] = ()) -> rag.Evidence:
        """The passages of the answer, the line of the first weighed, and its confidence."""
        passages = self.retrieve(question, 3) if question not in self.answers else self.retrieve(question, 1)
        best = rag.Weighed(passages[0].span, passages[0].text, {"reader": 1.5}, 2.0)
        return rag.Evidence(question, passages, (best,), {"best": 2.0}, 0.9 if question in self.answers else 0.1)

    def document(self, document_id: str) -> rag.SourceDocument:
        """A document with its one line."""
        return rag.SourceDocument(document_id, document_id, None, LINES[document_id], ())

    def passage(self, name: str) -> rag.Passage:
        """A whole document as a passage."""
        return rag.Passage(rag.Span(name, 0, len(LINES[name])), LINES[name], name, 1.0, None)
