"""Markdown to safe HTML in four steps: guard, comrak, shape, sanitise."""

import re
from html import escape

import comrak

from .allowance import Allowance, TooMuch
from .sanitise import sanitise, sanitise_with_footnotes
from .shape import Shape

RENDERER_VERSION = 1
"""Stored beside rendered HTML; raise it when the output changes."""

LONGEST = 512 * 1024
MOST_CELLS = 200_000
MOST_SCANNING = 200_000_000
MOST_HTML = 8 * 1024 * 1024

BROKEN = re.compile("[\0\ud800-\udfff]")
EXTENSIONS = "table strikethrough tasklist autolink footnotes math_dollars math_latex math_code"
NOTE = re.compile(r"( {0,3}\[\^)([^\]\s]+)\]:")
FENCE = re.compile(r" {0,3}(`{3,}|~{3,})")
DELIMITERS = " \t>-+*|:0123456789.)"


def _extensions(*without: str) -> comrak.ExtensionOptions:
    options = comrak.ExtensionOptions()
    for name in EXTENSIONS.split():
        setattr(options, name, name not in without)
    return options


def _escaping() -> comrak.RenderOptions:
    options = comrak.RenderOptions()
    options.escape = True
    return options


ALL = _extensions()
PARSING = comrak.ParseOptions()
RENDERING = _escaping()


def render(text: str, prefix: str) -> str:
    """Return a whole answer as safe HTML; its only ids are footnotes', beginning with `prefix`.

    Takes any `str` and never raises. What is too long, or made to be slow, comes as plain text.
    """
    text = readable(text.replace("\r\n", "\n").replace("\r", "\n"))
    if len(text) > LONGEST:
        return as_it_is(text)
    shape = Shape(prefix, Allowance())
    try:
        html = shape.shape(parse(text))
    except TooMuch:
        return as_it_is(text)
    return sanitise_with_footnotes(html, prefix) if shape.notes else sanitise(html)


def readable(text: str) -> str:
    """Return `text` with what no encoder takes replaced."""
    return text if text.isascii() and "\0" not in text else BROKEN.sub("\ufffd", text)


def as_it_is(text: str) -> str:
    return sanitise(
        f'<pre class="plain" dir="auto" tabindex="0">\n{escape(text, quote=False)}</pre>'
    )


def parse(text: str, most_scanning: int = MOST_SCANNING) -> str:
    """Return comrak's HTML, without the extensions that this text would make slow.

    Raises `TooMuch` when it grew out of all proportion.
    """
    slow = []
    if _is_wide(text):
        slow.append("table")
    if _formula_starts(text) * len(text) > most_scanning:
        slow.append("math_latex")
    options = _extensions(*slow) if slow else ALL
    if text.count("[^") > 3:
        text = _first_notes(text)
    html = comrak.render_markdown(text, options, PARSING, RENDERING)
    if len(html) > MOST_HTML:
        raise TooMuch
    return html


def _first_notes(text: str) -> str:
    """Of several definitions of a footnote let the first count, which comrak can't by itself.

    The later ones get names that nothing refers to, and so don't show.
    """
    seen: set[str] = set()
    lines, fence = text.split("\n"), ""
    for at, line in enumerate(lines):
        mark = FENCE.match(line)
        if mark and (not fence or mark[1].startswith(fence)):
            fence = "" if fence else mark[1]
        note = None if fence else NOTE.match(line)
        if note and note[2].casefold() in seen:
            lines[at] = f"{note[1]}{note[2]}~{at}]:{line[note.end() :]}"
        elif note:
            seen.add(note[2].casefold())
    return "\n".join(lines)


def _is_wide(text: str) -> bool:
    """True when short rows would be filled up with a great many cells."""
    if text.count("|") < 200:
        return False
    lines = text.split("\n")
    cells = max((line.count("|") for line in lines if not line.strip(DELIMITERS)), default=0)
    return cells * len(lines) > MOST_CELLS


def _formula_starts(text: str) -> int:
    """How many formulas begin: each looks for its end as far as the text goes."""
    return text.count("\\[") + text.count("\\(")
