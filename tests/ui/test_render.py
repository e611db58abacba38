"""What a reader sees, as HTML; and that nothing but our own elements can be in it."""

from dataclasses import replace
from html.parser import HTMLParser

import pytest

from rag import Answer, Citation, Claim, Passage, Span, Turn
from tests.ui.conftest import TEXT, answer, citation, passage
from tests.ui.hostile import HOSTILE
from ui import render
from ui.markup import safe
from ui.render import Failure

QUOTE = "Anyone may enter on Sundays."


class Seen(HTMLParser):
    """The tags and attributes of some HTML, and the text of each <mark>."""

    def __init__(self, markup: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, tuple[str, ...]]] = []
        self.attributes: list[tuple[str, str | None]] = []
        self.text: list[str] = []
        self.marks: list[str] = []
        self._marking = False
        self.feed(markup)

    def values(self, attribute: str) -> list[str]:
        """Every value of an attribute, in the order of the page."""
        return [value or "" for name, value in self.attributes if name == attribute]

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Write the tag down."""
        self.tags.append((tag, tuple(name for name, _ in attrs)))
        self.attributes.extend(attrs)
        if tag == "mark":
            self._marking = True
            self.marks.append("")

    def handle_endtag(self, tag: str) -> None:
        """Leave the mark."""
        self._marking = self._marking and tag != "mark"

    def handle_data(self, data: str) -> None:
        """Write the words down, those in a mark also there."""
        self.text.append(data)
        if self._marking:
            self.marks[-1] += data


def cited(text: str = "All may enter on Sundays.", *, quote: str = QUOTE) -> Turn:
    """A turn whose answer is one sentence with one citation."""
    return Turn("When?", answer("When?", Claim(text, (citation(1, quote),), "supported")))


def hostile_turns(words: str) -> list[Turn]:
    """An answered and an abstained turn in which everything that can be foreign is `words`."""
    source = Passage(Span(f"{words}.txt", 0, len(words)), words, words, 1.0, 3)  # shown letter for letter
    quote = Citation(1, source.span, words, 3)
    claims = tuple(Claim(words, (quote,), verdict) for verdict in ("supported", "weak", "unsupported"))
    said = Answer(words, words, claims, (source,), False, 0.5, words * 2)
    declined = Answer(words, words, (), (source,), True, 0.1, words * 2, nearest=(quote,))
    return [Turn(words, said), Turn(words, declined)]


def test_items_of_a_list_begin_lines() -> None:
    """As they do in the answer's text."""
    claims = tuple(Claim(words, (citation(1, QUOTE),), "supported") for words in ("It has:", "- oil", "- oil."))
    turn = Turn("What?", Answer("What?", "It has:\n- oil\n- oil.", claims, (), False, 0.9, "What?"))

    lines = render.conversation([turn]).split("<br>")

    assert [line.count('class="claim"') for line in lines] == [1, 1, 1]


def test_marker_leads_to_the_cited_words() -> None:
    """The key on a marker is on exactly the quoted words, and on the number beside them; both name their place."""
    turn = cited()

    conversation, sources = Seen(render.conversation([turn])), Seen(render.sources([turn]))

    assert sources.marks == [QUOTE]
    assert conversation.values("data-cite") == sources.values("data-cited") == sources.values("data-cite")
    assert (conversation.values("data-document"), conversation.values("data-place")) == (["rules.md"], ["28-56"])


def test_marker_says_its_source_aloud() -> None:
    """A marker is labelled with its number and title, and carries quote and page for its tip."""
    source = passage(title="House rules")
    claim = Claim("Sundays.", (citation(2, QUOTE, source=source, page=4),), "supported")

    shown = Seen(render.conversation([Turn("When?", answer("When?", claim))]))

    assert "Citation 2: House rules" in shown.values("aria-label")
    assert f"“{QUOTE}” House rules, page 4" in shown.values("data-tip")


def test_highlight_counts_from_the_passage() -> None:
    """A passage from the middle of a document has the same words highlighted as the document would."""
    source = passage(start=500)
    claim = Claim("Sundays.", (citation(1, QUOTE, source=source),), "supported")

    shown = Seen(render.sources([Turn("When?", answer("When?", claim, passages=[source]))]))

    assert shown.marks == [QUOTE]
    assert TEXT in "".join(shown.text)


def test_overlapping_citations_each_keep_their_words() -> None:
    """Where two quotes overlap, the pieces that carry a citation's key still spell its quote."""
    first, second = citation(1, "opened in 1921. Anyone"), citation(2, "1921. Anyone may enter")
    turn = Turn("When?", answer("When?", Claim("In 1921.", (first, second), "supported")))

    shown = Seen(render.sources([turn]))

    keys = shown.values("data-cited")
    for quote in (first, second):
        pieces = [words for words, key in zip(shown.marks, keys, strict=True) if f"t1c{quote.marker}" in key.split()]
        assert "".join(pieces) == quote.quote


