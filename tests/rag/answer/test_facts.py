"""What two sentences say that can be compared without a model."""

import pytest

from rag.answer.facts import contradict, facts, misattributes, missing_numbers


@pytest.mark.parametrize(
    ("claim", "cited"),
    [
        ("The first pieces went to Virginia.", "The last pieces went to Virginia."),
        ("He left before the talks.", "He left after the talks."),
        ("Exports rose in May.", "Exports fell in May."),
        ("The place mentioned is not Oslo.", "The place mentioned is Oslo."),
        ("The talks were not held.", "The talks were held."),
    ],
)
def test_opposites_and_denials_contradict(claim: str, cited: str) -> None:
    """One word for its opposite denies as "not" does, before a name too."""
    assert contradict(facts(claim), facts(cited))
    assert contradict(facts(cited), facts(claim))


@pytest.mark.parametrize(
    ("claim", "cited"),
    [
        ("He left before the talks.", "He left before noon, after the meal and before the talks."),
        ("The first talks were in Oslo.", "The talks in Oslo were the first and the last."),
        ("Li could not be met.", "The talks with Li could not be met."),
    ],
)
def test_a_word_beside_its_opposite_contradicts_nothing(claim: str, cited: str) -> None:
    """Only a word that is missing is denied by its opposite."""
    assert not contradict(facts(claim), facts(cited))


@pytest.mark.parametrize(
    ("claim", "missing"),
    [
        ("Eight pandas left.", {"8"}),
        ("They left on November 8.", set()),
        ("They left on 8 to 9 November.", {"day 9"}),
        ("Three pandas left on the 8th.", set()),
    ],
)
def test_a_day_of_a_month_counts_nothing(claim: str, missing: set[str]) -> None:
    """Eight of something do not stand in "8 November"; the day does, however it is written."""
    assert missing_numbers(facts(claim), facts("Three pandas left on 8 November.")) == missing


@pytest.mark.parametrize(
    ("claim", "cited"),
    [
        ("Dorn said that it rained.", "Blum said that it rained."),
        ("Dorn said that it rained.", "It rained on Dorn."),
        ("According to Dorn, it rained.", "Blum told Dorn that it rained."),
        ("Dorn received Blum.", "Blum received Dorn."),
        ("Blum was received by Dorn.", "Blum received Dorn."),
    ],
)
def test_what_another_said_or_did_is_misattributed(claim: str, cited: str) -> None:
    """Said by someone else, by the document itself, or done the other way round."""
    assert misattributes(facts(claim), facts(cited))


@pytest.mark.parametrize(
    ("claim", "cited"),
    [
        ("Dorn said that it rained.", "Dorn complained of the rain."),
        ("Dorn said that it rained.", "Dorn came late.\nHe said that it rained."),
        ("It rained.", "Blum said that it rained."),
        ("Dorn was received by Blum.", "Blum received Dorn."),
        ("Dorn met Blum.", "Blum met Dorn."),
        ("Dorn announced it on Monday.", "Dorn made it public on Monday."),
        ("Dorn told Blum that it rained.", "On 14 June, Oslo time, Dorn told Blum that it rained."),
    ],
)
def test_what_one_said_otherwise_is_not(claim: str, cited: str) -> None:
    """Another verb of saying, a pronoun, no speaker named, or an act that goes both ways."""
    assert not misattributes(facts(claim), facts(cited))


def test_addresses_are_facts() -> None:
    """Of pages and mailboxes, without the stop after them; a picture's markup does not hide one."""
    found = facts("See https://a.example/x?q=1. Write to b@c.example or ![p](http://d.example/p.png).")

    assert found.addresses == {"https://a.example/x?q=1", "b@c.example", "http://d.example/p.png"}


@pytest.mark.parametrize("hour", ["noon", "midnight", "one", "ten"])
def test_an_hour_is_a_number(hour: str) -> None:
    """It opens at nine, and at no other hour however it is called; "one of them" counts nothing."""
    assert missing_numbers(facts(f"One of them opens at {hour}."), facts("One of them opens at nine."))
    assert not missing_numbers(facts("One of them opens."), facts("It opens at nine."))
