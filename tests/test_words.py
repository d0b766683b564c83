"""Whatever a provider's call can end in, the page has a sentence for it."""

from pathlib import Path

import pytest

from conversations.engine import jobs  # noqa: F401 (it has kinds of its own)
from conversations.providers import errors

WORDS = (Path(__file__).resolve().parent.parent / "templates/_templates.html").read_text()
# A stop is told by who stopped.
TOLD_OTHERWISE = {"cancelled"}


def every(kind):
    yield kind
    for narrower in kind.__subclasses__():
        yield from every(narrower)


@pytest.mark.parametrize("code", sorted({one.code for one in every(errors.ProviderError)}))
def test_every_way_to_fail_has_its_sentence(code):
    assert code in TOLD_OTHERWISE or f'data-word="error-{code}"' in WORDS
