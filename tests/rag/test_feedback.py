"""What people say of answers: kept a line each, and handed out as lines for a question set."""

import json
from pathlib import Path
from threading import Thread

import pytest

import eval.dataset as dataset
from rag import Answer, Citation, Claim, Feedback, RagError, Span
from rag.feedback import candidates, forget, keep

QUOTE = Citation(1, Span("rules.md", 0, 11), "Open at ten", None)
OPEN = Answer("When?", "Open at ten", (Claim("Open at ten", (QUOTE,), "supported"),), (), False, 0.9)
SILENT = Answer("Why?", "The documents do not say.", (), (), True, 0.1)


def test_right_answer_is_a_whole_line(tmp_path: Path) -> None:
    """What was called right needs no more work: its citations are the gold."""
    keep(tmp_path, Feedback(OPEN, "right"))

    (line,) = candidates(tmp_path)

    assert line["reference"] == "Open at ten"
    assert line["gold"] == [
        {"document_id": "rules.md", "start": 0, "end": 11, "quote": "Open at ten", "part": "claim 1"}
    ]
    assert "feedback" not in line


def test_right_answers_are_a_question_set(tmp_path: Path) -> None:
    """The evaluation reads such lines as they are: with what was asked before, and also where nothing was said."""
    for feedback in (Feedback(OPEN, "right", earlier=("Where?",)), Feedback(SILENT, "right")):
        keep(tmp_path, feedback)

    lines = ((number, json.dumps(line)) for number, line in enumerate(candidates(tmp_path)))
    found = dataset.parse(lines, tmp_path)

    assert [(question.kind, question.history) for question in found] == [
        ("follow_up", ("Where?",)),
        ("unanswerable", ()),
    ]


def test_wrong_answer_leaves_the_gold_to_a_person(tmp_path: Path) -> None:
    """Nothing that was called wrong comes out as gold; what was said of it does."""
    keep(tmp_path, Feedback(OPEN, "wrong citation", "It says eleven."))

    (line,) = candidates(tmp_path)

    assert (line["kind"], line["reference"], line["gold"]) == ("", "", [])
    assert line["feedback"] == {"verdict": "wrong citation", "note": "It says eleven.", "answer": "Open at ten"}


def test_last_word_counts(tmp_path: Path) -> None:
    """A verdict is changed by another one; the same words in another conversation are another question."""
    for feedback in (Feedback(OPEN, "wrong"), Feedback(OPEN, "right"), Feedback(OPEN, "wrong", earlier=("Where?",))):
        keep(tmp_path, feedback)

    kinds = [line["kind"] for line in candidates(tmp_path)]

    assert kinds == ["single_fact", ""]


def test_half_characters_are_kept(tmp_path: Path) -> None:
    """Whatever a browser sends as a note comes back."""
    keep(tmp_path, Feedback(OPEN, "wrong", "\ud800 \u2028 \n"))

    (line,) = candidates(tmp_path)

    assert line["feedback"]["note"] == "\ud800 \u2028 \n"


def test_many_at_once_are_all_kept(tmp_path: Path) -> None:
    """Two people's lines never mix."""
    note = "x" * 1900
    said = [Feedback(OPEN, "wrong", note, earlier=(str(number),)) for number in range(40)]
    threads = [Thread(target=keep, args=(tmp_path, one)) for one in said]

    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(list(candidates(tmp_path))) == 40


def test_nothing_said_is_nothing(tmp_path: Path) -> None:
    """An index without feedback has no candidates."""
    assert list(candidates(tmp_path)) == []


def test_damaged_file_hides_no_other(tmp_path: Path) -> None:
    """What a crash left half written is passed over."""
    keep(tmp_path, Feedback(OPEN, "right"))
    (tmp_path / "feedback" / "0.json").write_text("{")

    assert len(list(candidates(tmp_path))) == 1


def test_removed_document_takes_what_was_said_with_it(tmp_path: Path) -> None:
    """What quotes a document goes with it, the rest stays."""
    keep(tmp_path, Feedback(OPEN, "right"))
    keep(tmp_path, Feedback(SILENT, "wrong"))

    forget(tmp_path, {"rules.md"})

    assert [line["question"] for line in candidates(tmp_path)] == ["Why?"]


def test_home_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    """The person who gave feedback hears that it was not kept."""
    with pytest.raises(RagError, match="cannot be kept in"):
        keep(tmp_path / "gone", Feedback(OPEN, "right"))
