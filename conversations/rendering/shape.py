"""Bring comrak's HTML into the one shape that pages know.

The shape of a piece never depends on what stands around it, so that pieces rendered one by one
add up to the whole: items are neither tight nor loose (their first paragraph is bare, later ones
are paragraphs), each table row has a body of its own, and no blanks stand between blocks.

The input is comrak's output with raw HTML escaped: every `<` in it belongs to a tag of comrak's.
"""

import re
from collections import Counter
from collections.abc import Callable
from html import unescape

from .allowance import Allowance, TooMuch
from .figures import FIGURE_END, coloured_code, figure, language_of
from .links import anchor
from .maths import formula_source, mathml

DEEPEST = 100
MOST_NOTES = 1000
WORDY = {"p", "h1", "h2", "h3", "h4", "h5", "h6", "th", "td"}
TOKEN = re.compile(
    r'<pre><code(?: class="language-(?P<language>[^"]*)")?[^>]*>(?P<code>[^<]*)</code></pre>'
    r'|<span data-math-style="(?P<style>\w+)">(?P<formula>[^<]*)</span>'
    r'|<code data-math-style="(?P<style2>\w+)">(?P<formula2>[^<]*)</code>'
    r'|<img src="(?P<src>[^"]*)" alt="(?P<alt>[^"]*)"(?: title="(?P<caption>[^"]*)")? />'
    r'|<a href="(?P<href>[^"]*)"(?: title="(?P<title>[^"]*)")?>(?P<label>(?=[^<]*))'
    r"|<input (?P<box>[^>]*)>"
    r'|<sup class="footnote-ref"><a [^>]*>(?P<note>\d+)</a></sup>'
    r'|<a [^>]* data-footnote-backref-idx="(?P<back>[-\d]*)"[^>]*>'
    r"|<(?P<tag>/?(?:p|h[1-6r]|[uo]l|li|blockquote|table|thead|tbody|t[rhd]|section)|/a)\b"
    r"(?P<rest>[^>]*)>"
)


