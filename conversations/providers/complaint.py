"""What an error body says, whatever its shape.

`{error: {message, type, param, code}}` (OpenAI), `{error: "text"}`, `{detail: "text" | {error} |
[{loc, msg}]}` (FastAPI), `{message, statusCode}`, `{errors: [{code, message}]}` (Cloudflare),
`{object: "error", message, code}` (older vLLM), `{error_type, error_message}`, an error within one
of the choices (OpenRouter), plain text, or a proxy's HTML.
"""

import re
from dataclasses import dataclass
from typing import Any

from .loose_json import parse

ERROR_KEYS = ("error", "detail", "error_type", "errors")
CODE_PREFIX = re.compile(r"^(?:AiError: )?(\d{4,5}):")


@dataclass(slots=True)
class Complaint:
    """The words and codes of an error. `names` are its codes and types in lower case."""

    message: str
    names: tuple[str, ...] = ()
    number: int | None = None
    cloudflare: int | None = None


def read(body: object) -> Complaint:
    """Find message, codes and numbers in any of the shapes."""
    if isinstance(body, bytes):
        value = parse(body)
        body = value if isinstance(value, dict | list) else plain(body)
    if isinstance(body, list) and body:
        body = body[0]
    if not isinstance(body, dict):
        return Complaint(str(body or ""), cloudflare=_prefix(str(body or "")))
    listed = body.get("errors")
    if isinstance(listed, list) and listed and isinstance(listed[0], dict):
        said = str(listed[0].get("message") or "")
        return Complaint(said, cloudflare=_number(listed[0].get("code")) or _prefix(said))
    inner = body.get("error") or body.get("detail")
    if isinstance(inner, dict) and isinstance(inner.get("error"), dict | str):
        inner = inner["error"]
    if isinstance(inner, list):
        return Complaint("; ".join(_field(item) for item in inner))
    return _complaint(inner if isinstance(inner, dict) else body, inner)


def _complaint(fields: dict[str, Any], inner: object) -> Complaint:
    said = inner if isinstance(inner, str) else None
    said = said or str(fields.get("message") or fields.get("error_message") or "")
    coded = [fields.get(key) for key in ("code", "type", "error_type", "status", "statusCode")]
    names = tuple(value.lower() for value in coded if isinstance(value, str))
    number = next((n for n in map(_number, coded) if n and 400 <= n < 600), None)
    return Complaint(said or "", names, number, _prefix(said or ""))


def _field(item: object) -> str:
    """One complaint of a validating server: where, and what."""
    if not isinstance(item, dict):
        return str(item)
    where = item.get("loc")
    path = ".".join(str(step) for step in where) if isinstance(where, list) else ""
    return f"{path}: {item.get('msg', '')}"


def _number(value: object) -> int | None:
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    return int(value) if isinstance(value, str) and re.fullmatch(r"\d{1,6}", value) else None


def _prefix(message: str) -> int | None:
    found = CODE_PREFIX.match(message)
    return int(found[1]) if found else None


def plain(body: bytes) -> str:
    """A readable line of a body that is no JSON: the title of an HTML page, or its first words."""
    text = body[:4096].decode("utf-8", "replace")
    title = re.search(r"(?is)<title[^>]*>([^<]*)", text)
    return title[1] if title else re.sub(r"<[^>]*>", " ", text)


def is_complaint(value: dict[str, Any]) -> bool:
    """Whether a document is an error, or carries one in or beside its choices."""
    choices = value.get("choices")
    if value.get("error"):
        return True
    if choices:
        return choice_complaint(choices) is not None
    if any(value.get(key) for key in ERROR_KEYS) or value.get("object") == "error":
        return True
    return "statusCode" in value and "message" in value


def choice_complaint(choices: object) -> dict[str, Any] | None:
    """The error that one of the choices carries, which is OpenRouter's way."""
    for entry in choices if isinstance(choices, list) else []:
        if isinstance(entry, dict) and entry.get("error"):
            return {"error": entry["error"]}
    return None
