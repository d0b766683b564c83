"""How much costly work one answer may ask for."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from time import thread_time


class TooMuch(Exception):
    """Nested deeper, or noted more often, than anybody writes."""


@dataclass(slots=True)
class Allowance:
    """How much of the costly work one answer may ask for; used up as it goes.

    Characters decide, so that whole and growing renders agree; `seconds` of a processor stop only
    what was made to be slow.
    """

    code: int = 100_000
    maths: int = 60_000
    seconds: float = 0.4

    def for_open_end(self) -> "Allowance":
        """What is rendered again and again has no colours and few formulas."""
        return Allowance(code=0, maths=min(self.maths, 4_000))

    def take_code(self, text: str) -> bool:
        self.code -= len(text)
        return self.code >= 0 and self.seconds > 0

    def take_maths(self, source: str) -> bool:
        self.maths -= len(source)
        return self.maths >= 0 and self.seconds > 0

    @contextmanager
    def timed(self) -> Iterator[None]:
        start = thread_time()
        yield
        self.seconds -= thread_time() - start
