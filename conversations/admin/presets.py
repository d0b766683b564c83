"""Presets. Saving makes a new version; old conversations keep the one that answered."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, ClassVar

from django import forms
from django.contrib import admin
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect
from django.urls import path, reverse
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _
from unfold.decorators import action
from unfold.widgets import UnfoldAdminSelect2MultipleWidget

from conversations.admin.base import ParleyAdmin
from conversations.admin.preset_pages import check_form, try_out, versions_page
from conversations.admin.preset_parameters import FieldsForm
from conversations.models import Capability, LanguageModel, Preset, Team, User
from conversations.models.base import is_uuid
from conversations.oversight.auditing import changes
from conversations.presets.offering import free_slug
from conversations.presets.rules import NAMES
from conversations.presets.versions import save_meaning

# There is one of each: whoever is chosen takes the place of another.
ONE_OF = ("is_default", "writes_titles")


class People(forms.ModelMultipleChoiceField):
    def label_from_instance(self, obj: Any) -> str:
        return f"{obj.display_name} ({obj.email or obj.username})"


class PresetForm(FieldsForm, forms.ModelForm):  # type: ignore[misc, type-arg, valid-type]
    """A preset with what its newest version says."""

    for_teams = forms.ModelMultipleChoiceField(
        Team.objects.order_by("name"),
        label=_("Teams"),
        required=False,
        widget=UnfoldAdminSelect2MultipleWidget,
    )
    for_people = People(
        User.objects.filter(is_active=True).order_by("first_name", "username"),
        label=_("People"),
        required=False,
        widget=UnfoldAdminSelect2MultipleWidget,
    )

    class Meta:
        model = Preset
        fields = (
            "name",
            "slug",
            "description",
            "icon",
            "for_everyone",
            "for_teams",
            "for_people",
            "enabled",
            "order",
            *ONE_OF,
        )
        labels: ClassVar = {"is_default": _("Default")}
        help_texts: ClassVar = {
            "slug": _("Programs call the preset by it."),
            "enabled": _("Old conversations keep a preset that isn’t offered."),
            "order": _("Lower numbers come first in the list."),
            "is_default": _("A new conversation begins with it. Only one preset is the default."),
            "writes_titles": _("It names new conversations. Only one preset does."),
        }

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        is_new = self.instance._state.adding
        copied = _copied(self.initial.pop("copy", "")) if is_new else None
        self.version = None if is_new else self.instance.version
        if copied is not None:
            self.initial = {**self.initial, **_initial_of_copy(copied)}
        self.prepare(copied.version if copied is not None else self.version)

    def offered(self) -> Iterable[LanguageModel]:
        return LanguageModel.objects.filter(withdrawn=False).select_related("provider")

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean() or {}
        named = cleaned.get("for_teams") or cleaned.get("for_people")
        if not cleaned.get("for_everyone") and not named:
            self.add_error("for_everyone", gettext("Choose teams or people, or everyone."))
        return cleaned

    def _get_validation_exclusions(self) -> set[str]:
        """Being the only one isn't checked but brought about: see `ONE_OF`."""
        return super()._get_validation_exclusions() | set(ONE_OF)


def _copied(pk: Any) -> Preset | None:
    rows = Preset.objects.of_administrators().select_related("version")
    return rows.filter(pk=pk).first() if is_uuid(str(pk)) else None


def _initial_of_copy(preset: Preset) -> dict[str, Any]:
    name = gettext("Copy of %(name)s") % {"name": preset.name}
    same = ("description", "icon", "for_everyone", "order")
    return {field: getattr(preset, field) for field in same} | {
        "name": name[:80],
        "slug": free_slug(name),
        "for_teams": list(preset.for_teams.all()),
        "for_people": list(preset.for_people.all()),
    }


