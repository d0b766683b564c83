"""The last word on every piece of HTML: an allow-list of elements, attributes and schemes."""

from html import escape

import nh3

from .code import TOKEN_CLASSES

BLOCKS = """blockquote br div figure h1 h2 h3 h4 h5 h6 hr li ol p pre section
    table tbody td th thead tr ul"""
PHRASES = "a code del em span strong sup"
MATHS = """maction math menclose merror mfenced mfrac mi mmultiscripts mn mo mover mpadded
    mphantom mprescripts mroot mrow ms mspace msqrt mstyle msub msubsup msup mtable mtd mtext
    mtr munder munderover none"""
MATHS_WORDS = """accent accentunder columnalign columnlines columnspacing columnspan depth
    display displaystyle fence form height largeop linebreak linethickness lspace mathcolor
    mathsize mathvariant maxsize minsize movablelimits notation rowlines rowspacing rowspan rspace
    scriptlevel separator stretchy symmetric voffset width"""
MATHS_ATTRIBUTES = set(MATHS_WORDS.split())
ATTRIBUTES = {
    "a": {"href", "title", "data-host"},
    "figure": {"data-language"},
    "ol": {"start"},
    "span": {"data-done"},
} | dict.fromkeys(MATHS.split(), MATHS_ATTRIBUTES)
DIRECTIONS = {
    "dir": {"auto", "ltr"},
    "align": {"left", "center", "right"},
    "tabindex": {"0"},
}
VALUES = dict.fromkeys(BLOCKS.split(), DIRECTIONS) | {
    "a": {"rel": {"noopener noreferrer nofollow"}, "target": {"_blank"}},
    "span": {"tabindex": {"0"}},
}
CLASSES = {
    "a": {"image", "footnote-back"},
    "code": {"math-source"},
    "div": {"table"},
    "figure": {"code"},
    "pre": {"plain"},
    "section": {"footnotes"},
    "span": {"math", "task"} | TOKEN_CLASSES,
}


def _cleaner(attributes: dict[str, set[str]], prefix: str | None) -> nh3.Cleaner:
    return nh3.Cleaner(
        tags=set(f"{BLOCKS} {PHRASES} {MATHS}".split()),
        attributes=attributes,
        tag_attribute_values=VALUES,
        allowed_classes=CLASSES,
        url_schemes={"http", "https", "mailto"},
        url_relative="pass_through" if prefix else "deny",
        link_rel=None,
        id_prefix=prefix,
    )


_strict = _cleaner(ATTRIBUTES, None)


def sanitise(html: str) -> str:
    """Return `html` with nothing in it but what answers may hold; no ids at all."""
    return _strict.clean(html)


def sanitise_with_footnotes(html: str, prefix: str) -> str:
    """Like `sanitise`, but footnotes keep the ids that the renderer gave them."""
    footnotes = {"a": ATTRIBUTES["a"] | {"id"}, "li": {"id"}}
    return _cleaner(ATTRIBUTES | footnotes, f"{prefix}-fn").clean(html)


def plain(text: str) -> str:
    """Return `text` as HTML that shows exactly its characters."""
    return _strict.clean(escape(text, quote=False))
