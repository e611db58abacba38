"""Chunks are exact slices that cover the document, fit the embedder and know where they stand."""

import re
from collections.abc import Sequence
from itertools import pairwise

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from llama_index.core.schema import Document, MetadataMode, TextNode

from rag.chunk import Chunker, chunk_spans, word_starts

LINES = [
    "# One",
    "## Two",
    "### Three",
    "",
    "",
    "No smoking.",
    "No smoking. No dogs.",
    "A line of text that goes on",
    "x " * 30,
]
TEXTS = st.text() | st.lists(st.sampled_from(LINES), max_size=30).map("\n".join)
SIZES = st.integers(1, 400)


@given(text=TEXTS, size=SIZES)
def test_chunks_are_exact_slices(text: str, size: int) -> None:
    """A chunk's text is what stands at its place."""
    for node in chunks(text, size):
        assert node.text == text[node.start_char_idx : node.end_char_idx]


@given(text=TEXTS, size=SIZES)
def test_chunks_cover_the_document(text: str, size: int) -> None:
    """Every character of the document is in some chunk, in order, and only white space lies between them."""
    ends = [0]
    for start, end in places(chunks(text, size)):
        assert ends[-1] <= start < end
        assert text[ends[-1] : start].strip() == ""
        ends.append(end)

    assert text[ends[-1] :].strip() == ""


@given(text=TEXTS, size=SIZES)
def test_no_chunk_is_over_the_size(text: str, size: int) -> None:
    """Also where one sentence alone is longer."""
    for node in chunks(text, size):
        assert len(word_starts(node.text)) <= size


@given(text=TEXTS, size=SIZES)
@example(text="# 0::0\n# 0", size=3)
def test_no_chunk_crosses_a_heading(text: str, size: int) -> None:
    """After a line of text, a heading begins a new chunk; the end of a heading that was cut is no line of text."""
    for node in chunks(text, size):
        start = node.start_char_idx or 0
        whole = text[text.rfind("\n", 0, start) + 1 : start] + node.text
        headings = [bool(re.match(r"#{1,6} +\S", line.strip())) for line in lines(whole) if line.strip()]
        assert not any(heading and not before for before, heading in pairwise(headings))


@given(text=TEXTS, size=SIZES)
def test_the_same_document_gives_the_same_chunks(text: str, size: int) -> None:
    """Chunking has no memory."""
    assert places(chunks(text, size)) == places(chunks(text, size))


def test_repeated_line_is_cited_where_it_stands() -> None:
    """Two chunks with the same words keep their own places."""
    document = Document(id_="rules.md", text="No smoking.\n\nNo smoking.\n\n")

    first, second = Chunker(size=4)([document])

    assert (first.start_char_idx, second.start_char_idx) == (0, 13)


def test_whole_sentences_share_a_chunk_while_they_fit() -> None:
    """A sentence is cut only where it alone is over the size."""
    text = "One two three. Four five six. Seven eight nine."

    assert [node.text for node in chunks(text, 8)] == ["One two three. Four five six.", "Seven eight nine."]


def test_chunks_of_a_section_are_about_equal() -> None:
    """Nine sentences that do not fit two chunks are three threes, and no lone last line."""
    text = " ".join(f"Sentence number {number} here." for number in range(9))

    assert [node.text.count("Sentence") for node in chunks(text, 20)] == [3, 3, 3]


@given(text=TEXTS, size=st.integers(40, 400))
def test_no_chunk_ends_with_a_heading(text: str, size: int) -> None:
    """Unless nothing comes after: the sentence below a heading is cut rather than left without it."""
    for node in chunks(text, size):
        last = lines(node.text)[-1].strip()
        assert not re.match(r"#{1,6} +\S", last) or not text[node.end_char_idx :].strip()