@admin.register(Preset)
class PresetAdmin(ParleyAdmin):
    class Media:
        css = {"all": ("admin.css", "admin-presets.css")}
        js = (
            forms.Script("preset-form.js", type="module"),
            forms.Script("tryout.js", type="module"),
        )

    capability = Capability.PROVIDERS
    form = PresetForm
    change_form_before_template = "admin/preset_head.html"
    change_form_outer_after_template = "admin/preset_tryout.html"
    list_display = ("name", "models", "who", "enabled", "duties", "order", "newest")
    list_editable = ("order",)
    list_filter = ("enabled", "for_everyone")
    list_select_related = ("version",)
    search_fields = ("name", "slug", "description")
    prepopulated_fields = {"slug": ("name",)}
    actions_detail = ("versions", "copy")
    fieldsets = (
        (None, {"fields": ("name", "slug", "description", "icon")}),
        (
            _("What it says"),
            {"fields": ("language_model", "fallbacks", "system_text", "seen_version")},
        ),
        (_("Parameters"), {"classes": ("preset-parameters",), "fields": NAMES}),
        (_("Who may use it"), {"fields": ("for_everyone", "for_teams", "for_people")}),
        (_("Offer"), {"fields": ("enabled", "order", *ONE_OF)}),
    )

    def get_queryset(self, request: HttpRequest) -> QuerySet[Preset]:
        """People's own presets are theirs alone."""
        rows: QuerySet[Preset] = super().get_queryset(request)
        named = ("version__preset_models__model", "for_teams", "for_people")
        return rows.filter(pk__in=Preset.objects.of_administrators()).prefetch_related(*named)

    def get_urls(self) -> list[Any]:
        wrap = self.admin_site.admin_view
        return [
            path("check/", wrap(self.check_view), name="conversations_preset_check"),
            path("try/", wrap(self.try_view), name="conversations_preset_try"),
            *super().get_urls(),
        ]

    @action(description=_("Versions"), url_path="versions", permissions=["change"])
    def versions(self, request: HttpRequest, object_id: str) -> HttpResponse:
        return versions_page(request, self._one(request, object_id))

    @action(description=_("Copy"), url_path="copy", permissions=["change"])
    def copy(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """The form for a new one, filled in like this one."""
        preset = self._one(request, object_id)
        return redirect(f"{reverse('admin:conversations_preset_add')}?copy={preset.pk}")

    def check_view(self, request: HttpRequest) -> HttpResponse:
        self._demand(request)
        return check_form(self._bound(request))

    def try_view(self, request: HttpRequest) -> HttpResponseBase:
        self._demand(request)
        return try_out(request, self._bound(request))

    def _demand(self, request: HttpRequest) -> None:
        if request.method != "POST" or not self._may(request):
            raise Http404

    def _bound(self, request: HttpRequest) -> PresetForm:
        """The form as it stands on the page, saved or not."""
        pk = request.GET.get("preset", "")
        return PresetForm(request.POST, instance=self._one(request, pk) if pk else None)

    def _one(self, request: HttpRequest, pk: str) -> Preset:
        preset = self.get_object(request, pk)
        if preset is None:
            raise Http404
        return preset

    @admin.display(description=_("models"))
    def models(self, preset: Preset) -> str:
        rows = preset.version.preset_models.all() if preset.version else []
        return " → ".join(row.model.name for row in rows) or "–"

    @admin.display(description=_("for"))
    def who(self, preset: Preset) -> str:
        if preset.for_everyone:
            return gettext("everyone")
        teams = [team.name for team in preset.for_teams.all()]
        count = len(preset.for_people.all())
        people = [ngettext("one person", "%d people", count).replace("%d", str(count))]
        return ", ".join([*teams, *(people if count else [])])

    @admin.display(description=_("duties"))
    def duties(self, preset: Preset) -> str:
        duties = {"is_default": gettext("default"), "writes_titles": gettext("writes titles")}
        return ", ".join(told for name, told in duties.items() if getattr(preset, name))

    @admin.display(description=_("version"))
    def newest(self, preset: Preset) -> str:
        return str(preset.version.number) if preset.version else "–"

    def get_changeform_initial_data(self, request: HttpRequest) -> dict[str, Any]:
        return {"copy": request.GET["copy"]} if "copy" in request.GET else {}

    def save_model(self, request: HttpRequest, obj: Preset, form: Any, change: bool) -> None:
        for name in ONE_OF:
            if getattr(obj, name) and (not change or name in form.changed_data):
                Preset.objects.filter(**{name: True}).exclude(pk=obj.pk).update(**{name: False})
        super().save_model(request, obj, form, change)
        request.changed_fields = form.changed_data  # type: ignore[attr-defined]
        if isinstance(form, PresetForm):
            assert isinstance(request.user, User)
            save_meaning(obj, form.meaning, request.user)

    def log_change(self, request: HttpRequest, obj: Any, message: Any) -> Any:
        """With the numbers of the versions, and whom it is for now."""
        before = getattr(request, "row_before", None)
        detail = changes(before, obj) if before else {}
        if before is not None and detail.pop("version", []):
            detail["version"] = [_number(before), _number(obj)]
        for name in {"for_teams", "for_people"} & set(getattr(request, "changed_fields", ())):
            detail[name] = [str(one) for one in getattr(obj, name).all()]
        self._log(request, obj, "changed", detail)


def _number(preset: Preset) -> int | None:
    return preset.version.number if preset.version else None
