"""The value every loader returns: what a file says, before normalisation."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Extract:
    """A file's words as its format gives them."""

    text: str | tuple[str, ...]  # a tuple: one text per page; a page that does not end its line runs on into the next
    title: str | None = None
    date: str | None = None  # ISO 8601, as precise as the file says
