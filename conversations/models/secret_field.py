"""A text column that is encrypted at rest, with a key kept outside the database."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from django.conf import settings
from django.db import models


@lru_cache(maxsize=4)
def cipher(keys: str) -> MultiFernet:
    """The cipher of comma-separated Fernet keys: the first encrypts, all decrypt."""
    return MultiFernet([Fernet(key.strip()) for key in keys.split(",") if key.strip()])


class Secret(str):
    """A decrypted value that doesn't show itself when it is printed; `reveal()` gives the text."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "Secret('…')"

    __str__ = __repr__

    def __format__(self, spec: str) -> str:
        return repr(self)

    def __copy__(self) -> Secret:
        return self

    def __deepcopy__(self, memo: Any) -> Secret:
        return self

    def __reduce__(self) -> Any:
        """Pickles hold the token, as the database does."""
        return opened, (sealed(self.reveal()),)

    def reveal(self) -> str:
        return "".join(self)

    @property
    def hint(self) -> str:
        """The last four characters, which is the most that is ever shown."""
        return f"…{self.reveal()[-4:]}" if len(self) >= 12 else "…"


def sealed(text: str) -> str:
    """The token that stands for a text outside this process."""
    return cipher(settings.ENCRYPTION_KEYS).encrypt(text.encode()).decode() if text else ""


def opened(token: str) -> Secret:
    """What a token stands for. One that none of our keys opens is `Unreadable`."""
    if not token:
        return Secret("")
    try:
        return Secret(cipher(settings.ENCRYPTION_KEYS).decrypt(token.encode()).decode())
    except InvalidToken:
        unreadable = Unreadable("")
        unreadable.token = token
        return unreadable


class Unreadable(Secret):
    """What none of our keys decrypts: empty, but saving its row again keeps the stored `token`."""

    token: str

    def __reduce__(self) -> Any:
        return opened, (self.token,)


class SecretField(models.TextField):
    """Stores `Secret`s as Fernet tokens. It can't be searched, and dumps hold only the token."""

    def get_prep_value(self, value: Any) -> Any:
        if isinstance(value, Unreadable):
            return value.token
        return sealed(value.reveal() if isinstance(value, Secret) else str(value or ""))

    def from_db_value(self, value: str, expression: Any, connection: Any) -> Secret:
        return opened(value)

    def value_to_string(self, obj: Any) -> str:
        return str(self.get_prep_value(self.value_from_object(obj)))