class Shape:
    """One walk over one piece; `blocks` are its elements at the root, `items` counts one level in."""

    def __init__(self, prefix: str, allowance: Allowance) -> None:
        self.prefix, self.allowance = prefix, allowance
        self.out: list[str] = []
        self.stack: list[str] = []
        self.blocks: list[str] = []
        self.items = self.notes = 0
        self._links: list[str] = []
        self._references: Counter[str] = Counter()
        self._new = False  # inside an item that has nothing yet
        self._bare = False  # inside an item's first paragraph
        self._implied = False  # inside a paragraph that comrak did not write

    def shape(self, html: str) -> str:
        """Return `html` in our shape. Raises `TooMuch`."""
        at = 0
        for token in TOKEN.finditer(html):
            kind = token.lastgroup or ""
            words = html[at : token.start()]
            at = token.end()
            self._words(words.rstrip("\n") if kind in ("rest", "code") else words)
            LEAVES[kind](self, token)
        self._words(html[at:].rstrip("\n"))
        self._end_words()
        return "".join(self.out)

    # Words: what runs in lines

    def _words(self, html: str) -> None:
        if not self._in_words():
            html = html.lstrip("\n")
        if html:
            self._inline(html)

    def _inline(self, html: str) -> None:
        if not self._in_words():
            self._begin_words()
        self.out.append(html)

    def _in_words(self) -> bool:
        return self._bare or self._implied or bool(self.stack and self.stack[-1] in WORDY)

    def _begin_words(self) -> None:
        if self._new:
            self._new, self._bare = False, True
        else:
            self._implied = True
            self._start("p")

    def _end_words(self) -> None:
        if self._implied:
            self.out.append("</p>")
        self._bare = self._implied = False

    # Blocks

    def _start(self, name: str) -> None:
        """Write the start of a block without content of its own to remember."""
        if not self.stack:
            self.blocks.append(name)
        self.out.append('<p dir="auto">' if name == "p" and not self.stack else f"<{name}>")

    def _on_tag(self, token: re.Match[str]) -> None:
        name = token["tag"]
        if name == "/a":
            self._inline(self._links.pop() if self._links else "")
        elif name[0] == "/":
            self._close(name[1:])
        elif name == "p" and self._new:
            self._new, self._bare = False, True
        else:
            self._end_words()
            self._open(name, token["rest"])

    def _open(self, name: str, rest: str) -> None:
        self._new = name == "li"
        if name in ("p", "hr"):
            self._start(name)
        else:
            if not self.stack:
                self.blocks.append(name)
            self._count(name)
            self.out.append(self._tag(name, rest))
        if name != "hr":
            self.stack.append(name)
        if len(self.stack) > DEEPEST:
            raise TooMuch

    def _count(self, name: str) -> None:
        if (name == "li" and len(self.stack) == 1) or (
            name == "tr" and self.stack == ["table", "tbody"]
        ):
            self.items += 1

    def _tag(self, name: str, rest: str) -> str:
        if name == "table":
            return '<div class="table" tabindex="0"><table>'
        if name == "tr":
            return "<tbody><tr>" if self.stack[-1] == "tbody" else "<tr>"
        if name == "section":
            return '<section class="footnotes">'
        if name == "li" and self.stack[-2:] == ["section", "ol"]:
            self.notes += 1
            rest = f' id="{self.prefix}-fn-{self.notes}"'
        if name in ("ul", "ol", "thead"):
            return f"<{name}{rest}>"
        return "" if name == "tbody" else f'<{name}{rest} dir="auto">'

    def _close(self, name: str) -> None:
        if name == "p" and self._bare:
            self._bare = False
            return
        self._end_words()
        self._new = False
        self.stack.pop()
        if name == "tr" and self.stack[-1] == "tbody":
            self.out.append("</tr></tbody>")
        elif name == "table":
            self.out.append("</table></div>")
        elif name != "tbody":
            self.out.append(f"</{name}>")

    # Leaves

    def _on_code(self, token: re.Match[str]) -> None:
        self._end_words()
        language = language_of(token["language"] or "")
        text = unescape(token["code"])
        if language == "math":
            self._formula(text, display=True)
            self._end_words()
            return
        self._new = False
        if not self.stack:
            self.blocks.append("figure")
        coloured = coloured_code(language, text, self.allowance) or token["code"]
        self.out.append(figure(language) + coloured + FIGURE_END)

    def _on_formula(self, token: re.Match[str]) -> None:
        source = token["formula"] or token["formula2"] or ""
        display = "display" in (token["style"], token["style2"])
        self._formula(unescape(source), display)

    def _formula(self, source: str, display: bool) -> None:
        if not self.allowance.take_maths(source):
            self._inline(formula_source(source))
            return
        with self.allowance.timed():
            html = mathml(source, display)
        self._inline(html)

    def _on_image(self, token: re.Match[str]) -> None:
        src = token["src"]
        alt = token["alt"].strip()
        link = "" if self._links else anchor(src, token["caption"] or "", alt, image=True)
        self._inline(f"{link}{alt or src}</a>" if link else alt)

    def _on_link(self, token: re.Match[str]) -> None:
        text = token.string[token.end() : token.string.find("<", token.end())]
        link = anchor(token["href"], token["title"] or "", text)
        self._inline(link)
        self._links.append("</a>" if link else "")

    def _on_task(self, token: re.Match[str]) -> None:
        done = "checked" in token["box"]
        mark = ' data-done="">☑' if done else ">☐"
        self._inline(f'<span class="task"{mark}</span>')

    def _on_note(self, token: re.Match[str]) -> None:
        note = token["note"]
        self._references[note] += 1
        if self._references.total() > MOST_NOTES:
            raise TooMuch
        again = f"-{self._references[note]}" if self._references[note] > 1 else ""
        link = f'href="#{self.prefix}-fn-{note}" id="{self.prefix}-fnref-{note}{again}"'
        self._inline(f"<sup><a {link}>{note}</a></sup>")

    def _on_back(self, token: re.Match[str]) -> None:
        href = f"#{self.prefix}-fnref-{token['back']}"
        self._inline(f'<a class="footnote-back" href="{href}">')
        self._links.append("</a>")


LEAVES: dict[str, Callable[[Shape, re.Match[str]], None]] = {
    "code": Shape._on_code,
    "formula": Shape._on_formula,
    "formula2": Shape._on_formula,
    "alt": Shape._on_image,
    "caption": Shape._on_image,
    "label": Shape._on_link,
    "box": Shape._on_task,
    "note": Shape._on_note,
    "back": Shape._on_back,
    "rest": Shape._on_tag,
}
