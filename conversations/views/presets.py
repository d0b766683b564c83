"""Presets of one's own: the list, and the form that makes, changes or copies one."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any
from uuid import UUID

from django import forms
from django.conf import settings
from django.contrib import messages
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from conversations.models import LanguageModel, Preset, PresetModel, PresetVersion, User
from conversations.presets import own as own_presets
from conversations.presets.fields import Kit, fields_of
from conversations.presets.forms import VersionForm
from conversations.presets.rules import NAMES
from conversations.problems import NotFound
from conversations.views.answering import PersonRequest, answers, uuid_or_none
from conversations.views.posts import see

KIT = Kit(
    text=forms.TextInput,
    area=forms.Textarea,
    select=forms.Select,
    ticks=forms.CheckboxSelectMultiple,
)
ABOUT = ("name", "description", "icon")
FieldsForm: type[VersionForm] = type("FieldsForm", (VersionForm,), fields_of(KIT))  # type: ignore[arg-type]


class OwnPresetForm(FieldsForm):  # type: ignore[misc, valid-type]
    """A preset of one's own, on the models that are open to its owner.

    What goes past the fields is for administrators alone.
    """

    extra_body = None
    name = forms.CharField(
        label=gettext_lazy("Name"),
        max_length=80,
        widget=forms.TextInput(attrs={"autocomplete": "off", "dir": "auto"}),
    )
    description = forms.CharField(
        label=gettext_lazy("Description"),
        required=False,
        max_length=200,
        widget=forms.TextInput(attrs={"autocomplete": "off", "dir": "auto"}),
    )

    def __init__(
        self,
        person: User,
        data: Mapping[str, Any] | None = None,
        *,
        preset: Preset | None = None,
        shown: PresetVersion | None = None,
        initial: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(data, initial=dict(initial or {}))
        self.person = person
        self.version = preset.version if preset else None
        if preset is not None:
            self.initial |= {name: getattr(preset, name) for name in ABOUT}
        self.prepare(shown or self.version)

    def offered(self) -> Iterable[LanguageModel]:
        return own_presets.open_models(self.person)

    @property
    def about(self) -> dict[str, str]:
        return {name: self.cleaned_data[name] for name in ABOUT}

    @property
    def parameters(self) -> list[forms.BoundField]:
        return [self[name] for name in NAMES if name in self.fields]

    @property
    def opens_parameters(self) -> bool:
        """Whether any of them says something, or is refused."""
        return any(self.initial.get(name) or self.errors.get(name) for name in NAMES)


def may_have_own() -> None:
    if not settings.OWN_PRESETS:
        raise NotFound


@answers("GET")
def listing(request: PersonRequest) -> HttpResponse:
    """One's own presets, and those of others that can be copied."""
    may_have_own()
    owned = Preset.objects.owned_by(request.user).select_related("version")
    offered = set(
        PresetModel.objects.offered_to(request.user).values_list("version__preset", flat=True)
    )
    presets = list(owned.prefetch_related("version__preset_models__model"))
    for preset in presets:
        preset.is_usable = preset.pk in offered  # type: ignore[attr-defined]
    copyable = Preset.objects.of_administrators().filter(pk__in=offered)
    return render(request, "presets/list.html", {"presets": presets, "copyable": copyable})


@answers("GET")
def new(request: PersonRequest) -> HttpResponse:
    """A form that is empty, or filled from a preset that one may use (`?from=`)."""
    may_have_own()
    source = uuid_or_none(request.GET.get("from", ""))
    return _page(request, _copy(request.user, source) if source else OwnPresetForm(request.user))


@answers("POST")
def create(request: PersonRequest) -> HttpResponse:
    """Make one of the form, or show what is wrong with it."""
    may_have_own()
    form = OwnPresetForm(request.user, request.POST)
    if not form.is_valid():
        return _page(request, form, status=400)
    preset = own_presets.create(request.user, form.about, form.meaning)
    return _done(request, _("%(name)s is yours, and in the list of presets."), preset)


def _copy(person: User, source: UUID) -> OwnPresetForm:
    preset, shown = own_presets.copied(person, source)
    about = {name: getattr(preset, name) for name in ABOUT}
    about["name"] = (_("My %(name)s") % {"name": preset.name})[:80]
    return OwnPresetForm(person, shown=shown, initial=about)


@answers("GET", "POST")
def edit(request: PersonRequest, pk: UUID) -> HttpResponse:
    """The form of one's own preset; a stale one answers 409 with the present number."""
    may_have_own()
    preset = own_presets.one_of(request.user, pk)
    if request.method != "POST":
        return _page(request, OwnPresetForm(request.user, preset=preset), preset)
    form = OwnPresetForm(request.user, request.POST, preset=preset)
    if form.is_valid():
        own_presets.change(preset, form.about, form.meaning)
        return _done(request, _("%(name)s is saved."), preset)
    return _page(request, form, preset, status=409 if form.is_stale else 400)


@answers("GET", "POST")
def delete(request: PersonRequest, pk: UUID) -> HttpResponse:
    """Ask, then take it away."""
    may_have_own()
    preset = own_presets.one_of(request.user, pk)
    if request.method != "POST":
        return render(request, "presets/delete.html", {"preset": preset})
    own_presets.remove(preset)
    return _done(request, _("%(name)s is removed."), preset)


@answers("POST")
def check(request: PersonRequest) -> HttpResponse:
    """What would be refused, by field, while one writes; nothing is saved."""
    may_have_own()
    pk = uuid_or_none(request.GET.get("preset", ""))
    preset = own_presets.one_of(request.user, pk) if pk else None
    form = OwnPresetForm(request.user, request.POST, preset=preset)
    errors = {name: list(map(str, said)) for name, said in form.errors.items()}
    return JsonResponse({"errors": errors})


def _page(
    request: HttpRequest, form: OwnPresetForm, preset: Preset | None = None, status: int = 200
) -> HttpResponse:
    context = {
        "form": form,
        "preset": preset,
        "has_models": bool(form["language_model"].field.models),
    }  # type: ignore[attr-defined]
    return render(request, "presets/form.html", context, status=status)


def _done(request: HttpRequest, told: str, preset: Preset) -> HttpResponse:
    messages.success(request, told % {"name": preset.name})
    return see(reverse("presets"))
