"""The processes that a run starts: each ends by its own id, and tells its processor time."""

from __future__ import annotations

import asyncio
import contextlib
import os
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
TICKS = os.sysconf("SC_CLK_TCK")
STOP_SECONDS = 15


class Failed(Exception):
    """A process that the run needs did not start, or ended in an error."""


def cores() -> tuple[set[int], set[int]]:
    """The server's core, and those of everything else; the same where there is only one."""
    if not hasattr(os, "sched_getaffinity"):
        return set(), set()
    every = sorted(os.sched_getaffinity(0))
    return ({every[0]}, set(every[1:])) if len(every) > 1 else (set(every), set(every))


@contextlib.contextmanager
def pinned(chosen: set[int]) -> Iterator[None]:
    """This process on `chosen` cores for a while."""
    if not chosen:
        yield
        return
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, chosen)
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


class Child:
    """A process of ours that serves."""

    def __init__(self, process: asyncio.subprocess.Process, log: Path) -> None:
        self.process = process
        self.pid = process.pid
        self.log = log
        self._drain: asyncio.Task[bytes] | None = None

    @classmethod
    async def start(
        cls,
        arguments: list[str],
        *,
        log: Path,
        env: Mapping[str, str] | None = None,
        on: set[int] | None = None,
    ) -> Child:
        """Start Python with `arguments` on the cores `on`; its errors go to `log`."""
        with log.open("ab") as errors:
            process = await asyncio.create_subprocess_exec(
                sys.executable,
                *arguments,
                cwd=ROOT,
                env=None if env is None else dict(env),
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.PIPE,
                stderr=errors,
            )
        if on:
            os.sched_setaffinity(process.pid, on)
        return cls(process, log)

    async def says(self, mark: str, seconds: float = 60) -> str:
        """Wait for a line that holds `mark`; raises `Failed` if it doesn't come."""
        assert self.process.stdout is not None
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                while line := (await self.process.stdout.readline()).decode():
                    if mark in line:
                        self._drain = asyncio.create_task(self.process.stdout.read())
                        return line.strip()
        await self.stop()
        raise Failed(f"A process did not start:\n{tail(self.log)}")

    async def stop(self) -> None:
        """End it: politely, then at once."""
        if self.process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                self.process.terminate()
            try:
                await asyncio.wait_for(self.process.wait(), STOP_SECONDS)
            except TimeoutError:
                self.process.kill()
                await self.process.wait()
        if self._drain is not None:
            self._drain.cancel()

    def cpu_seconds(self) -> float:
        """Processor time so far, of all its threads; in steps of 10 ms where not told finer."""
        if exact := self._scheduled(0):
            return exact
        fields = Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / TICKS

    def waited_seconds(self) -> float:
        """How long its threads could have run, but had no core."""
        return self._scheduled(1)

    def _scheduled(self, column: int) -> float:
        total = 0
        for path in Path(f"/proc/{self.pid}/task").glob("*/schedstat"):
            with contextlib.suppress(OSError):
                total += int(path.read_text().split()[column])
        return total / 1e9

    def memory_mib(self) -> float:
        """Its share of the memory (PSS), or what is resident where the system tells no shares."""
        for name, key in (("smaps_rollup", "Pss:"), ("status", "VmRSS:")):
            with contextlib.suppress(OSError, StopIteration):
                lines = Path(f"/proc/{self.pid}/{name}").read_text().splitlines()
                return int(next(line for line in lines if line.startswith(key)).split()[1]) / 1024
        return float("nan")


async def run(arguments: list[str], *, env: Mapping[str, str], log: Path) -> str:
    """Run a command to its end and return what it printed."""
    child = await Child.start(arguments, log=log, env=env)
    try:
        printed, _errors = await asyncio.wait_for(child.process.communicate(), 120)
    finally:
        await child.stop()
    if child.process.returncode:
        raise Failed(f"`{' '.join(arguments)}` failed:\n{tail(log)}")
    return printed.decode()


def tail(log: Path) -> str:
    return "\n".join(log.read_text(errors="replace").splitlines()[-20:])
