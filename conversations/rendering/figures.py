"""Code blocks: their frame, their language, their colours if they are worth it."""

import re
from html import escape, unescape

from .allowance import Allowance
from .code import highlight, is_colourable

NOT_IN_LANGUAGE = re.compile(r"[^\w+#.-]")
FIGURE_END = "</code></pre></figure>"


def figure(language: str) -> str:
    """Return the start of a code block."""
    told = f' data-language="{escape(language)}"' if language else ""
    return f'<figure class="code"{told} dir="ltr"><pre tabindex="0"><code>'


def coloured_code(language: str, text: str, allowance: Allowance) -> str | None:
    """Return `text` in colours, or None where it stays plain."""
    worth = is_colourable(language, text) and allowance.take_code(text)
    if not worth:
        return None
    with allowance.timed():
        return highlight(language, text)


def language_of(info: str) -> str:
    """Return the language that a fence names, in the letters that languages have."""
    words = unescape(info).split(None, 1)
    return NOT_IN_LANGUAGE.sub("", words[0])[:32].lower() if words else ""