@pytest.mark.parametrize(
    "block",
    [
        "- one apple\n- two pears\n- three plums",
        "Year: 2021; Sum: 5.\nYear: 2022; Sum: 6.\nYear: 2023; Sum: 7.",
        "for each in line:\n    if each:\n        count += 1\n    total += 1",
    ],
)
def test_lists_tables_and_code_stay_whole_where_they_fit(block: str) -> None:
    """A chunk ends between blocks rather than inside one, even if it then is a little shorter."""
    text = f"A paragraph of eight words and a stop.\n\n{block}\n\nAnother of eight words and a stop here."

    whole = [node.text for node in chunks(text, 30) if block.splitlines()[0] in node.text]

    assert len(whole) == 1
    assert block in whole[0]


def test_a_paragraph_stays_whole_where_it_fits() -> None:
    """Chunks end where paragraphs do if they are then about equal."""
    first, second = "One is here. " * 5, "Two is there. " * 6

    assert [node.text.strip() for node in chunks(f"{first}\n\n{second}", 30)] == [first.strip(), second.strip()]


@pytest.mark.parametrize("lead_in", ["You need these:", "Needed things"])
def test_what_leads_in_to_a_list_goes_with_its_items(lead_in: str) -> None:
    """A line with a colon or without a stop does not end a chunk, though it would fit the one before."""
    before = "Before it stand ten words and then there is a stop."
    items = "- A thing that takes a whole line.\n- Another thing that takes a whole line."

    _, second = chunks(f"{before}\n\n{lead_in}\n\n{items}", 24)

    assert second.text == f"{lead_in}\n\n{items}"


def test_a_long_sentence_is_cut_between_words() -> None:
    """Pieces end at white space where there is some."""
    text = "word " * 50

    assert {word for node in chunks(text, 8) for word in node.text.split()} == {"word"}


def test_the_heading_path_goes_with_the_chunk() -> None:
    """Each chunk knows the headings it stands under; a sibling takes the place of the one before."""
    text = "# Visit\n\nBefore.\n\n## Monday\n\nTalks.\n\n## Tuesday\n\nMore talks.\n\n# After\n\nNothing."

    headings = [node.metadata["heading"] for node in chunks(text, 100)]

    assert headings == ["Visit", "Visit > Monday", "Visit > Tuesday", "After"]


def test_a_heading_without_text_joins_the_section_below() -> None:
    """It is not a chunk of its own."""
    (node,) = chunks("# Visit\n\n## Monday\n\nTalks.", 100)

    assert node.text == "# Visit\n\n## Monday\n\nTalks."
    assert node.metadata["heading"] == "Visit > Monday"


def test_title_and_heading_are_embedded_and_the_id_is_not() -> None:
    """What the embedder reads is title, heading path and the exact text."""
    document = Document(id_="a/b.md", text="# Monday\n\nTalks.", metadata={"title": "The visit"})

    (node,) = Chunker(size=100)([document])

    assert node.get_content(MetadataMode.EMBED) == "The visit\nMonday\n# Monday\n\nTalks."
    assert node.metadata["document_id"] == "a/b.md"


@given(text=st.text(alphabet="ab \n.", max_size=200), size=st.integers(2, 20))
def test_sizes_are_counted_in_the_embedders_tokens(text: str, size: int) -> None:
    """With one token per letter, chunks have at most `size` letters."""

    def letters(text: str) -> Sequence[int]:
        return [at for at, letter in enumerate(text) if not letter.isspace()]

    for start, end, _ in chunk_spans(text, size=size, token_starts=letters):
        assert len(letters(text[start:end])) <= size


@pytest.mark.parametrize("text", ["word " * 400_000, "x. " * 200_000])
def test_a_long_text_takes_time_in_proportion(text: str) -> None:
    """Two megabytes in one line are chunked at once; a copy of the rest per chunk would take minutes."""
    assert len(list(chunk_spans(text, size=160, token_starts=word_starts))) >= 2500


def chunks(text: str, size: int) -> list[TextNode]:
    """The nodes of one document."""
    return Chunker(size=size)([Document(id_="a.md", text=text, metadata={"title": "A"})])


def places(nodes: Sequence[TextNode]) -> list[tuple[int, int]]:
    """Start and end of each."""
    return [(node.start_char_idx or 0, node.end_char_idx or 0) for node in nodes]


def lines(text: str) -> list[str]:
    """The lines of a text as the loaders give it, where nothing else ends one."""
    return text.split("\n")
