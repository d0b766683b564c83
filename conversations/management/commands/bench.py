"""`bench`: measure Parley on this machine, beside a bare relay in the same run."""

from __future__ import annotations

import asyncio
import json
import os
import platform
import time
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from conversations.bench.processes import Failed
from conversations.bench.run import Run, groups, measure
from conversations.bench.stats import table


class Command(BaseCommand):
    """Starts a provider, a relay and a Parley of its own on loopback, and ends them again."""

    help = (
        "Measure Parley on this machine with a temporary site of its own, beside a bare relay."
        " Compare ratios within a run, not milliseconds between machines."
    )
    requires_system_checks = ()

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--quick", action="store_true", help="one short run of each")
        parser.add_argument(
            "--only",
            nargs="+",
            metavar="NAME",
            choices=list(groups()),
            help=f"any of: {', '.join(groups())}",
        )
        parser.add_argument("--repeat", type=int, default=0, metavar="N", help="runs (default 3)")
        parser.add_argument("--json", type=Path, metavar="FILE", help="write every run's values")

    def handle(self, *args: Any, quick: bool, repeat: int, **options: Any) -> None:
        began = time.monotonic()
        names = [name for name in groups() if name in (options["only"] or groups())]
        repeat = max(1, repeat or (1 if quick else 3))
        try:
            run = asyncio.run(measure(names, repeat, quick, self._say))
        except (Failed, TimeoutError, asyncio.CancelledError) as trouble:
            raise CommandError(str(trouble) or "The run was broken off.") from None
        self._say(f"\n{machine()}, {repeat} run{'s' * (repeat > 1)}\n\n{table(run.figures)}")
        for note in run.notes:
            self._say(f"\n{note}")
        missed = [figure.name.strip() for figure in run.figures if figure.verdict == "missed"]
        self._say(f"\n{len(missed)} missed{': ' if missed else ''}{'; '.join(missed)}")
        self._say(f"{time.monotonic() - began:.0f} s in all")
        if options["json"]:
            options["json"].write_text(json.dumps(as_json(run), indent=1) + "\n")

    def _say(self, text: str) -> None:
        self.stdout.write(text)
        self.stdout.flush()


def machine() -> str:
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return f"{platform.system()} {platform.machine()}, {cores} cores, Python {platform.python_version()}"


def as_json(run: Run) -> dict[str, Any]:
    return {
        "machine": machine(),
        "figures": [figure.as_json() for figure in run.figures],
        "notes": run.notes,
    }
