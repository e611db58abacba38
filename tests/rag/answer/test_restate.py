"""Sentences that say a question again with its answer: carried by what answers it, and by nothing that is of others."""

from collections.abc import Sequence

import pytest

from rag.answer.generate import check
from rag.answer.restate import carrying
from rag.schema import Draft, Evidence, Passage, SourceDocument, Span, Weighed
from tests.fakes import hash_encode

TEXT = (
    "# The bridge at Norvale\n\n"
    "Work on the bridge was led by Ada Lund from the spring of 2019. The first pillar stood in May. "
    "It was opened by the mayor on 3 October. The toll is 2 crowns, less than in 2015. "
    "In June Berg inspected the tunnel for nine days."
)
DOCUMENT = SourceDocument("bridge.md", "The bridge at Norvale", "2021-11-02", TEXT, (0,))
WHOLE = Span("bridge.md", 0, len(TEXT))


def weighed(text: str, words: str, *, reader: float = 3.0, whole: float = 1.0) -> Weighed:
    """A sentence of the document that the reader says answers, with these words."""
    start = TEXT.index(text)
    signs = {"reader": reader, "words": 5.0, "whole": whole}
    return Weighed(Span("bridge.md", start, start + len(text)), text, signs, 0.0, words)


OPENED = weighed("It was opened by the mayor on 3 October.", "3 October")
TOLL = weighed("The toll is 2 crowns, less than in 2015.", "2 crowns")
INSPECTED = weighed("In June Berg inspected the tunnel for nine days.", "nine days")


def carried(text: str, question: str, *sentences: Weighed) -> bool:
    """True if one of the sentences carries the text as an answer to the question."""
    return carrying(text, question, sentences, lambda _: DOCUMENT) is not None


@pytest.mark.parametrize(
    ("text", "question", "sentence"),
    [
        ("The Norvale bridge was opened on 3 October.", "When was the Norvale bridge opened?", OPENED),
        ("The bridge of Ada Lund was opened on 3 October.", "When was the bridge of Ada Lund opened?", OPENED),
        ("Crossing the Norvale bridge costs 2 crowns.", "What does crossing the Norvale bridge cost?", TOLL),
        ("Berg was in the tunnel for nine days in June.", "How long was Berg in the tunnel in June?", INSPECTED),
    ],
)
def test_what_was_asked_may_stand_around_what_answers(text: str, question: str, sentence: Weighed) -> None:
    """The name and the thing of the question stand in the title or before; only the answer must be in the sentence."""
    assert carried(text, question, sentence)


@pytest.mark.parametrize(
    ("text", "question", "sentence"),
    [
        ("The Norvale bridge was opened on 4 October.", "When was the Norvale bridge opened?", OPENED),
        ("The Norvale bridge was not opened on 3 October.", "When was the Norvale bridge opened?", OPENED),
        ("The Sundby bridge was opened on 3 October.", "When was the Sundby bridge opened?", OPENED),
        ("The Norvale bridge was opened on 3 October 2015.", "When in 2015 was the Norvale bridge opened?", OPENED),
        ("The Norvale bridge was opened on 3 October by Eva Sand.", "When was the Norvale bridge opened?", OPENED),
        ("The Norvale bridge was opened.", "When was the Norvale bridge opened?", OPENED),
        ("Lund was in the tunnel for nine days.", "How long was Lund in the tunnel?", INSPECTED),
        ("Berg was in the tunnel for nine days in May.", "How long was Berg in the tunnel in May?", INSPECTED),
        ("Berg said that he needed nine days.", "How long did Berg say that he needed?", INSPECTED),
    ],
)
def test_of_another_name_date_or_answer_it_is_not_carried(text: str, question: str, sentence: Weighed) -> None:
    """Something added, denied or said of another than the sentence speaks of."""
    assert not carried(text, question, sentence)


def test_what_the_reader_does_not_hold_to_answer_carries_nothing() -> None:
    """Nor a line that is no whole sentence, nor one behind the first three."""
    text, question = "The Norvale bridge was opened on 3 October.", "When was the Norvale bridge opened?"
    doubtful = weighed(OPENED.text, OPENED.words, reader=-0.5)
    label = weighed(OPENED.text, OPENED.words, whole=0.0)

    assert carried(text, question, TOLL, INSPECTED, OPENED)
    assert not carried(text, question, TOLL, INSPECTED, TOLL, OPENED)
    assert not carried(text, question, doubtful)
    assert not carried(text, question, label)


def test_of_two_questions_the_names_stand_in_the_sentence_itself() -> None:
    """Else the answer to one would be given to the other."""
    question = "How long was Berg in the tunnel, and how long was Ada Lund?"

    assert carried("Berg was in the tunnel for nine days.", question, INSPECTED)
    assert not carried("Ada Lund was there for nine days.", question, INSPECTED)


def test_checked_with_the_evidence_it_is_supported_and_cites_what_answers() -> None:
    """A draft that its passage does not carry by its own words; without the evidence it stays unsupported."""
    draft = Draft("Crossing the Norvale bridge costs 2 crowns.", (WHOLE,))
    passages = (Passage(WHOLE, TEXT, DOCUMENT.title, 1.0, 1),)

    def verdicts(sentences: Sequence[Weighed]) -> list[tuple[str, list[str]]]:
        asked = "What does crossing the Norvale bridge cost?"
        evidence = Evidence(asked, passages, tuple(sentences), {}, 0.9)
        claims = check([draft], lambda _: DOCUMENT, passages, hash_encode, evidence=evidence)
        return [(claim.verdict, [citation.quote for citation in claim.citations]) for claim in claims]

    assert verdicts([TOLL]) == [("supported", [TOLL.text])]
    assert verdicts([])[0][0] == "unsupported"


def test_a_sentence_of_a_passage_that_has_changed_is_not_looked_at() -> None:
    """Its document may be gone; `check` is given the passages that still stand."""
    evidence = Evidence("What is the toll?", (), (TOLL,), {}, 0.9)

    (claim,) = check(
        [Draft("The toll costs 2 crowns at Norvale.", ())], lambda _: DOCUMENT, (), hash_encode, evidence=evidence
    )

    assert claim.verdict == "unsupported"
