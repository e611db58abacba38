"""What of a web page its own styles keep from the reader: instructions for whoever else reads it hide there.

Known are inline styles and the rules of <style> elements for a class or an id alone: where another rule with that name
says otherwise, or the element moves, it counts as shown. There is no engine of styles here, and a page that unfolds its
text by a script must lose nothing that it may bring back.
"""

import re
from collections.abc import Iterator, Mapping
from itertools import chain, islice
from typing import Any

Declarations = Mapping[str, str]  # property → value, in lower case

_COMMENT = re.compile(r"/\*.*?(?:\*/|\Z)", re.DOTALL)
_NAME = re.compile(r"[.#][\w-]+")
_HIDING = re.compile(  # of lower case: to ignore it takes 2.5 times as long
    r"display\s*:\s*none|visibility\s*:\s*(?:hidden|collapse)|(?:opacity|font-size)\s*:\s*\.?0"
    r"|(?:left|top|right|bottom|indent)\s*:\s*-\d{3}"
)
_ZERO = re.compile(r"(?:0+\.?0*|\.0+)(?:px|pt|em|rem|%|ex|ch|vw|vh)?")
_FAR = re.compile(r"-(?:\d{4,}(?:\.\d*)?px|\d{3,}(?:\.\d*)?(?:r?em|%|v[wh]))")
_RGB = re.compile(r"rgba?\(\s*(\d+)\s*[, ]\s*(\d+)\s*[, ]\s*(\d+)\s*(?:[,/]\s*([\d.]+%?)\s*)?\)")
_COLOURS = {"white": "#ffffff", "black": "#000000", "snow": "#fffafa", "ivory": "#fffff0"}
_SEEN_ANYWAY = ("html", "body", "head", "title", "script", "style", "meta", "link")
_MOVING = ("animation", "transition", "animation-name", "-webkit-animation")
_MOST_STYLES = 2_000_000  # characters: of more no rule is read
_MOST_NAMES = 200  # of classes and ids that a page hides by rules


def hidden(tree: Any) -> list[Any]:
    """The outermost elements of a page that are hidden, in its order."""
    styles = [style.text or "" for style in tree.iter("style")]
    rules = _hiding_rules(_COMMENT.sub("", "\n".join(styles)), tree)
    is_plain = not styles and not tree.xpath("//link[@rel='stylesheet']")
    found: dict[Any, None] = {}
    for element in tree.xpath(f"descendant::*[{' or '.join(_ways(rules))}]"):
        is_inside = bool(found) and any(outer in found for outer in element.iterancestors())
        if element.tag not in _SEEN_ANYWAY and not is_inside and _is_hidden(element, rules, is_plain):
            found[element] = None
    return list(found)


def _ways(rules: Mapping[str, Declarations]) -> Iterator[str]:
    """What an element has that may be hidden, in XPath."""
    yield from ("@hidden", "@style")
    for name in rules:
        yield f"contains(@class, '{name[1:]}')" if name[0] == "." else f"@id = '{name[1:]}'"


def _is_hidden(element: Any, rules: Mapping[str, Declarations], is_plain: bool) -> bool:
    style = _style(element, rules)
    if not style or "hidden" in element.attrib:
        return "hidden" in element.attrib
    is_moving = any(name in style for name in _MOVING)
    return (
        style.get("display") == "none"
        or style.get("visibility") in ("hidden", "collapse")
        or (_is_zero(style.get("opacity")) and not is_moving)
        or (_is_zero(style.get("font-size")) and not _sizes_again(element))
        or (_is_off_the_page(style) and not is_moving)
        or _is_of_its_background(element, style, is_plain)
    )


def _style(element: Any, rules: Mapping[str, Declarations]) -> Declarations:
    """What is known of an element: by its classes, then by its id, then by itself."""
    own = _declarations(element.get("style", ""))
    names = (*(f".{name}" for name in element.get("class", "").split()), f"#{element.get('id')}") if rules else ()
    told = {key: value for name in names if name in rules for key, value in rules[name].items()}
    return {**told, **own} if told else own


def _declarations(text: str) -> Declarations:
    pairs = (part.partition(":") for part in text.lower().split(";")) if text else ()
    return {name.strip(): value.replace("!important", "").strip() for name, _, value in pairs}


