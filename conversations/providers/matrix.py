"""Which parameters a provider takes, within which bounds, and what they mean. Data only.

A preset stores one neutral set of these. `FIELDS` says what each is; `MATRIX` which kind of provider
takes it, in section 2 of docs/providers.md's words; `SERVERS` what certain servers of the
compatible kind take beyond OpenAI's; a model may have limits of its own. What isn't in a kind's
column is never sent there.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

Bound = int | Decimal | None

INTEGER, NUMBER, BOOLEAN, TEXT = "integer", "number", "boolean", "text"
CHOICE, TEXTS, OBJECT, LIST = "choice", "texts", "object", "list"


@dataclass(frozen=True, slots=True)
class Field:
    """What a parameter is: its type, its name for people, and a sentence about it."""

    type: str
    label: str
    help: str


@dataclass(frozen=True, slots=True)
class Taken:
    """How one provider takes a parameter. Bounds belong to the range unless `above` is set.

    `above`: the lower bound itself is refused. `default` is what the provider assumes. `most` bounds
    the number of entries of a list. `choices` are the values of a choice.
    """

    low: Bound = None
    high: Bound = None
    default: Bound = None
    above: bool = False
    most: int | None = None
    choices: tuple[str, ...] = ()


FIELDS: dict[str, Field] = {
    "max_tokens": Field(INTEGER, "Longest answer", "The most tokens that an answer may have."),
    "temperature": Field(
        NUMBER, "Temperature", "Higher makes answers more varied, lower more predictable."
    ),
    "top_p": Field(
        NUMBER, "Top p", "Choose among the likeliest tokens that together have this probability."
    ),
    "top_k": Field(INTEGER, "Top k", "Choose among this many of the likeliest tokens."),
    "min_p": Field(
        NUMBER, "Min p", "Leave out tokens less likely than this share of the likeliest one."
    ),
    "repetition_penalty": Field(
        NUMBER, "Repetition penalty", "Above 1, tokens that came before become less likely."
    ),
    "frequency_penalty": Field(
        NUMBER, "Frequency penalty", "Makes tokens less likely the more often they came before."
    ),
    "presence_penalty": Field(
        NUMBER, "Presence penalty", "Makes tokens that came before less likely, however often."
    ),
    "seed": Field(
        INTEGER, "Seed", "The same seed and request give the same answer, as far as the model can."
    ),
    "stop": Field(TEXTS, "Stop texts", "The answer ends before any of these, one a line."),
    "n": Field(INTEGER, "Answers", "How many answers are written side by side to each message."),
    "reasoning_effort": Field(CHOICE, "Reasoning effort", "How long a reasoning model thinks."),
    "response_format": Field(
        CHOICE, "Form of the answer", "Whether answers have to be JSON. The instructions should say so."
    ),
    "json_schema": Field(OBJECT, "JSON schema", "The form that a JSON answer has to fit."),
    "json_strict": Field(BOOLEAN, "Strict schema", "Have the provider keep to the schema strictly."),
    "lora": Field(TEXT, "LoRA adapter", "The name or id of a fine-tuned adapter to answer with."),
    "raw": Field(BOOLEAN, "Raw prompt", "Send the conversation as one text in ChatML."),
    "functions": Field(
        LIST, "Embedded functions", "For embedded function calling: a list of {name, code}."
    ),
    "tool_choice": Field(CHOICE, "Tool choice", "Whether the model may, or has to, call a tool."),
    "parallel_tool_calls": Field(
        BOOLEAN, "Parallel tool calls", "Whether the model may call several tools at once."
    ),
    "logprobs": Field(BOOLEAN, "Log probabilities", "Have the provider report them."),
    "top_logprobs": Field(
        INTEGER, "Alternatives", "For how many tokens at each place log probabilities are reported."
    ),
    "logit_bias": Field(OBJECT, "Token bias", "Token ids and by how much they are preferred."),
}  # fmt: skip

# What the extra body can't set: what has a field of its own or belongs to the request itself, and
# other words for the same, which would cost money that nobody reserved.
NOT_EXTRA = frozenset(FIELDS) | {
    "model", "models", "messages", "prompt", "stream", "stream_options", "tools", "function_call",
    "user", "best_of", "max_completion_tokens", "max_new_tokens", "max_output_tokens", "n_predict",
}  # fmt: skip

MOST_CHOICES = 4
JSON_OBJECT, JSON_SCHEMA = "json_object", "json_schema"
EFFORTS = ("minimal", "low", "medium", "high")
# A schema is a matter of ours as well: where the provider doesn't take it, answers are checked here.
CHAT = {
    "json_schema": Taken(),
    "n": Taken(1, MOST_CHOICES, 1),
}
OPENAI_ONLY = {
    "json_strict": Taken(),
    "parallel_tool_calls": Taken(),
    "logprobs": Taken(),
    "top_logprobs": Taken(0, 20),
    "logit_bias": Taken(-100, 100),
    "tool_choice": Taken(choices=("none", "auto", "required")),
    "response_format": Taken(choices=("text", JSON_OBJECT, JSON_SCHEMA)),
    "stop": Taken(most=4),
}

MATRIX: dict[str, dict[str, Taken]] = {
    "deepinfra": CHAT | {
        "max_tokens": Taken(0, 1_000_000),
        "temperature": Taken(0, 2, 1),
        "top_p": Taken(0, 1, 1, above=True),
        "top_k": Taken(0, 999, 0),
        "min_p": Taken(0, 1, 0),
        "repetition_penalty": Taken(Decimal("0.01"), 5, 1),
        "frequency_penalty": Taken(-2, 2, 0),
        "presence_penalty": Taken(-2, 2, 0),
        "seed": Taken(0, 2**63 - 1),
        "stop": Taken(most=16),
        "response_format": Taken(choices=(JSON_OBJECT,)),
        "tool_choice": Taken(choices=("none", "auto")),
    },
    "aimlapi": CHAT | OPENAI_ONLY | {
        "max_tokens": Taken(1),
        "temperature": Taken(0, 2),
        "top_p": Taken(Decimal("0.01"), 1),
        "top_k": Taken(),
        "min_p": Taken(Decimal("0.001"), Decimal("0.999")),
        "repetition_penalty": Taken(),
        "frequency_penalty": Taken(-2, 2),
        "presence_penalty": Taken(-2, 2),
        "seed": Taken(1),
    },
    "cloudflare": {
        "max_tokens": Taken(1, None, 256),
        "temperature": Taken(0, 5, Decimal("0.6")),
        "top_p": Taken(0, 2),
        "top_k": Taken(1, 50),
        "repetition_penalty": Taken(0, 2),
        "frequency_penalty": Taken(0, 2),
        "presence_penalty": Taken(0, 2),
        "seed": Taken(1, 9_999_999_999),
        "response_format": Taken(choices=(JSON_OBJECT, JSON_SCHEMA)),
        "json_schema": Taken(),
        "lora": Taken(),
        "raw": Taken(),
        "functions": Taken(),
    },
    "openai_compatible": CHAT | OPENAI_ONLY | {
        "max_tokens": Taken(1),
        "temperature": Taken(0, 2, 1),
        "top_p": Taken(0, 1, 1),
        "frequency_penalty": Taken(-2, 2, 0),
        "presence_penalty": Taken(-2, 2, 0),
        "seed": Taken(-(2**63), 2**63 - 1),
        "reasoning_effort": Taken(choices=EFFORTS),
    },
    "demo": {},
}  # fmt: skip

_SAMPLING = {"top_k": Taken(0), "min_p": Taken(0, 1), "repetition_penalty": Taken(0, above=True)}
# By the option `server` of a compatible provider.
SERVERS: dict[str, dict[str, Taken]] = {
    "vllm": _SAMPLING,
    "llama.cpp": _SAMPLING,
    "openrouter": _SAMPLING,
}

# Kinds whose provider is told who asks, by a hash.
TELLS_USER = frozenset({"deepinfra", "openai_compatible"})
# Kinds whose models may be offered tools.
TAKES_TOOLS = frozenset({"deepinfra", "aimlapi", "cloudflare", "openai_compatible"})
# Kinds whose streams are asked for their usage.
TELLS_USAGE = frozenset({"deepinfra", "aimlapi", "openai_compatible"})


def column(
    kind: str, options: Mapping[str, Any] | None = None, limits: Mapping[str, Any] | None = None
) -> dict[str, Taken]:
    """What a model takes: its kind's column, its server's additions, and its own `limits`.

    `limits` is what an administrator or the listing knows of one model: `{field: null}` for one that
    it doesn't take, `{field: {"low": …, "high": …}}` for narrower or other bounds.
    """
    taken = dict(MATRIX.get(kind, {}))
    if kind == "openai_compatible" and options:
        taken |= SERVERS.get(str(options.get("server", "")), {})
    for name, limit in (limits or {}).items():
        if limit is None:
            taken.pop(name, None)
        elif name in taken:
            taken[name] = _limited(taken[name], limit)
    return taken


def _limited(taken: Taken, limit: Mapping[str, Any]) -> Taken:
    low, high = _exact(limit.get("low", taken.low)), _exact(limit.get("high", taken.high))
    above = taken.above and low == taken.low
    return Taken(low, high, taken.default, above, taken.most, taken.choices)


def _exact(bound: float | Bound) -> Bound:
    """A bound as it is written: 0.1 is a tenth, and not the binary number beside it."""
    return Decimal(repr(bound)) if isinstance(bound, float) else bound
