"""The pairs of claims and passages: how they are made, and what the verifier makes of them."""

import random
from collections import Counter

import pytest

import rag
from eval import claims, falsify
from eval.claims import KINDS, Pair, Tally
from rag.models.embed import OnnxEncoder
from tests.fakes import hash_encode

TEXT = (
    "# Visits\n\nOn 18 June 2023 Anna Blum visited Carl Dorn in Oslo for 35 minutes. Anna Blum said that the talks in"
    " Oslo had lasted more than 5 hours. Carl Dorn said that nothing was agreed in Oslo before the evening.\n\n"
    "Erik Falk arrived in Oslo on 3 May 2022 with 12 ships and 40 sailors. Erik Falk said that the harbour of Oslo was"
    " closed to larger ships. The harbour was opened again in Oslo on 9 May 2022.\n\n"
)
DOCUMENTS = [
    rag.SourceDocument("visits.md", "Visits", "2023-06-20", TEXT, ()),
    rag.SourceDocument("ships.md", "Ships", None, TEXT.replace("Oslo", "Bergen").replace("Anna", "Oslo"), ()),
]


def test_the_set_is_large_and_balanced() -> None:
    """At least 400 pairs, in each kind as many false as true, and enough of every kind in both halves."""
    pairs = claims.read()

    counts = Counter((pair.kind, pair.split, pair.supported) for pair in pairs)
    both = Counter((pair.kind, pair.supported) for pair in pairs)
    assert len(pairs) >= 400
    assert all(both[kind, True] == both[kind, False] for kind in KINDS)
    assert min(counts[kind, split, side] for kind in KINDS for split in ("dev", "test") for side in (True, False)) >= 30


def test_a_true_claim_may_be_verbatim_and_a_false_one_never_is() -> None:
    """No false claim stands in its passage."""
    pairs = claims.read()

    assert [pair.id for pair in pairs if not pair.supported and pair.claim in pair.passage] == []
    assert any(pair.supported and pair.claim in " ".join(pair.passage.split()) for pair in pairs)


def test_the_same_documents_make_the_same_pairs() -> None:
    """Chance has a seed, and the half that a pair is in follows from its passage."""
    first, second = claims.make(DOCUMENTS), claims.make(DOCUMENTS)

    assert first == second
    assert {pair.kind for pair in first} >= {"number", "date", "negation", "attribution", "swap"}
    halves = {(pair.passage, pair.split) for pair in first}
    assert len(halves) == len({passage for passage, _ in halves})


@pytest.mark.parametrize(
    ("rule", "sentence"),
    [
        (falsify.number_changed, "They talked for 35 minutes."),
        (falsify.date_changed, "They met on 18 June 2023."),
        (falsify.denied, "The talks were held in Oslo."),
        (falsify.denied, "Nothing was said, and it did not help."),
    ],
)
def test_a_rule_changes_one_thing(rule: falsify.Rule, sentence: str) -> None:
    """What comes out differs from the sentence in few words."""
    said = rule(sentence, random.Random(1))

    assert said is not None
    assert said != sentence
    assert len(set(said.split()) ^ set(sentence.split())) <= 3


def test_a_rule_leaves_alone_what_it_does_not_fit() -> None:
    """A sentence without a number, a date or a speaker gives no claim of that kind."""
    sentence = "They met in June 2023 and he left."

    assert falsify.number_changed(sentence, random.Random(1)) is None
    assert falsify.date_changed("They met again.", random.Random(1)) is None
    assert falsify.misattributed(sentence, ["Anna"], random.Random(1)) is None


def test_other_words_keep_every_date() -> None:
    """A date written the other way round is the same date, and a range of days is left as it is."""
    chance = random.Random(3)

    assert falsify.reworded("They met on 18 June 2023.", chance) == "They met on June 18, 2023."
    assert falsify.reworded("They met from 18 to 19 June.", chance) is None


def test_who_said_it_is_changed() -> None:
    """Another speaker, or the two of an act turned round."""
    chance = random.Random(1)

    assert falsify.misattributed("Blum said that it rained.", ["Blum", "Dorn"], chance) == "Dorn said that it rained."
    assert falsify.misattributed("Blum received Dorn.", ["Blum", "Dorn"], chance) == "Dorn received Blum."


def test_figures_count_both_ways_to_be_wrong() -> None:
    """A false claim shown as supported is not found; a true one that is not shown so is a false alarm."""
    passage = "Xi received Blinken for 35 minutes."
    said = [(passage, True), ("Xi received Blinken for 45 minutes.", False), ("Nancy opened a museum of glass.", True)]
    pairs = [Pair("a", "number", "verbatim", "dev", "a.md", "", None, passage, claim, side) for claim, side in said]

    tallies, _ = claims.measure(pairs, hash_encode)

    assert tallies["number"] == tallies["all"] == Tally(false=1, found=1, true=2, alarms=1)


def test_an_interval_has_a_width_where_all_were_found() -> None:
    """Wilson's interval of 10 of 10 is .722 to 1, of 5 of 10 .237 to .763."""
    assert claims.wilson(10, 10) == pytest.approx((0.7225, 1.0), abs=1e-3)
    assert claims.wilson(5, 10) == pytest.approx((0.2366, 0.7634), abs=1e-3)


@pytest.mark.slow
def test_every_kind_of_false_claim_is_found() -> None:
    """Of a third of the pairs that nothing was chosen by: at least .90 of each kind found, at most .10 false alarms."""
    test = [pair for pair in claims.read() if pair.split == "test"]

    tallies, _ = claims.measure(random.Random(1).sample(test, len(test) // 3), OnnxEncoder())

    assert set(tallies) == {*KINDS, "all"}
    assert min(min(tally.false, tally.true) for tally in tallies.values()) >= 10
    assert {kind: tally.found / tally.false for kind, tally in tallies.items() if tally.found < 0.9 * tally.false} == {}
    assert {kind: tally.alarms / tally.true for kind, tally in tallies.items() if tally.alarms > 0.1 * tally.true} == {}
