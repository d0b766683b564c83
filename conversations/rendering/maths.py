"""LaTeX to MathML, cached. Half a formula is shown as its source."""

import re
from functools import lru_cache
from html import escape
from xml.etree.ElementTree import tostring

from latex2mathml.converter import convert_to_element

LONGEST = 2 * 1024
NAMESPACE = ' xmlns="http://www.w3.org/1998/Math/MathML"'
ENTITY = re.compile(r"&amp;(#x[0-9A-Fa-f]{1,6};)")


@lru_cache(maxsize=4096)
def mathml(source: str, display: bool) -> str:
    """Return `source` as MathML, which is not yet safe: sanitise it."""
    formula = source.strip()
    try:
        if not formula or len(formula) > LONGEST:
            raise ValueError("no formula, or too long a one")
        html = _convert(formula, "block" if display else "inline")
    except Exception:
        return formula_source(source)
    return f'<span class="math" tabindex="0">{html}</span>' if display else html


def formula_source(source: str) -> str:
    """Return a formula as it was written."""
    return f'<code class="math-source">{escape(source.strip(), quote=False)}</code>'


def _convert(formula: str, display: str) -> str:
    """The converter's own text form leaves `<` in \\text{} as it is, so the tree is written here."""
    xml = tostring(convert_to_element(formula, display=display), encoding="unicode")
    return ENTITY.sub(r"&\1", xml).replace(NAMESPACE, "", 1)
