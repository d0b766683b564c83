"""`provider`: add a provider with its models and presets, or check that it answers."""

from __future__ import annotations

import os
from decimal import Decimal, InvalidOperation
from typing import Any

from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError, CommandParser

from conversations import connections
from conversations.models import Kind, Provider
from conversations.oversight.auditing import changes, record
from conversations.preparing import DEMO, FREE, migrate
from conversations.presets.offering import Prices, add_known_models, offer_models


class Command(BaseCommand):
    """`provider add NAME --kind KIND …` and `provider check NAME`."""

    help = "Add a provider (doing it again changes nothing), or check that one answers."

    def add_arguments(self, parser: CommandParser) -> None:
        actions = parser.add_subparsers(dest="action", required=True)
        add = actions.add_parser("add", help="Add a provider; prints each preset's slug.")
        add.add_argument("name")
        add.add_argument("--kind", required=True, choices=Kind.values)
        add.add_argument("--base-url", default="")
        add.add_argument("--key-env", help="The environment variable that holds the key.")
        add.add_argument("--option", action="append", default=[], metavar="NAME=VALUE")
        add.add_argument(
            "--model",
            action="append",
            default=[],
            metavar="ID[=IN/OUT]",
            help="A model, and what it costs in dollars per million tokens.",
        )
        check = actions.add_parser("check", help="Test the connection, step by step.")
        check.add_argument("name")

    def handle(self, *args: Any, action: str, **options: Any) -> None:
        migrate(self.stderr.write)
        if action == "add":
            self._add(**options)
        else:
            self._check(options["name"])

    def _add(self, *, name: str, kind: str, base_url: str, **options: Any) -> None:
        before = Provider.objects.filter(name=name).first()
        provider = Provider.objects.filter(name=name).first() or Provider(name=name)
        provider.kind, provider.base_url = kind, base_url.rstrip("/")
        provider.options = dict(_pair(option) for option in options["option"])
        if options["key_env"]:
            provider.key = _key_from(options["key_env"])
        try:
            provider.full_clean()
        except ValidationError as trouble:
            raise CommandError("; ".join(trouble.messages)) from None
        provider.save()
        if detail := changes(before, provider):
            record(f"provider.{'changed' if before else 'added'}", subject=provider, detail=detail)
        models = dict(_model(text) for text in options["model"])
        known = add_known_models(provider)
        if not models:
            models = {model.name: None for model in known}
        if kind == Kind.DEMO and not models:
            models = {DEMO: FREE}
        for preset in offer_models(provider, models):
            self.stdout.write(preset.slug)

    def _check(self, name: str) -> None:
        provider = Provider.objects.filter(name=name).first()
        if provider is None:
            raise CommandError(f"There is no provider called {name}.")
        steps = connections.check(provider)
        for step in steps:
            mark = {True: "ok", False: "failed", None: "–"}[step.passed]
            self.stdout.write(
                f"{mark:7} {step.name:11} {step.seconds * 1000:6.0f} ms  {step.found}"
            )
            if step.advice:
                self.stdout.write(f"        {step.advice}")
        if steps[-1].passed is False:
            raise CommandError(f"{name} doesn't answer yet.")


def _pair(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not equals or not name:
        raise CommandError(f"An option is written NAME=VALUE, not {text}.")
    return name, value


def _key_from(variable: str) -> str:
    if key := os.environ.get(variable, ""):
        return key
    raise CommandError(f"The environment variable {variable} is empty.")


def _model(text: str) -> tuple[str, Prices | None]:
    """`ID=IN/OUT`: ids may hold `=` and `/` themselves, so the price is what parses at the end."""
    name, equals, rest = text.rpartition("=")
    if not equals:
        return text, None
    try:
        dollars_in, dollars_out = (Decimal(price) for price in rest.split("/"))
    except (InvalidOperation, ValueError):
        return text, None
    if dollars_in < 0 or dollars_out < 0:
        raise CommandError("A price can't be below zero.")
    return name, (dollars_in, dollars_out)
