"""The value every loader returns: what a file says, before normalisation."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Extract:
    """A file's words as its format gives them, and what the file says of itself."""

    text: str | tuple[str, ...]  # a tuple: one text per page; a page that does not end its line runs on into the next
    title: str | None = None
    date: str | None = None  # ISO 8601, as precise as the file says
    author: str | None = None
    language: str | None = None  # BCP 47, as the file names it
    source: str | None = None  # the address that it was taken from
    notes: tuple[str, ...] = ()  # what could not be read in a file that otherwise was, for the report of the ingest


def hidden_note(characters: int) -> tuple[str, ...]:
    """The note on words that were left out because no reader sees them; none where there were none."""
    of = "character" if characters == 1 else "characters"
    return (
        (f"{characters:,} {of} of hidden text {'was' if characters == 1 else 'were'} left out",) if characters else ()
    )
