"""Decode every recorded body of a directory and compare with what it should mean.

    python tests/wire/replay.py DIR [--provider openai_compat]

Each body is decoded as it was delivered and again cut at every byte. One line for each case; the
last line counts them. Exits with 1 if any case failed.
"""

import argparse
import json
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from decimal import Decimal
from itertools import pairwise
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from conversations.providers import base, errors
from conversations.providers.classify import classify
from conversations.providers.cloudflare_form import CloudflareDecoder, read_page
from conversations.providers.decoder import ReplyDecoder
from conversations.providers.listing import read_models

Decoder = Callable[..., ReplyDecoder]
# DeepInfra and AI/ML API speak OpenAI's form, so the same decoder reads them.
DECODERS: dict[str, Decoder] = {
    "cloudflare": CloudflareDecoder,
    "openai_compat": ReplyDecoder,
    "deepinfra": ReplyDecoder,
    "aimlapi": ReplyDecoder,
}


@dataclass
class Outcome:
    """What a body came to, in the words of the expectations."""

    events: list[base.Event] = field(default_factory=list)
    error: errors.ProviderError | None = None
    models: list[base.ListedModel] | None = None

    def text(self, kind: type[base.Text] | type[base.Reasoning], choice: int = 0) -> str:
        return "".join(e.text for e in self.events if isinstance(e, kind) and e.choice == choice)

    def finish(self, choice: int = 0) -> str | None:
        ends = [e for e in self.events if isinstance(e, base.Finish) and e.choice == choice]
        return ends[0].reason if ends else None

    def usage(self) -> base.Usage | None:
        return next((e for e in self.events if isinstance(e, base.Usage)), None)


def cuts(body: bytes, response: dict[str, Any]) -> Iterator[tuple[str, list[bytes]]]:
    """The ways to deliver a body: as recorded, byte by byte, and in two at every byte."""
    splits = response.get("splits", [])
    if isinstance(splits, dict):
        splits = list(range(splits["every"], len(body), splits["every"]))
    ends = [0, *splits, len(body)]
    yield "as delivered", [body[a:b] for a, b in pairwise(ends)]
    yield "byte by byte", [body[i : i + 1] for i in range(len(body))]
    for cut in range(1, len(body)):
        yield f"cut at {cut}", [body[:cut], body[cut:]]


def play(case: dict[str, Any], blocks: list[bytes], decoder: Decoder) -> Outcome:
    """Decode one delivery as the adapter would."""
    response, headers = case["response"], case["response"]["headers"]
    body = b"".join(blocks)
    if "models" in case["expected"]:
        listed = read_page(body)[0] if case["provider"] == "cloudflare" else read_models(body)
        return Outcome(models=listed)
    if not 200 <= response["status"] < 300:
        return Outcome(error=classify(response["status"], headers, body))
    continuation = case["request"].get("continuation", False)
    reply = decoder(headers=headers, status=response["status"], continuation=continuation)
    events: list[base.Event] = []
    for block in blocks:
        events += reply.feed(block)
        if reply.over:
            break
    events += reply.finish(lost=response.get("end") == "reset")
    return Outcome(events, reply.failure)


def differences(case: dict[str, Any], got: Outcome) -> list[str]:
    """Everything in which the outcome is not the expected one."""
    expected = case["expected"]
    found = {name: seen for name, seen in summary(case, got).items() if name in expected}
    return [
        f"{name}: expected {expected[name]!r}, got {seen!r}"
        for name, seen in found.items()
        if not same(name, expected[name], seen)
    ]


def summary(case: dict[str, Any], got: Outcome) -> dict[str, Any]:
    """The outcome in the fields of an expectation."""
    error, usage = got.error, got.usage()
    started = any(isinstance(e, base.Text | base.Reasoning | base.ToolCall) for e in got.events)
    cost, cost_source = cost_of(case, usage)
    estimated = usage is None and case["expected"].get("usage_source") == "estimated"
    return {
        "outcome": "ok" if error is None else "partial" if started else "error",
        "text": got.text(base.Text),
        "reasoning": got.text(base.Reasoning),
        "finish_reason": got.finish(),
        "tool_calls": [e for e in got.events if isinstance(e, base.ToolCall) and not e.choice],
        "usage": usage,
        "usage_source": "provider" if usage else "estimated" if estimated else "none",
        "cost": cost,
        "cost_source": cost_source,
        "error_class": error.code if error else None,
        "retryable": bool(error and error.retryable and not error.after_first_token),
        "retry_after_s": error.retry_after_seconds if error else None,
        "after_first_token": bool(error and error.after_first_token),
        "choices": got,
        "models": got.models,
    }