def test_same_passage_is_shown_once() -> None:
    """Two citations of one passage share its card, which carries both numbers."""
    first, second = citation(1, "The archive opened in 1921."), citation(2, QUOTE)
    turn = Turn("When?", answer("When?", Claim("Both.", (first, second), "supported")))

    shown = Seen(render.sources([turn]))

    assert [tag for tag, _ in shown.tags].count("article") == 1
    assert shown.values("data-cite") == ["t1c1", "t1c2"]


def test_citation_outside_every_passage_is_still_shown() -> None:
    """Cited words that no passage holds get a card of their own, highlighted whole."""
    elsewhere = Citation(1, Span("other.md", 7, 12), "other", 2)
    turn = Turn("When?", answer("When?", Claim("Other.", (elsewhere,), "supported")))

    shown = Seen(render.sources([turn]))

    assert shown.marks == ["other"]
    assert "other.md, page 2" in "".join(shown.text)


def test_a_source_is_shown_with_what_its_file_says_of_itself() -> None:
    """Date, author and address, where there are any, as words only."""
    told = replace(passage(), date="2023-06-19", author="Ann <b>Lee</b>", source="https://example.org/a?b&c")

    shown = Seen(render.sources([Turn("When?", answer("When?", passages=[told]))]))

    assert "2023-06-19, Ann <b>Lee</b>, https://example.org/a?b&c" in "".join(shown.text)
    assert not [tag for tag, _ in shown.tags if tag in ("a", "b")]


def test_keys_differ_between_turns() -> None:
    """The first citation of two answers has two keys, so that a marker never leads to another answer's words."""
    turns = [cited(), cited()]

    conversation, sources = Seen(render.conversation(turns)), Seen(render.sources(turns))

    assert conversation.values("data-cite") == ["t1c1", "t2c1"]
    assert sources.values("data-cited") == ["t2c1", "t1c1"]


@pytest.mark.parametrize(("verdict", "label"), [("weak", "weakly supported"), ("unsupported", "not supported")])
def test_less_than_supported_is_said(verdict: str, label: str) -> None:
    """A sentence that is not supported carries its verdict as a class and in words."""
    claim = Claim("Bring a torch.", (), verdict)  # type: ignore[arg-type]

    shown = render.conversation([Turn("What?", answer("What?", claim))])

    assert f'class="claim {verdict}"' in shown
    assert label in shown


def test_the_words_that_answer_are_bold() -> None:
    """Inside their sentence, and escaped as the rest of it."""
    claim = Claim("Open <on> Sundays & Mondays.", (citation(1, QUOTE),), "supported", marked=(5, 17))

    markup = render.conversation([Turn("When?", answer("When?", claim))])

    assert "Open <b>&lt;on&gt; Sundays</b> &amp; Mondays." in markup


def test_supported_sentence_has_no_label() -> None:
    """A supported sentence stands without a verdict."""
    shown = render.conversation([cited()])

    assert "verdict" not in shown


def test_abstained_says_so_and_cites_nothing() -> None:
    """When the documents do not say, the answer says that, and the nearest passages carry no numbers."""
    turn = Turn("Who?", answer("Who?"))

    conversation, sources = render.conversation([turn]), render.sources([turn])

    assert render.NOT_SAID in conversation
    assert "Nearest passages" in sources
    assert TEXT in sources
    assert not {"data-cite", "data-back", "data-cited"} & {name for name, _ in Seen(conversation + sources).attributes}


def test_the_nearest_sentence_is_no_answer() -> None:
    """It stands apart from what the answer says, with a marker that leads to its words among the nearest passages."""
    source, other = passage(), passage("Nothing.", document_id="b.md")
    declined = replace(answer("Who?", passages=(other, source)), nearest=(citation(1, QUOTE, source=source),))
    turn = Turn("Who?", declined)

    conversation, sources = Seen(render.conversation([turn])), Seen(render.sources([turn]))

    said, near = conversation.text.index(render.NOT_SAID), conversation.text.index(f"{render.NEAREST} ")
    assert near > said
    assert f"“{QUOTE}”" in conversation.text
    assert conversation.values("data-cite") == ["t1c1"]
    assert sources.marks == [QUOTE]
    assert "Nothing." in sources.text


@pytest.mark.parametrize(
    ("confidence", "words", "figure"), [(0.93, "High", "93%"), (0.7, "Fair", "70%"), (0.2, "Low", "20%")]
)
def test_confidence_is_in_words_with_the_figure_behind(confidence: float, words: str, figure: str) -> None:
    """The reader sees a word; the tip has the number."""
    said = answer("When?", Claim("Sundays.", (), "supported"), confidence=confidence)

    shown = Seen(render.conversation([Turn("When?", said)]))

    assert f"{words} confidence" in shown.text
    assert figure in shown.values("data-tip")[0]


