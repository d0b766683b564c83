"""Expected trouble: each kind with a code, an HTTP status and a sentence that a person can read.

Refused
├── Invalid      400  something sent doesn't fit
├── BudgetSpent  402  the reservation didn't fit the budget
├── NotFound     404  absent, or hidden: the same answer
├── Conflict     409  somebody was faster, or the state has changed
├── TooLong      413  more than the model reads at once, with the numbers
├── TooMany      429  with the seconds to wait
└── Unavailable  503  the store or the engine can't take it now
"""

from __future__ import annotations

from django.utils.formats import number_format
from django.utils.translation import gettext_lazy as _


class Refused(Exception):
    """Base of all expected trouble; `detail` is the sentence shown."""

    status = 400
    code = "invalid"
    detail: object = _("That couldn't be done.")

    def __init__(self, detail: object = None, *, code: str = "", **extra: object) -> None:
        self.detail = detail or self.detail
        self.code = code or self.code
        self.extra = extra
        super().__init__(str(self.detail))


class Invalid(Refused):
    pass


class BudgetSpent(Refused):
    status = 402
    code = "budget"
    detail = _("The budget is used up.")


class NotFound(Refused):
    status = 404
    code = "not_found"
    detail = _("There is nothing here, or it isn't shared with you.")


class Conflict(Refused):
    status = 409
    code = "conflict"
    detail = _("Something changed here in the meantime.")


class TooLong(Refused):
    """A turn of about `tokens`, for a model that reads `window`, `answer` of them kept free."""

    status = 413
    code = "context_length"

    def __init__(self, tokens: int, window: int, answer: int) -> None:
        super().__init__(
            _(
                "This is about %(tokens)s tokens long, the preset’s instructions included. The"
                " model reads %(window)s at once, and %(answer)s of them are kept for the answer."
                " Shorten the message, or choose a preset that reads more."
            )
            % {"tokens": _shown(tokens), "window": _shown(window), "answer": _shown(answer)}
        )
        self.extra = {"tokens": tokens, "window": window, "answer": answer}


def _shown(number: int) -> str:
    """With its thousands told apart, as the language does it."""
    return number_format(number, force_grouping=True)


class TooMany(Refused):
    status = 429
    code = "too_many"
    detail = _("That was a lot at once. Wait a moment, then send it again.")

    def __init__(self, retry_after_seconds: int) -> None:
        super().__init__(retry_after_seconds=retry_after_seconds)
        self.retry_after_seconds = retry_after_seconds


class Unavailable(Refused):
    status = 503
    code = "unavailable"
    detail = _("The server can't take this right now. Your text is still here; try again soon.")
