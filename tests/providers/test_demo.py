"""The built-in demo: honest, repeatable, and able to go on where it stopped."""

import asyncio
from decimal import Decimal

import pytest

from conversations.providers import KINDS, adapter_for, base, errors
from conversations.providers.demo_text import HONEST, PARTS

DEMO = adapter_for("demo", base.Endpoint("demo:", options={"delay_ms": "0"}))


def ask(text, *more, **fields):
    async def run():
        messages = (base.ChatMessage("user", text), *more)
        request = base.ChatRequest("parley-demo", messages, **fields)
        return [event async for batch in DEMO.stream(request) for event in batch]

    return asyncio.run(run())


def text_of(events, kind=base.Text):
    return "".join(e.text for e in events if isinstance(e, kind) and e.choice == 0)


def test_its_first_sentence_says_what_it_is():
    for question in ("hello", "table and code", "short", ""):
        assert text_of(ask(question)).startswith(HONEST)


def test_a_greeting_tells_what_can_be_asked_for():
    text = text_of(ask("Good morning!"))
    assert all(f"**{word}**" in text for word in [*PARTS, "think", "slow", "error", "cut"])


@pytest.mark.parametrize("word", PARTS)
def test_a_word_chooses_its_part(word):
    assert PARTS[word][1] in text_of(ask(f"Please show me {word}."))


def test_the_same_question_gets_the_same_answer():
    assert text_of(ask("a long one")) == text_of(ask("a long one"))
    assert len(text_of(ask("a long one"))) > 10 * len(text_of(ask("a short one")))


def test_thinking_comes_before_the_answer():
    events = ask("think first")
    kinds = [type(event) for event in events if isinstance(event, base.Text | base.Reasoning)]
    assert kinds == sorted(kinds, key=lambda kind: kind is base.Text)
    assert text_of(events, base.Reasoning)


def test_usage_is_counted_and_free():
    events = ask("short")
    usage = next(event for event in events if isinstance(event, base.Usage))
    assert usage.cost == Decimal(0)
    assert usage.completion_tokens > 0
    assert events[-1] == base.Finish("stop")


@pytest.mark.parametrize("question", ["cut a table", "code"])
def test_a_continuation_goes_on_exactly_where_it_broke_off(question):
    limit = base.Parameters(max_tokens=30)
    first = ask(question, parameters=limit)
    assert first[-1] == base.Finish("length")
    said = base.ChatMessage("assistant", text_of(first))
    rest = ask(question, said, continuation=True)
    whole = question.removeprefix("cut a ")
    assert text_of(first) + text_of(rest) == text_of(ask(whole))
    assert rest[-1] == base.Finish("stop")


def test_an_error_on_request_keeps_what_was_said():
    async def run():
        request = base.ChatRequest("parley-demo", (base.ChatMessage("user", "an error"),))
        said = ""
        try:
            async for batch in DEMO.stream(request):
                said += text_of(batch)
        except errors.ProviderError as error:
            return said, error
        raise AssertionError("no error")

    said, error = asyncio.run(run())
    assert said.startswith(HONEST)
    assert error.after_first_token


def test_a_whole_reply_and_several_choices_are_possible():
    assert text_of(ask("table", stream=False)) == text_of(ask("table"))
    events = ask("short", n=2)
    assert [e.choice for e in events if isinstance(e, base.Finish)] == [0, 1]


def test_every_kind_makes_an_adapter():
    for name in KINDS:
        assert adapter_for(name, base.Endpoint("http://127.0.0.1/v1"))
