"""A question through the handler: what the page shows after each step, and what it remembers."""

from rag import Claim, RagError, Turn
from tests.ui.conftest import ScriptedBot, answer, citation
from ui import handlers
from ui.render import Entry, Failure

SUNDAYS = answer(
    "When?", Claim("All may enter on Sundays.", (citation(1, "Anyone may enter on Sundays."),), "supported")
)


def test_answer_grows_and_is_remembered() -> None:
    """The page shows the question at once, then more and more words, at last the checked answer."""
    bot = ScriptedBot({"When?": SUNDAYS})

    views = list(handlers.answer(bot, " When? ", []))

    assert "When?" in views[0][0]
    assert [len(view[0]) for view in views[1:-1]] == sorted(len(view[0]) for view in views[1:-1])
    assert 'data-cite="t1c1"' in views[-1][0]
    assert views[-1][2] == [Turn("When?", SUNDAYS)]


def test_stop_keeps_what_was_written() -> None:
    """Whenever the stream ends early, the words shown last are among the turns."""
    bot = ScriptedBot({"When?": SUNDAYS})

    steps = handlers.answer(bot, "When?", [])
    _, _, said = [next(steps) for _ in range(4)][-1]

    assert [entry.answer.text for entry in said if isinstance(entry, Turn)] == ["All may enter"]
    assert "Stopped" in handlers.show(said)[0]


def test_error_is_one_line_and_stays_on_the_page() -> None:
    """A failure is shown below its question without a trace of code, also after the next question."""
    bot = ScriptedBot({"When?": RagError("No index at .rag.\nBuild one: rag ingest."), "Again?": SUNDAYS})

    conversation, _, said = list(handlers.answer(bot, "When?", []))[-1]
    later, _, _ = list(handlers.answer(bot, "Again?", said))[-1]

    assert "No index at .rag. Build one: rag ingest." in conversation
    assert "No index at .rag. Build one: rag ingest." in later


def test_failure_is_no_part_of_what_the_bot_is_told() -> None:
    """The conversation that a follow-up is understood from holds answers only."""
    bot = ScriptedBot({"When?": SUNDAYS})

    list(handlers.answer(bot, "When?", [Failure("Before?", "No index."), Turn("When?", SUNDAYS)]))

    assert bot.told == [Turn("When?", SUNDAYS)]


def test_empty_question_changes_nothing() -> None:
    """Pressing Enter on blanks asks the bot nothing and shows the same page."""
    past: list[Entry] = [Turn("When?", SUNDAYS)]

    views = list(handlers.answer(ScriptedBot({}), "  \n", past))

    assert views == [handlers.show(past)]


def test_history_is_not_written_to() -> None:
    """The turns that came in are the same afterwards: what is remembered is a new list."""
    past: list[Entry] = []

    list(handlers.answer(ScriptedBot({"When?": SUNDAYS}), "When?", past))

    assert past == []