def cost_of(case: dict[str, Any], usage: base.Usage | None) -> tuple[Decimal | None, str]:
    """The cost of a call: as reported, else from the case's price per million tokens."""
    price = case.get("price")
    if usage is None or (usage.cost is None and not price):
        return None, "none"
    if usage.cost is not None:
        return usage.cost, "provider"
    spent = usage.prompt_tokens * Decimal(price["in"])
    spent += usage.completion_tokens * Decimal(price["out"])
    return spent / 1_000_000, "price"


def same(name: str, expected: Any, seen: Any) -> bool:
    """Whether a field is as expected; an id of null stands for any that we made."""
    if name == "cost":
        return seen == (None if expected is None else Decimal(expected))
    if name == "usage" and expected and seen:
        return all(getattr(seen, key) == value for key, value in expected.items())
    if name == "tool_calls":
        return len(expected) == len(seen) and all(map(same_call, expected, seen))
    if name == "choices":
        return all(same_choice(choice, seen) for choice in expected)
    if name == "models":
        return len(expected) == len(seen) and all(map(same_model, expected, seen))
    return bool(expected == seen)


def same_call(expected: dict[str, Any], seen: base.ToolCall) -> bool:
    right_id = bool(seen.id) if expected["id"] is None else seen.id == expected["id"]
    try:
        arguments = json.loads(seen.arguments)
    except ValueError:
        arguments = seen.arguments
    return right_id and seen.name == expected["name"] and arguments == expected["arguments"]


def same_choice(expected: dict[str, Any], got: Outcome) -> bool:
    index = expected["index"]
    right_text = got.text(base.Text, index) == expected["text"]
    return right_text and got.finish(index) == expected["finish_reason"]


def same_model(expected: dict[str, Any], seen: base.ListedModel) -> bool:
    prices = [
        None if expected[p] is None else Decimal(expected[p]) for p in ("price_in", "price_out")
    ]
    return (
        (seen.id, seen.context) == (expected["id"], expected["context"])
        and [seen.price_in, seen.price_out] == prices
        and list(seen.aliases) == expected["aliases"]
    )


def check(case: dict[str, Any], body: bytes, decoder: Decoder) -> str:
    """Return "" when every delivery comes to what is expected, or the first difference."""
    for name, blocks in cuts(body, case["response"]):
        wrong = differences(case, play(case, blocks, decoder))
        if wrong:
            return f"{name}: {'; '.join(wrong)}"
    return ""


def load(directory: Path, provider: str | None = None) -> list[tuple[dict[str, Any], bytes]]:
    """The cases of a directory by name, each with its body."""
    cases = []
    for path in sorted(directory.glob("*.expected.json")):
        case = json.loads(path.read_text("utf-8"))
        if provider in (None, case["provider"]):
            cases.append((case, (directory / case["response"]["body_file"]).read_bytes()))
    return cases


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("directory", type=Path)
    parser.add_argument("--provider", help="only the cases of this kind")
    options = parser.parse_args()
    counts = {"passed": 0, "failed": 0, "skipped": 0}
    for case, body in load(options.directory, options.provider):
        decoder = DECODERS.get(case["provider"])
        trouble = check(case, body, decoder) if decoder else ""
        verdict = "failed" if trouble else "passed" if decoder else "skipped"
        counts[verdict] += 1
        reason = trouble or ("" if decoder else f"no adapter for {case['provider']} yet")
        print(f"{verdict} {case['case']}{': ' if reason else ''}{reason}")
    skipped = f", {counts['skipped']} skipped" if counts["skipped"] else ""
    print(f"{counts['passed']} passed, {counts['failed']} failed{skipped}")
    return 1 if counts["failed"] else 0


if __name__ == "__main__":
    sys.exit(main())