def _hiding_rules(text: str, tree: Any) -> dict[str, Declarations]:
    """What rules for a class or an id alone say that hides, for the names that the page's elements have.

    Without what any other rule with such a name says otherwise, as one in @media, which may hold for this reader.
    """
    if len(text) > _MOST_STYLES:
        return {}
    names, hiding = _names(tree), dict[str, Declarations]()
    # bytes, of which only A to Z have lower case, so that each letter stays at its place
    for selectors, declarations in _hiding(text, text.encode().lower().decode()):
        for name in filter(_NAME.fullmatch, names.intersection(map(str.strip, selectors.split(",")))):
            hiding[name] = {**hiding.get(name, {}), **_declarations(declarations)}
    known = dict(islice(hiding.items(), _MOST_NAMES))
    for name in known:
        for said in map(_declarations, _rules_with(name, text)):
            known[name] = {key: value for key, value in known[name].items() if said.get(key, value) == value}
    return {name: said for name, said in known.items() if any(_HIDING.match(f"{key}:{said[key]}") for key in said)}


def _hiding(text: str, lowered: str) -> Iterator[tuple[str, str]]:
    """(selectors, declarations) of each rule that hides and stands in no other; no letter is met twice."""
    at = depth = 0
    for found in _HIDING.finditer(lowered):
        opening, closing = text.rfind("{", at, found.start()), text.find("}", max(at, found.end()))
        if closing < 0:
            return
        if opening >= 0:
            depth += text.count("{", at, opening) - text.count("}", at, opening)
            start = max(text.rfind(mark, at, opening) + 1 for mark in "{};")
            if depth == 0:
                yield text[max(start, at) : opening], text[opening + 1 : closing]
            at = closing + 1


def _rules_with(name: str, text: str) -> Iterator[str]:
    """The declarations of each rule whose selectors have a name."""
    at = 0
    for found in re.finditer(rf"{re.escape(name)}(?![\w-])", text):
        if found.start() >= at:
            opening = text.find("{", found.end())
            at = text.find("}", opening) if opening >= 0 else -1
            if at < 0:
                return
            yield text[opening + 1 : at]


def _names(tree: Any) -> set[str]:
    """The classes and ids of a page, as selectors."""
    classes, ids = (tree.xpath(f"descendant::*/@{name}", smart_strings=False) for name in ("class", "id"))
    return {f".{name}" for names in classes for name in names.split()}.union(f"#{name}" for name in ids)


def _is_zero(value: str | None) -> bool:
    return bool(value) and bool(_ZERO.fullmatch(value or ""))


def _sizes_again(element: Any) -> bool:
    """True if something in it may have a size of its own: a list of size 0 takes away the gaps between its items."""
    inner = element.iterdescendants()
    return any(one.get("class") or one.get("id") or "font" in one.get("style", "") for one in inner)


def _is_off_the_page(style: Declarations) -> bool:
    is_placed = style.get("position") in ("absolute", "fixed")
    sides = ("left", "top", "right", "bottom", "margin-left", "margin-top") if is_placed else ()
    return any(_FAR.fullmatch(style.get(side, "")) for side in (*sides, "text-indent"))


def _is_of_its_background(element: Any, style: Declarations, is_plain: bool) -> bool:
    """True for words in the colour that they stand on, as far as both are known, and for transparent ones."""
    if "color" not in style or any("clip" in name or "shadow" in name for name in style):
        return False
    colour = _colour(style["color"])
    return colour == "transparent" or (colour is not None and colour == _background(element, is_plain))


def _background(element: Any, is_plain: bool) -> str | None:
    """The colour behind an element; white where nothing on the page says otherwise, None where that is not known."""
    for outer in chain((element,), element.iterancestors()):
        style = _declarations(outer.get("style", ""))
        behind = style.get("background-color") or style.get("background") or outer.get("bgcolor", "").lower()
        if behind or "background-image" in style or "background" in outer.attrib:
            return None if "background-image" in style else _colour(behind)
    return "#ffffff" if is_plain else None


def _colour(value: str) -> str | None:
    """As #rrggbb, or transparent; None for what is no colour alone."""
    if rgb := _RGB.fullmatch(value):
        return "transparent" if _is_zero(rgb[4]) else "#" + "".join(f"{min(int(rgb[at]), 255):02x}" for at in (1, 2, 3))
    if re.fullmatch("#[0-9a-f]{3}", value):
        return "#" + "".join(2 * digit for digit in value[1:])
    return value if value == "transparent" or re.fullmatch("#[0-9a-f]{6}", value) else _COLOURS.get(value)
