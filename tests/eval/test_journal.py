"""A killed evaluation goes on where it was."""

import json
from pathlib import Path

import rag
from eval.journal import Journal, name_of
from tests.eval.notebook import QUESTIONS


def test_what_was_kept_is_there_after_a_kill(tmp_path: Path) -> None:
    """Every whole line; the one that the kill cut off is asked again."""
    path = tmp_path / "evaluations" / "unfinished"
    journal = Journal(path, "a")
    journal.keep({"id": "q1", "question": "Café?\u2028\ud800"})
    journal.keep({"id": "q2"})
    path.write_text(path.read_text(encoding="utf-8")[:-3], encoding="utf-8")

    resumed = Journal(path, "a")

    assert resumed.records == {"q1": {"id": "q1", "question": "Café?\u2028\ud800"}}
    assert len(path.read_text(encoding="utf-8").split("\n")) == 3  # whole lines only, and what comes next stands alone


def test_the_records_of_another_run_are_dropped(tmp_path: Path) -> None:
    """Other questions or settings give other answers."""
    Journal(tmp_path / "unfinished", "a").keep({"id": "q1"})

    other = Journal(tmp_path / "unfinished", "b")

    assert other.records == {}
    assert json.loads((tmp_path / "unfinished").read_text()) == {"run": "b"}


def test_a_run_is_named_by_all_that_can_change_it(tmp_path: Path) -> None:
    """Questions, settings and the catalog of the index; the same of all is the same run."""
    settings = rag.Settings(home=tmp_path)
    before = name_of(QUESTIONS, settings)

    others = [name_of(QUESTIONS[1:], settings), name_of(QUESTIONS, rag.Settings(home=tmp_path, passages=1))]
    again = name_of(QUESTIONS, settings)
    (tmp_path / "catalog.db").write_text("changed")

    assert again == before
    assert len({before, *others, name_of(QUESTIONS, settings)}) == 4
