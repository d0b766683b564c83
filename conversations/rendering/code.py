"""Code in colour: Pygments' tokens as a few CSS classes, cached, and only for small blocks.

Colouring costs a hundred times what parsing Markdown does (1 to 2 ms per KB), and many lexers take
seconds over text that was made for it. So only lexers that were tried with such text are used,
and a block that is long, or has very long lines or great gaps, stays plain.
"""

import re
from functools import lru_cache
from html import escape

from pygments.lexer import Lexer
from pygments.lexers import get_lexer_by_name
from pygments.token import Comment, Generic, Keyword, Name, Number, Operator, String, _TokenType
from pygments.util import ClassNotFound

LONGEST = 8 * 1024
UNLIKELY = re.compile(r"[^\n]{400}|\n(?:[ \t]*\n){5}|[ \t]{80}")

NAMES = """python pycon javascript jsx typescript tsx json html xml css scss less bash console sql
    postgresql mysql vala kotlin c cpp go rust php swift scala splus julia lua ruby haskell elixir
    erlang clojure dart yaml toml ini docker make cmake nginx diff tex powershell graphql protobuf
    zig ocaml fsharp nixos html+django http common-lisp"""
LANGUAGES = set(NAMES.split())
SUBSTITUTES = {"java": "vala", "csharp": "vala"}  # their own lexers can take seconds

CLASSES: dict[_TokenType, str] = {
    Comment: "c",
    Keyword: "k",
    Keyword.Type: "t",
    Name.Attribute: "a",
    Name.Builtin: "b",
    Name.Class: "t",
    Name.Constant: "m",
    Name.Decorator: "a",
    Name.Exception: "t",
    Name.Function: "f",
    Name.Tag: "k",
    Name.Variable: "v",
    Number: "m",
    Operator: "o",
    Operator.Word: "k",
    String: "s",
    Generic.Deleted: "gd",
    Generic.Inserted: "gi",
    Generic.Heading: "gh",
    Generic.Subheading: "gh",
}
TOKEN_CLASSES = set(CLASSES.values())


def is_colourable(language: str, text: str) -> bool:
    """True for code in a known language that no lexer will stumble over."""
    return (
        bool(language)
        and len(text) <= LONGEST
        and _lexer(language) is not None
        and not UNLIKELY.search(text)
    )


@lru_cache(maxsize=512)
def highlight(language: str, text: str) -> str | None:
    """Return `text` as HTML with a span per token, or None where it should stay plain."""
    lexer = _lexer(language)
    try:
        tokens = list(lexer.get_tokens(text)) if lexer else []
    except Exception:
        return None
    if "".join(value for _, value in tokens) != text:
        return None
    return "".join(_spans(tokens))


@lru_cache(maxsize=256)
def _lexer(language: str) -> Lexer | None:
    try:
        lexer = get_lexer_by_name(language, stripnl=False, ensurenl=False)
    except (ClassNotFound, ImportError):
        return None
    name = lexer.aliases[0]
    if name in SUBSTITUTES:
        return _lexer(SUBSTITUTES[name])
    return lexer if name in LANGUAGES else None


def _spans(tokens: list[tuple[_TokenType, str]]) -> list[str]:
    """Neighbours of one class share one span; blanks never end it."""
    runs: list[tuple[str, list[str]]] = []
    for kind, value in tokens:
        name = _class(kind)
        if runs and (name == runs[-1][0] or value.isspace()):
            runs[-1][1].append(value)
        else:
            runs.append((name, [value]))
    return [_span(name, escape("".join(values), quote=False)) for name, values in runs]


def _span(name: str, html: str) -> str:
    return f'<span class="{name}">{html}</span>' if name else html


@lru_cache(maxsize=512)
def _class(kind: _TokenType) -> str:
    at: _TokenType | None = kind
    while at is not None:
        if at in CLASSES:
            return CLASSES[at]
        at = at.parent
    return ""
