"""What the stand-in provider says: directives, and text that follows from them alone."""

import random
import re
from dataclasses import dataclass, fields
from functools import lru_cache
from itertools import cycle, islice
from typing import Any

WORDS = [
    "a", "river", "of", "small", "lights", "crossed", "the", "quiet", "harbour", "while", "seven",
    "careful", "gardeners", "counted", "their", "seeds", "under", "an", "open", "window",
]  # fmt: skip
PARAGRAPH = 60
MARKDOWN = """## Section {n}

A paragraph with **strong words**, *soft ones*, `code` and [a link](https://example.org/{n}).

- first point of {n}
- second point
  - a point within

| name | value |
| --- | --: |
| row {n} | 42 |

```python
def step_{n}(x):
    return x + {n}
```

> A quotation, and then $x^2 + y^2 = z^2$.

"""
CODE = """def part_{n}(values):
    total = 0
    for value in values:
        total += value * {n}
    return total


"""


@dataclass(frozen=True)
class Directives:
    """What one request asks of the stand-in. Times in milliseconds, `hang` in seconds."""

    tokens: int = 20
    delay: float = 0
    first: float = 0
    text: str = "words"
    seed: int = 0
    n: int = 1
    reasoning: int = 0
    finish: str = "stop"
    usage: str = "auto"
    stamp: str = "no"
    done: str = "yes"
    cut: int = -1
    error: int = 0
    at: int = -1
    hold: str = ""
    hang: float = 0
    status: int = 200
    fails: int = 0
    retry_after: str = ""
    says: str = ""
    whole: str = "no"
    html: str = "no"
    tool: str = ""
    args: str = "{}"
    then: str = ""


def read_directives(message: str) -> Directives:
    """Find `[[name=value …]]` in a message; unknown names and unreadable values are left out."""
    found = re.search(r"\[\[(.*?)\]\]", message, re.DOTALL)
    given = dict(re.findall(r"(\w+)=(\S+)", found[1] if found else ""))
    values: dict[str, Any] = {}
    for field in fields(Directives):
        if field.name in given:
            try:
                kind: Any = type(field.default)
                values[field.name] = kind(given[field.name])
            except ValueError:
                continue
    return Directives(**values)


@lru_cache(maxsize=64)
def tokens(kind: str, count: int, seed: int) -> tuple[str, ...]:
    """The first `count` tokens of a text of this kind: a word each, with the blanks behind it."""
    if kind.startswith("json:"):
        return tuple(re.findall(r".{1,4}", kind.removeprefix("json:"))[:count])
    if kind in ("words", "prose"):
        dice = random.Random(seed)  # noqa: S311 - it must be repeatable
        return tuple(f"{dice.choice(WORDS)}{blank(kind, place)}" for place in range(count))
    template = CODE if kind == "code" else MARKDOWN
    pieces: list[str] = ["```python\n"] if kind == "code" else []
    for n in cycle(range(seed + 1, seed + 1000)):
        if len(pieces) >= count:
            break
        pieces += re.findall(r"\S+\s*", template.replace("{n}", str(n)))
    return tuple(islice(pieces, count))


def blank(kind: str, place: int) -> str:
    """What stands behind the word at `place`: prose has paragraphs."""
    return "\n\n" if kind == "prose" and (place + 1) % PARAGRAPH == 0 else " "


def expected_text(directives: Directives | str, choice: int = 0) -> str:
    """The answer that a request with these directives gets, up to where it is cut or fails."""
    asked = read_directives(directives) if isinstance(directives, str) else directives
    count = asked.cut if asked.cut >= 0 else asked.tokens
    if asked.error:
        count = min(count, halfway(asked))
    return "".join(tokens(asked.text, asked.tokens, asked.seed + choice)[:count])


def expected_reasoning(directives: Directives | str) -> str:
    """The reasoning that comes before that answer."""
    asked = read_directives(directives) if isinstance(directives, str) else directives
    return "".join(tokens("words", asked.reasoning, asked.seed + 1000))


def halfway(asked: Directives) -> int:
    """The token after which an error or hold comes: `at`, or half of them."""
    return asked.at if asked.at >= 0 else asked.tokens // 2
