"""A question through the handler: what the page shows after each step, and what it remembers."""

import json

import pytest

from rag import Claim, Feedback, RagError, Scope, Turn
from tests.ui.conftest import ScriptedBot, answer, citation
from ui import handlers
from ui.handlers import Wish
from ui.render import Entry, Failure

SUNDAYS = answer(
    "When?", Claim("All may enter on Sundays.", (citation(1, "Anyone may enter on Sundays."),), "supported")
)


def test_answer_grows_and_is_remembered() -> None:
    """The page shows the question at once, then more and more words, at last the checked answer."""
    bot = ScriptedBot({"When?": SUNDAYS})

    views = list(handlers.answer(bot, " When? ", [], Wish()))

    assert "When?" in views[0][0]
    assert [len(view[0]) for view in views[1:-1]] == sorted(len(view[0]) for view in views[1:-1])
    assert 'data-cite="t1c1"' in views[-1][0]
    assert [(entry.question, entry.answer) for entry in views[-1][2] if isinstance(entry, Turn)] == [("When?", SUNDAYS)]


def test_a_page_without_documents_says_how_to_add_some() -> None:
    """Where there are some, it offers questions that they answer."""
    bot = ScriptedBot({})
    begun = handlers.beginning(bot)
    bot.count = 0

    assert "An example?" in begun
    assert "no documents to ask yet" in handlers.beginning(bot)


def test_stop_keeps_what_was_written() -> None:
    """Whenever the stream ends early, the words shown last are among the turns."""
    bot = ScriptedBot({"When?": SUNDAYS})

    steps = handlers.answer(bot, "When?", [], Wish())
    _, _, said, _ = [next(steps) for _ in range(4)][-1]

    assert [entry.answer.text for entry in said if isinstance(entry, Turn)] == ["All may enter"]
    assert "Stopped" in handlers.show(said)[0]


def test_stop_before_the_first_word_keeps_the_question() -> None:
    """It stands there with a word that it was stopped, and may be edited or asked again."""
    _, _, said, _ = next(handlers.answer(ScriptedBot({"When?": SUNDAYS}), "When?", [Turn("Where?", SUNDAYS)], Wish()))

    assert "Stopped before there was an answer." in handlers.show(said)[0]
    assert handlers.last_question(said) == ("When?", [Turn("Where?", SUNDAYS)])


def test_error_is_one_line_and_stays_on_the_page() -> None:
    """A failure is shown below its question without a trace of code, also after the next question."""
    bot = ScriptedBot({"When?": RagError("No index at .rag.\nBuild one: rag ingest."), "Again?": SUNDAYS})

    conversation, _, said, _ = list(handlers.answer(bot, "When?", [], Wish()))[-1]
    later, _, _, _ = list(handlers.answer(bot, "Again?", said, Wish()))[-1]

    assert "No index at .rag. Build one: rag ingest." in conversation
    assert "No index at .rag. Build one: rag ingest." in later


def test_failure_is_no_part_of_what_the_bot_is_told() -> None:
    """The conversation that a follow-up is understood from holds answers only."""
    bot = ScriptedBot({"When?": SUNDAYS})

    list(handlers.answer(bot, "When?", [Failure("Before?", "No index."), Turn("When?", SUNDAYS)], Wish()))

    assert bot.told == [Turn("When?", SUNDAYS)]


def test_empty_question_changes_nothing() -> None:
    """Pressing Enter on blanks asks the bot nothing and shows the same page."""
    past: list[Entry] = [Turn("When?", SUNDAYS)]

    views = list(handlers.answer(ScriptedBot({}), "  \n", past, Wish()))

    assert views == [handlers.show(past)]


def test_history_is_not_written_to() -> None:
    """The turns that came in are the same afterwards: what is remembered is a new list."""
    past: list[Entry] = []

    list(handlers.answer(ScriptedBot({"When?": SUNDAYS}), "When?", past, Wish()))

    assert past == []


def test_scope_and_settings_reach_the_bot() -> None:
    """What the controls say is what is asked."""
    bot = ScriptedBot({"When?": SUNDAYS})
    wish = Wish(paths=("letters/",), types=("pdf",), after="2020", before=" ", passages=9, sentences=1, threshold=0.2)

    list(handlers.answer(bot, "When?", [], wish))

    assert bot.scope == Scope(("letters/",), ("pdf",), "2020")
    assert bot.wanted == {"passages": 9, "sentences": 1, "threshold": 0.2, "written": True}


def test_day_that_is_none_is_told() -> None:
    """A date that cannot be read is an answer in words, not a question that hangs."""
    conversation, *_ = list(handlers.answer(ScriptedBot({}), "When?", [], Wish(after="soon")))[-1]

    assert "not a year, month or day" in conversation


def test_bug_is_told_in_words(caplog: pytest.LogCaptureFixture) -> None:
    """Whatever else goes wrong: the person hears of it, and the server's log says what it was."""
    conversation, *_ = list(handlers.answer(ScriptedBot({}), "Unknown?", [], Wish()))[-1]

    assert "could not be answered" in conversation
    assert "KeyError" in caplog.text


