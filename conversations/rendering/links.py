"""Where links lead, in a form that a reader can judge."""

import re
from functools import lru_cache
from html import escape, unescape
from urllib.parse import unquote, urlsplit

WEB = re.compile(r"https?://[^/?#]", re.IGNORECASE)
SAFE = re.compile(r"https?://[^/?#]|mailto:", re.IGNORECASE)
REL = 'rel="noopener noreferrer nofollow" target="_blank"'


@lru_cache(maxsize=1024)
def host(href: str) -> str:
    """Return the host that `href` (as in an attribute) leads to, in ASCII; "" without one."""
    if not WEB.match(href):
        return ""
    try:
        name = unquote(urlsplit(unescape(href)).netloc.rpartition("@")[2])
        return name if name.isascii() else name.encode("idna").decode()
    except ValueError:
        return "?"


def anchor(href: str, title: str, text: str, image: bool = False) -> str:
    """Return the opening tag of a link, or "" when `href` is not one to follow.

    All three come as comrak wrote them, so they are escaped already; `text` is what follows.
    """
    if not SAFE.match(href):
        return ""
    to = host(href)
    told = f' data-host="{escape(to)}"' if to and not _shows(text, href) else ""
    titled = f' title="{title}"' if title else ""
    kind = ' class="image"' if image else ""
    return f'<a href="{href}"{kind}{titled}{told} {REL}>'


def _shows(text: str, href: str) -> bool:
    """True when the link's text is its own address."""
    return bool(text) and href in (text, f"http://{text}", f"https://{text}")
