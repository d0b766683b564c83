"""A provider's form: of each kind only the fields that it needs, the rest folded away."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

from django import forms
from django.conf import settings
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext
from unfold.widgets import (
    UnfoldAdminPasswordWidget,
    UnfoldAdminTextareaWidget,
    UnfoldAdminTextInputWidget,
)

from conversations.admin.provider_facts import presets_of
from conversations.models import Kind, Provider
from conversations.models.providers import BASE_URLS
from conversations.models.secret_field import Unreadable
from conversations.providers.errors import AddressRefused
from conversations.providers.guard import check_url

ABOUT = {
    Kind.DEEPINFRA: _("Open models, paid by the token. You need a key from deepinfra.com."),
    Kind.AIMLAPI: _("The models of many makers behind one key, from aimlapi.com."),
    Kind.CLOUDFLARE: _("Models on Cloudflare’s network. You need your account’s id and a token."),
    Kind.OPENAI_COMPATIBLE: _(
        "Any server or service that speaks OpenAI’s chat completions: vLLM, Ollama, llama.cpp,"
        " LM Studio and many more. You need its address."
    ),
    Kind.DEMO: _(
        "Shows what the site does. It is no language model, needs nothing, costs nothing."
    ),
}
LOCAL = ("localhost", "localhost.localdomain")
DEADLINES = ("connect_seconds", "first_byte_seconds", "silence_seconds", "total_seconds")
FOLDED = {"classes": ("collapse",)}


def fields_of(kind: str, *, is_new: bool) -> tuple[str, ...]:
    """What is asked first of this kind, in order."""
    asked = {
        Kind.CLOUDFLARE: ("account_id", "new_key"),
        Kind.OPENAI_COMPATIBLE: ("base_url", "new_key"),
        Kind.DEMO: (),
    }.get(Kind(kind), ("new_key",))
    by_hand = ("new_models",) if kind == Kind.OPENAI_COMPATIBLE else ()
    return ("kind", "name", *asked, *by_hand) if is_new else ("enabled", "name", *asked)


def fields_with_key(kind: str) -> tuple[str, ...]:
    """The same of a provider that has a key: it is asked for only beside another address."""
    shown = fields_of(kind, is_new=False)
    return shown if "base_url" in shown else tuple(name for name in shown if name != "new_key")


def folded_of(
    kind: str, *, is_new: bool, has_key: bool = False
) -> list[tuple[Any, dict[str, Any]]]:
    """What is folded away."""
    if kind == Kind.DEMO:
        return [(_("More"), FOLDED | {"fields": ("concurrency", "options")})]
    shown = fields_with_key(kind) if has_key else fields_of(kind, is_new=is_new)
    asked = ("new_models", "base_url", *(["new_key"] if has_key else []))
    named = [name for name in asked if name not in shown]
    more = (*named, *DEADLINES, "concurrency", "options")
    return [(_("More"), FOLDED | {"fields": more})]


class ProviderForm(forms.ModelForm):  # type: ignore[type-arg]
    """A provider, with its key as a field that is never filled in."""

    new_key = forms.CharField(
        label=_("Key"),
        required=False,
        strip=True,
        max_length=4_000,
        widget=UnfoldAdminPasswordWidget(attrs={"autocomplete": "off"}),
    )
    account_id = forms.CharField(
        label=_("Account id"),
        max_length=200,
        widget=UnfoldAdminTextInputWidget,
        help_text=_("It stands in the address of Cloudflare’s dashboard."),
    )
    new_models = forms.CharField(
        label=_("Add models"),
        required=False,
        widget=UnfoldAdminTextareaWidget(attrs={"rows": 3}),
        help_text=_(
            "One model id a line, as the provider spells it. Each gets a preset. Leave it empty to"
            " choose from the provider’s own list afterwards."
        ),
    )

    class Meta:
        model = Provider
        fields = ("name", "kind", "base_url", "enabled", "options", "concurrency", *DEADLINES)
        widgets = {
            "kind": forms.HiddenInput,
            "options": UnfoldAdminTextareaWidget(attrs={"rows": 3}),
        }
        labels = {
            "enabled": _("In use"),
            "connect_seconds": _("Seconds until it is connected"),
            "first_byte_seconds": _("Seconds until its first word"),
            "silence_seconds": _("Seconds of silence in between"),
            "total_seconds": _("Seconds for the whole answer"),
        }
        help_texts = {
            "concurrency": _(
                "More wait in a queue. Empty: as many as providers of this kind take."
            ),
            "options": _("JSON with what few need, as the documentation of providers says."),
        }

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.kind = self.instance.kind or self.data.get("kind") or self.initial.get("kind", "")
        self._leave_out()
        self._describe()
        self._stored_key = bool(self.instance.key) and not self.instance._state.adding
        options = dict(self.instance.options)
        self.initial["account_id"] = options.pop("account_id", "")
        self.initial["options"] = options

    def _leave_out(self) -> None:
        """Fields that this kind doesn't have."""
        asked = fields_of(self.kind, is_new=self.instance._state.adding) if self.kind else ()
        for name in ("account_id", "new_key"):
            if name not in asked:
                self.fields.pop(name, None)
        if self.kind == Kind.DEMO:
            self.fields.pop("new_models", None)

    def _describe(self) -> None:
        """What each field means for this kind."""
        if "new_key" in self.fields:
            self.fields["new_key"].help_text = self._key_help()
        if "base_url" in self.fields:
            usual = BASE_URLS.get(self.kind, "")
            field = self.fields["base_url"]
            field.required = not usual
            field.error_messages["required"] = _("A provider of this kind needs its base URL.")
            field.help_text = (
                _("Empty: %(usual)s") % {"usual": usual}
                if usual
                else _("Where it answers, for example http://127.0.0.1:11434/v1")
            )
        if "enabled" in self.fields:
            self.fields["enabled"].help_text = self._switch_help()

    def _key_help(self) -> Any:
        if self.instance.key:
            return _(
                "Only with another address: the stored key, ending in %(hint)s, goes to no address"
                " but the one that it was written for. Otherwise use “Rotate key”."
            ) % {"hint": self.instance.key.hint}
        if isinstance(self.instance.key, Unreadable):
            return _(
                "The stored one can’t be read with this site’s encryption keys. Write it anew."
            )
        if self.kind == Kind.OPENAI_COMPATIBLE:
            return _(
                "A server of your own may need none. It is written once and never shown again."
            )
        return _("It is written once, stored encrypted, and never shown again.")

    def _switch_help(self) -> str:
        count = len(presets_of(self.instance))
        return ngettext(
            "Off: nobody is answered by it, and %(count)d preset isn’t offered until it is on again.",
            "Off: nobody is answered by it, and %(count)d presets aren’t offered until it is on again.",
            count,
        ) % {"count": count}

    def clean_new_key(self) -> str:
        """What fits into a header."""
        key: str = self.cleaned_data["new_key"]
        if not key.isascii() or not key.isprintable() or " " in key:
            raise forms.ValidationError(_("A key has no blanks and no special characters."))
        return key

    def clean_base_url(self) -> str:
        """Refuse what would be refused with the first call, as far as the address alone tells."""
        url: str = (self.cleaned_data["base_url"] or BASE_URLS.get(self.kind, "")).rstrip("/")
        if not is_address(url):
            raise forms.ValidationError(_("This is no address that can be called."))
        if "?" in url or "#" in url:
            raise forms.ValidationError(_("Write the address without what follows “?” or “#”."))
        if is_private(url):
            raise forms.ValidationError(
                _(
                    "This address is private, and this site calls public ones only. Whoever runs it"
                    " can allow private addresses with PARLEY_PRIVATE_PROVIDERS=true."
                )
            )
        return url

    def clean(self) -> dict[str, Any]:
        """The account is an option of the provider like others, with a field of its own."""
        cleaned = super().clean() or {}
        options = cleaned.get("options")
        if options is not None and not isinstance(options, dict):
            self.add_error("options", _("A JSON object is needed, such as {}."))
            return cleaned
        account = cleaned.get("account_id", "").strip()
        cleaned["options"] = {**(options or {}), **({"account_id": account} if account else {})}
        self.instance.options = cleaned["options"]
        if self._stored_key and not self.errors:
            self._check_key(cleaned)
        return cleaned

    def _check_key(self, cleaned: dict[str, Any]) -> None:
        """A stored key is never sent to an address that somebody changed afterwards."""
        moves = origin(cleaned.get("base_url", "")) != origin(self.initial.get("base_url", ""))
        if moves and not cleaned.get("new_key"):
            self.add_error("new_key", _("Write the key for the new address too."))
        elif cleaned.get("new_key") and not moves:
            self.add_error("new_key", _("To replace the key at this address use “Rotate key”."))

    def save(self, commit: bool = True) -> Any:
        if self.cleaned_data.get("new_key"):
            self.instance.key = self.cleaned_data["new_key"]
            self.instance.old_key, self.instance.old_key_until = "", None
        return super().save(commit)

    @property
    def model_names(self) -> list[str]:
        """The ids of models to add."""
        lines = self.cleaned_data.get("new_models", "").splitlines()
        return sorted({line.strip() for line in lines} - {""})


def origin(url: str) -> tuple[str, str]:
    """Whom an address belongs to."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return "", url
    return parts.scheme, parts.netloc.lower()


def is_address(url: str) -> bool:
    """Whether it can be taken apart at all."""
    try:
        return urlsplit(url).port != 0
    except ValueError:
        return False


def is_private(url: str) -> bool:
    """Whether the site may not call this address, as far as can be told without looking it up."""
    if settings.PRIVATE_PROVIDERS or not url:
        return False
    try:
        host = (urlsplit(url).hostname or "").rstrip(".")
        check_url(url, allow_private=False)
    except (AddressRefused, ValueError):
        return True
    return host in LOCAL or host.endswith(".localhost")