def test_scope_is_described() -> None:
    """The line above the question says which documents are asked."""
    assert Wish().described() == "Asking all documents"
    assert Wish(("a/",), ("pdf",), "2020", "2021").described() == "Asking only: a/, pdf, since 2020, until 2021"


def test_places_are_folders_documents_and_types() -> None:
    """What can be asked alone is offered by name, folders first."""
    paths, types = handlers.places(ScriptedBot({}))

    assert paths == ["letters/", "letters/1921.md", "letters/1922.pdf", "rules.md"]
    assert types == ["md", "pdf"]


def test_conversation_comes_back_as_it_was() -> None:
    """What the browser keeps makes the same page again."""
    said: list[Entry] = [Turn("When?", SUNDAYS)]
    *_, kept = handlers.show(said)
    assert kept is not None

    again = handlers.restore(json.dumps(json.loads(kept)["turns"]))

    assert again == handlers.show(said)


@pytest.mark.parametrize("kept", ["", "{", "[]", "[1]", '[{"question": 1}]', "[" * 9000, "x" * 3_000_000])
def test_what_is_no_conversation_is_an_empty_page(kept: str) -> None:
    """A browser may hand back anything."""
    assert handlers.restore(kept) == handlers.show(())


def test_verdict_is_kept_with_the_questions_before() -> None:
    """Feedback says which answer of which conversation it is of."""
    bot = ScriptedBot({})
    said: list[Entry] = [Turn("Where?", SUNDAYS), Failure("Broken?", "No index."), Turn("When?", SUNDAYS)]

    told = handlers.judge(bot, said, 3, "wrong", "It is Monday.")

    assert bot.kept == [Feedback(SUNDAYS, "wrong", "It is Monday.", ("Where?",))]
    assert told == "Kept: wrong with your note."


@pytest.mark.parametrize(("number", "verdict"), [(0, "right"), (2, "right"), (9, "right"), (1, "excellent")])
def test_verdict_on_nothing_is_not_kept(number: int, verdict: str) -> None:
    """A number that is no answer's, or a verdict that is none, changes nothing."""
    bot = ScriptedBot({})

    told = handlers.judge(bot, [Turn("When?", SUNDAYS), Failure("Broken?", "No index.")], number, verdict, "")

    assert bot.kept == []
    assert told == "That answer is no longer on the page."


def test_why_shows_the_steps() -> None:
    """The trace names what was looked up, found and decided; of what is no answer there is none."""
    bot = ScriptedBot({"When?": SUNDAYS})

    shown = handlers.why(bot, [Turn("When?", SUNDAYS)], 1, Wish(threshold=0.7))

    for words in ("Why this answer", "House rules", "probability of 0.90", "below 0.70", "supported"):
        assert words in shown
    assert handlers.why(bot, [Failure("Broken?", "No index.")], 1, Wish()) == ""


def test_why_is_told_from_what_the_answer_kept() -> None:
    """An answer given on this page is not looked up again: what it came from came with it."""
    bot = ScriptedBot({"When?": SUNDAYS})
    *_, (_, _, said, _) = handlers.answer(bot, "When?", [], Wish())
    bot.script = {}

    shown = handlers.why(bot, said, 1, Wish(threshold=0.1))

    assert "below 0.70" in shown  # as it was when it was decided
    assert "looked up again" not in shown


def test_why_of_a_kept_conversation_says_what_is_missing() -> None:
    """The browser keeps answers without what they came from, so they are looked up again, and that is said."""
    bot = ScriptedBot({"When?": SUNDAYS})
    *_, kept = handlers.show(list(handlers.answer(bot, "When?", [], Wish()))[-1][2])
    assert kept is not None
    _, _, said, _ = handlers.restore(json.dumps(json.loads(kept)["turns"]))

    shown = handlers.why(bot, said, 1, Wish())

    assert "looked up again" in shown
    assert "House rules" in shown
    assert bot.wanted["written"] is False  # so that no language model rewrites the question once more


def test_last_question_can_be_taken_back() -> None:
    """Editing or asking again begins from before it."""
    first, second = Turn("Where?", SUNDAYS), Turn("When?", SUNDAYS)

    assert handlers.last_question([first, second]) == ("When?", [first])
    assert handlers.last_question([]) == ("", [])


def test_follow_ups_are_offered_after_an_answer_only() -> None:
    """Where nothing was answered there is nothing to go on from."""
    bot, turn = ScriptedBot({}), Turn("When?", SUNDAYS)

    offered = handlers.follow_ups(bot, [turn], Wish())

    assert 'data-ask="And on Mondays?"' in offered
    assert handlers.follow_ups(bot, [turn, Failure("Broken?", "No index.")], Wish()) == ""
    assert handlers.follow_ups(bot, [], Wish()) == ""
