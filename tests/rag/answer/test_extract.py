"""Which of the weighed sentences are quoted, and in which order."""

from collections.abc import Sequence

from rag.answer.abstain import weights
from rag.answer.extract import choose, rate
from rag.models.embed import Vectors
from rag.models.reader import Reading
from rag.schema import Passage, Span, Weighed
from tests.fakes import hash_encode


def weighed(text: str, score: float, *, document: str = "a.md", start: int = 0) -> Weighed:
    """A sentence at its place."""
    return Weighed(Span(document, start, start + len(text)), text, {}, score)


def quoted(*sentences: Weighed, most: int = 3, margin: float = 2.0, differing: Weighed | None = None) -> list[str]:
    """The text of those chosen."""
    best = sorted(sentences, key=lambda one: -one.score)
    return [draft.text for draft in choose(best, most=most, margin=margin, differing=differing)]


ARCHIVE = weighed("Anna Weber opened the archive in spring.", 1.0)
HARBOUR = weighed("Peter Novak repaired the harbour crane.", 0.5, document="b.md")
THEATRE = weighed("The mayor sold a theatre to the brewery.", -0.5, start=100)
FAR = weighed("Nobody counted any ships on that Monday.", -1.5, start=200)


def test_as_many_as_are_near_the_best_and_no_more_than_wanted() -> None:
    """Those of one document together, in its order; documents by their best."""
    assert quoted(ARCHIVE, HARBOUR, THEATRE, FAR) == [ARCHIVE.text, THEATRE.text, HARBOUR.text]
    assert quoted(ARCHIVE, HARBOUR, THEATRE, FAR, margin=1.0) == [ARCHIVE.text, HARBOUR.text]
    assert quoted(ARCHIVE, HARBOUR, THEATRE, FAR, most=1) == [ARCHIVE.text]
    assert quoted() == []


def test_what_was_said_already_is_not_said_again() -> None:
    """Sentences that share most of their words; the better one stays."""
    again = weighed("In spring Anna Weber opened the archive again.", 0.8, document="b.md")

    assert quoted(ARCHIVE, again) == [ARCHIVE.text]


def test_one_that_says_otherwise_is_said_too() -> None:
    """However alike it is, and however few are wanted."""
    otherwise = weighed("Anna Weber never opened the archive in spring.", -1.0, document="b.md")

    assert quoted(ARCHIVE, otherwise, most=1, differing=otherwise) == [ARCHIVE.text, otherwise.text]


def test_a_pronoun_brings_the_sentence_that_names_whom_it_means() -> None:
    """The one before, or before that where it points back too; read in their order."""
    named = weighed("Clara Hofer led the choir for years.", -9.0)
    between = weighed("She was strict about it.", -8.0, start=len(named.text) + 1)
    pronoun = weighed("She resigned in the autumn of 1931.", 2.0, start=between.span.end + 1)

    assert quoted(named, pronoun, most=1) == [pronoun.text]
    assert quoted(named, between, pronoun, most=1) == [named.text, pronoun.text]
    assert quoted(named, between, most=1) == [named.text, between.text]


def test_no_pronoun_brings_nothing() -> None:
    """Nor does one whose name is too far off to be its own."""
    before = weighed("The choir sang.", -9.0)
    plain = weighed("Clara Hofer resigned in the autumn.", 1.0, start=len(before.text) + 1)
    far = weighed("She resigned in the autumn of 1931.", 1.0, start=500)

    assert quoted(before, plain, most=1) == [plain.text]
    assert quoted(before, far, most=1) == [far.text]


def test_short_lines_that_say_something_are_weighed() -> None:
    """What is asked for, and the items of a list; a label says nothing, and what is not asked for neither."""
    text = (
        "The boardroom\n\nAbsent: Jonas Hale\n\nChair: Anna Weber\n\nTwo chairs\n\nOn the table:\n\n- water\n- two cups"
    )
    passage = Passage(Span("a.md", 0, len(text)), text, "Room", 1.0, None)

    found = rate(
        "Who was absent?", [passage], {}, encode=hash_encode, rarity=lambda term: 1.0, weights=weights()["sentence"]
    )

    assert {one.text for one in found} == {"Absent: Jonas Hale", "On the table:", "- water", "- two cups"}


def test_rows_of_a_table_add_to_one_another_where_several_are_asked_for() -> None:
    """They share the names of their columns; twice as many are told. Elsewhere the best one is enough."""
    rows = [
        weighed(
            f"Product: {name}; Price (EUR): {price}; Support: by telephone around the clock.", 1.0 - 0.1 * at, start=at
        )
        for at, (name, price) in enumerate(zip("Atlas Beacon Crow Dove Egret".split(), range(9, 50, 9), strict=True))
    ]

    told = [choose(rows, most=2, margin=2.0, several=several) for several in (True, False)]

    assert [[draft.text for draft in drafts] for drafts in told] == [[row.text for row in rows[:4]], [rows[0].text]]


def test_the_row_that_the_question_names_comes_first() -> None:
    """However well another one of its table reads; rows of another table and prose are left where they are."""
    lines = [
        "Year: 2020; Ships: 40; Boats: 4.",
        "Year: 2023; Ships: 52; Boats: 5.",
        "Port: Bergen; Ships: 9; Boats: 1.",
    ]
    text = "\n".join([*lines, "Ships are counted by the keeper."])
    passage = Passage(Span("a.md", 0, len(text)), text, "Ships", 1.0, None)
    liked = {
        Span("a.md", start, start + len(line)): Reading(start, start + len(line), 4.0 - at, (0, 0), 4.0 - at)
        for at, line in enumerate(lines)
        for start in [text.index(line)]
    }

    def first(question: str) -> str:
        rarity, fitted = (lambda term: 1.0), weights()["sentence"]
        return rate(question, [passage], liked, encode=hash_encode, rarity=rarity, weights=fitted)[0].text

    assert first("How many ships came in 2023?") == lines[1]
    assert first("How many ships came?") == lines[0]


def test_those_that_little_speaks_for_are_not_encoded() -> None:
    """They are weighed by their other signs, and stand behind."""
    lines = [f"Number {number} of the harbour's cranes was repaired." for number in range(12)]
    text = " ".join(lines)
    starts = [text.index(line) for line in lines]
    passage = Passage(Span("a.md", 0, len(text)), text, "Cranes", 1.0, None)
    liked = {
        Span("a.md", start, start + len(line)): Reading(start, start + len(line), float(rank), (0, 0), float(rank))
        for rank, (start, line) in enumerate(zip(starts, lines, strict=True))
    }
    encoded: list[str] = []

    def encode(texts: Sequence[str]) -> Vectors:
        encoded.extend(texts)
        return hash_encode(texts)

    found = rate(
        "Which crane?", [passage], liked, encode=encode, rarity=lambda term: 1.0, weights=weights()["sentence"]
    )

    assert sorted(encoded) == sorted(["Which crane?", *(f"Cranes.  {line}" for line in lines[4:])])
    assert {one.text for one in found} == set(lines)
    assert [one.text for one in found if "likeness" not in one.signs] == lines[3::-1]
