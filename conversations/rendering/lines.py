"""What kind of block a line of Markdown begins, and when the start of a line is enough to tell.

Only as much of CommonMark as decides where blocks end; what is inside them is comrak's affair.
"""

import re
from dataclasses import dataclass

UNDECIDED_LONGEST = 1000
"""A line this long is judged by its beginning."""

FENCE = re.compile(r"(`{3,})([^`]*)$|(~{3,})(.*)$")
HEADING = re.compile(r"#{1,6}(?:[ \t]|$)")
RULE = re.compile(r"(?:(?:\*[ \t]*){3,}|(?:-[ \t]*){3,}|(?:_[ \t]*){3,})$")
UNDERLINE = re.compile(r"(?:=+|-+)[ \t]*$")
DELIMITERS = re.compile(r"\|?[ \t]*:?-+:?[ \t]*(?:\|[ \t]*:?-+:?[ \t]*)*\|?[ \t]*$")
ITEM = re.compile(r"(?P<mark>[-+*]|(?P<number>\d{1,9})[.)])(?P<gap>[ \t]+(?=[^ \t])|[ \t]*$)")
MARKUP = re.compile(
    r"<(?:!--|\?|![A-Za-z]|!\[CDATA\[|(?:script|pre|style|textarea)(?:[ \t>]|$)"
    r"|/?(?:address|article|aside|base|basefont|blockquote|body|caption|center|col|colgroup|dd"
    r"|details|dialog|dir|div|dl|dt|fieldset|figcaption|figure|footer|form|frame|frameset|h[1-6r]"
    r"|head|header|html|iframe|legend|li|link|main|menu|menuitem|nav|noframes|ol|optgroup|option"
    r"|p|param|search|section|source|summary|table|tbody|td|tfoot|th|thead|title|tr|track|ul)"
    r"(?:[ \t]|/?>|$))",
    re.IGNORECASE,
)
ONE_TAG = re.compile(r"</?[A-Za-z][^<>]*>[ \t]*$")

OPEN_ENDED = re.compile(  # starts that may still become something else
    r"[ \t]*(?:[-:| \t]*|\*[* \t]*|_[_ \t]*|\+[ \t]*|=+[ \t]*|#{1,6}[ \t]*"
    r"|\d{1,9}(?:[.)][ \t]*)?|`{1,2}|`{3,}[^`]*|~{1,2}|~{3,}.*|<.*)$"
)
PREFIXES = re.compile(r"(?:[ \t]+|[-+*>][ \t]|\d{1,9}[.)][ \t])*")
QUOTE = re.compile(r" {0,3}> ?")
MARKS_ONLY = re.compile(r"[-=*+_#>|:`~ \t]*(?:\d{1,9}[.)]?)?[ \t]*$")


@dataclass(frozen=True, slots=True)
class Line:
    """A classified line; `content` is the column where an item's own text begins."""

    kind: str
    indent: int
    mark: str = ""
    content: int = 0
    number: int = 0


def decided(start: str) -> bool:
    """True when no continuation of `start` would make another kind of line."""
    return len(start) >= UNDECIDED_LONGEST or not OPEN_ENDED.match(start)


def marks_only(start: str) -> bool:
    """True for a start that shows nothing yet but could turn the text above into a heading."""
    return bool(MARKS_ONLY.match(start))


def indent_of(line: str) -> int:
    """Return the columns of blank space before the text of `line`."""
    if line[:1] not in (" ", "\t"):
        return 0
    blank = line[: len(line) - len(line.lstrip(" \t"))]
    return len(blank.expandtabs(4))


def cells(row: str) -> int:
    """Return how many cells a table's row has."""
    return row.replace("\\|", "").strip(" \t\n").strip("|").count("|") + 1


def unquoted(line: str) -> str:
    """Return `line` without the mark of its quote, if it has one (it need not, in a paragraph)."""
    quote = QUOTE.match(line)
    return line[quote.end() :] if quote else line.lstrip(" \t")


def ends_in_words(line: str) -> bool:
    """True when an item's last line is one that a paragraph could go on from."""
    prefix = PREFIXES.match(line)
    return classify(line[prefix.end() if prefix else 0 :]).kind == "text"


def fence_after(fence: str, line: str) -> str:
    """Return the fence that is open after `line` when `fence` ("" for none) was before."""
    prefix = PREFIXES.match(line)
    text = line[prefix.end() if prefix and not fence else 0 :].strip(" \t")
    if fence:
        return "" if closes(fence, text) else fence
    opening = FENCE.match(text)
    return (opening[1] or opening[3]) if opening else ""


def closes(fence: str, line: str) -> bool:
    """True when `line` ends the code block that `fence` began."""
    text = line.strip(" \t")
    return text.startswith(fence) and not text.strip(fence[0]) and indent_of(line) < 4


def classify(line: str) -> Line:
    """Return what `line` (its end left off) begins where no block is open."""
    line = line[:UNDECIDED_LONGEST]
    text = line.strip(" \t")
    indent = indent_of(line)
    if not text:
        return Line("blank", indent)
    if indent >= 4:
        return Line("indented", indent)
    first = text[0]
    if first.isdigit() or first in "-+*":
        return _item_or_rule(text, line.lstrip(" \t"), indent)
    return Line(_kind(first, text), indent)


def _kind(first: str, text: str) -> str:
    if first == ">":
        return "quote"
    if first == "#" and HEADING.match(text):
        return "heading"
    if first in "`~" and FENCE.match(text):
        return "fence"
    if first == "_" and RULE.match(text):
        return "rule"
    if first == "<":
        return "markup" if MARKUP.match(text) else "tag" if ONE_TAG.match(text) else "text"
    if first == "=" and UNDERLINE.match(text):
        return "underline"
    return "delimiters" if first in "|:" and DELIMITERS.match(text) else "text"


def _item_or_rule(text: str, rest: str, indent: int) -> Line:
    if text[0] == "-" and UNDERLINE.match(text):
        return Line("underline", indent, mark=text)
    if RULE.match(text):
        return Line("rule", indent)
    if text[0] == "-" and DELIMITERS.match(text):
        return Line("delimiters", indent)
    item = ITEM.match(rest)
    if not item:
        return Line("text", indent)
    gap = len(item["gap"].expandtabs(4))
    empty = not text[item.end("mark") :]
    width = item.end("mark") + (1 if empty or gap > 4 else gap)
    number = int(item["number"] or 0)
    kind = "empty item" if empty else "item"
    return Line(kind, indent, item["mark"][-1], indent + width, number)
