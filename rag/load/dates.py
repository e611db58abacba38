"""Dates as people write them → ISO 8601, as precise as written."""

import re
from datetime import date
from email.utils import parsedate_to_datetime

_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_MONTH = (
    r"(?P<month>Jan(?:uary)?|Feb(?:ruary)?|Mar(?:ch)?|Apr(?:il)?|May|June?|July?|Aug(?:ust)?|Sept?(?:ember)?"
    r"|Oct(?:ober)?|Nov(?:ember)?|Dec(?:ember)?)\.?"
)
_WRITTEN = (
    r"(?P<day>\d{1,2})(?:st|nd|rd|th)? " + _MONTH + r",? (?P<year>\d{4})",
    _MONTH + r" (?P<day>\d{1,2})(?:st|nd|rd|th)?,? (?P<year>\d{4})",
    _MONTH + r" (?P<year>\d{4})",
    r"(?P<year>\d{4})-(?P<number>\d\d)-(?P<day>\d\d)(?:[T ]\d\d:\d\d.*)?",
    r"(?P<year>\d{4})-(?P<number>\d\d)",
    r"(?P<year>\d{4})",
)
_LABEL = re.compile(r"(?:date|published|updated|dated)(?: on)?\s*:\s*(.+)", re.IGNORECASE)
_DATE_LINE = 80  # characters: a longer line that ends in a date is a sentence


def iso_date(words: str) -> str | None:
    """The date that the words are, such as 16 June 2023, June 2023 or 2023-06-16T09:00; None if they are no date."""
    words = " ".join(words.split())
    for pattern in _WRITTEN:
        if match := re.fullmatch(pattern, words, re.IGNORECASE):
            return _iso(match.groupdict())
    return None


def mail_date(words: str) -> str | None:
    """The day of a date as mails and feeds write it (RFC 5322): Fri, 16 Jun 2023 09:00:00 +0200."""
    try:
        return parsedate_to_datetime(words).date().isoformat()
    except (ValueError, TypeError, IndexError, OverflowError):
        return None


def date_line(line: str) -> str | None:
    """The date of a line that gives a text's date: `Date: 2023-06-16`, `16 June 2023`, `News brief, 16 June 2023`."""
    line = line.strip().strip("*_")
    if label := _LABEL.fullmatch(line):
        return iso_date(label[1])
    words = line.rpartition(", ")
    ends = [line, words[2], " ".join(line.split()[-3:])]  # June 16, 2023 has a comma of its own
    dates = [iso_date(end) for end in ends] if len(line) <= _DATE_LINE else []
    return next((found for found in dates if found and len(found) == len("2023-06-16")), None)


def _iso(parts: dict[str, str | None]) -> str | None:
    year, day = int(parts["year"] or 0), parts.get("day")
    name, number = parts.get("month"), parts.get("number")
    month = _MONTHS.index(name[:3].lower()) + 1 if name else int(number or 0)
    try:
        date(year, month or 1, int(day or 1))
    except ValueError:
        return None
    return f"{year:04}" + (f"-{month:02}" if month else "") + (f"-{int(day):02}" if day else "")