@pytest.mark.parametrize("asked", ["", "And why?", "And why? (Who <b>left</b>?)"])
def test_what_was_looked_up_is_shown_where_it_is_not_the_question(asked: str) -> None:
    """Beside the answer, already while it is written, and as words only."""
    said = replace(answer("And why?", Claim("Sundays.", (), "supported")), asked=asked)

    for shown in (render.conversation([Turn("And why?", said)]), render.writing([], "And why?", said)):
        told = [words for words in Seen(shown).text if "(Who" in words or "Understood" in words]
        assert told == (["Understood as: ", asked] if "(" in asked else [])


def test_unfinished_answer_is_busy_and_unmarked() -> None:
    """While an answer is written, screen readers are told to wait, and no word of it carries a marker."""
    draft = Answer("When?", "On Sun", (), (), False, 0.5)

    shown = render.writing([], "When?", draft)

    assert 'aria-busy="true"' in shown
    assert "On Sun" in shown
    assert "citation" not in shown


def test_stopped_answer_says_that_it_is_unchecked() -> None:
    """An answer that was stopped keeps its words and says that nothing in it was checked."""
    draft = Answer("When?", "On Sun", (), (), False, 0.5)

    shown = render.conversation([Turn("When?", draft)])

    assert "On Sun" in shown
    assert "Stopped before it was checked" in shown


@pytest.mark.parametrize("words", HOSTILE)
def test_no_element_comes_out_of_foreign_words(words: str) -> None:
    """Whatever document, title, file name, question and model say, the elements are those of harmless words."""
    harmless, hostile = hostile_turns("harmless words"), hostile_turns(words)

    for view in (render.conversation, render.sources):
        assert Seen(view(hostile)).tags == Seen(view(harmless)).tags
    failures = [[render.Failure(question, question)] for question in (words, "harmless words")]
    assert Seen(render.conversation(failures[0])).tags == Seen(render.conversation(failures[1])).tags
    assert (
        Seen(render.writing([], words, hostile[0].answer)).tags
        == Seen(render.writing([], "x", harmless[0].answer)).tags
    )


@pytest.mark.parametrize("words", [words for words in HOSTILE if "\x00" not in words])
def test_foreign_words_are_shown_as_they_are(words: str) -> None:
    """Escaping loses nothing: the highlighted words are the hostile ones, character by character."""
    shown = Seen(render.sources(hostile_turns(words)[:1]))

    assert shown.marks == [words]


def test_unknown_elements_do_not_pass_even_unescaped() -> None:
    """The second wall stands by itself: what was never escaped loses every tag, attribute and class but ours."""
    shown = safe('<p class="note evil" onclick="x()" id="y">a<script>b</script><img src="https://example.org/c"></p>')

    assert shown == '<p class="note">a<img></p>'


def test_answers_can_be_acted_on_and_the_last_question_put_again() -> None:
    """Every answer can be copied, judged and explained; only the last question can be asked again or edited."""
    shown = Seen(render.conversation([cited(), Failure("Broken?", "No index.")]))

    acts = shown.values("data-act")

    assert acts == ["copy", "link", "why", "right", "wrong", "wrong citation", "again", "edit"]


def test_what_a_reader_must_know_of_an_answer_is_said() -> None:
    """That sentences were taken out, or that the documents' words stand in for a model that failed."""
    said = replace(cited().answer, remark="One sentence was taken out: <b>nothing</b> supports it.")

    shown = render.conversation([Turn("When?", said)])

    assert "One sentence was taken out: &lt;b&gt;nothing&lt;/b&gt; supports it." in shown


def test_tip_says_the_date() -> None:
    """Whoever hovers over a marker sees how old its source is."""
    source = replace(passage(), date="1921-05-01")
    claim = Claim("Sundays.", (citation(1, QUOTE, source=source),), "supported")

    shown = Seen(render.conversation([Turn("When?", answer("When?", claim, passages=[source]))]))

    assert shown.values("data-tip")[0].endswith("House rules, 1921-05-01")


@pytest.mark.parametrize("words", HOSTILE)
def test_hostile_questions_and_facts_stay_words(words: str) -> None:
    """Examples come from documents, and a model's name from whoever set it: both are only text."""
    shown = Seen(render.questions("Ask", [words]) + render.facts({"Model": words}) + render.problem(words))

    assert {tag for tag, _ in shown.tags} <= {"p", "div", "button", "bdi", "table", "tbody", "tr", "th", "td"}
    assert {name for name, _ in shown.attributes} <= {"class", "type", "data-ask"}
