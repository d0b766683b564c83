"""Figures of answers on their way: first tokens, delays, processor time, floods, viewers."""

from __future__ import annotations

import asyncio
import math
import time
from statistics import median

import aiohttp

from .load import STAMP, Paced, first_tokens, flood, paced
from .run import Run
from .stats import Target

WITHIN = 1.5
FIRST_TIMES = 15


async def first(run: Run) -> None:
    """The first token of a lone answer, beyond what the provider itself takes."""
    parley = await run.parley()
    added = run.figure("first token added, 1 stream", "ms", Target(12))
    await first_tokens(parley, 5)
    for _run in range(run.repeat):
        direct = median(await _direct(run.provider, FIRST_TIMES))
        ours = median(await first_tokens(parley, FIRST_TIMES))
        relay = median(await first_tokens(run.relay, FIRST_TIMES))
        added.add(ours - direct, max(0.01, relay - direct))


async def _direct(provider: str, times: int) -> list[float]:
    """Milliseconds to the first token for somebody who calls the provider without any chat."""
    found = []
    message = {"role": "user", "content": "[[tokens=1 stamp=yes]]"}
    body = {"stream": True, "messages": [message]}
    async with aiohttp.ClientSession() as session:
        for _turn in range(times):
            began = time.monotonic()
            async with session.post(f"{provider}/chat/completions", json=body) as response:
                async for chunk in response.content.iter_any():
                    if STAMP.search(chunk):
                        found.append((time.monotonic() - began) * 1000)
                        break
                await response.read()
    return found


async def one(run: Run) -> None:
    await _delays(run, 1, Target(5), Target(35))


async def twenty(run: Run) -> None:
    await _delays(run, 20, None, None)


async def hundred(run: Run) -> None:
    failed = run.figure("100 chats within a second: failed", "", Target(0))
    middle = run.figure("  first token, median", "ms", Target(50))
    late = run.figure("  first token, 99th", "ms", Target(150))
    memory = run.figure("memory at 100 streams", "MiB", Target(150))
    for ours, relay in await _delays(run, 100, Target(20), Target(45)):
        failed.add(ours.failed, relay.failed)
        middle.add(ours.first(0.5), relay.first(0.5))
        late.add(ours.first(0.99), relay.first(0.99))
        memory.add(ours.memory_mib, relay.memory_mib)


async def _delays(
    run: Run, count: int, middle_target: Target | None, late_target: Target | None
) -> list[tuple[Paced, Paced]]:
    name = f"{count} stream{'s' * (count > 1)}"
    middle = run.figure(f"added delay per token, median, {name}", "ms", middle_target)
    late = run.figure(f"added delay per token, 99th, {name}", "ms", late_target)
    bound = Target(WITHIN, of_relay=True) if count > 1 else None
    used = run.figure(f"processor time per token, {name}", "µs", bound)
    parley = await run.parley()
    results = []
    seconds = 1.0 if run.quick else 2.5
    await paced(parley, count, 0.1)
    for _run in range(run.repeat):
        relay = await paced(run.relay, count, seconds)
        ours = await paced(parley, count, seconds)
        middle.add(ours.delay(0.5), relay.delay(0.5))
        late.add(ours.delay(0.99), relay.delay(0.99))
        used.add(ours.cpu_us, relay.cpu_us)
        run.waited.append(ours.waited)
        results.append((ours, relay))
    return results


async def floods(run: Run) -> None:
    """As fast as it goes: prose against the relay; Markdown for what its rendering costs."""
    parley = await run.parley()
    tokens = 20_000 if run.quick else 80_000
    for count in (1, 4):
        each = tokens // (1 if count == 1 else 2)
        streams = f"{count} stream{'s' * (count > 1)}"
        bound = Target(WITHIN, at_least=True, of_relay=True)
        rate = run.figure(f"highest tokens per second, {streams}", "1/s", bound)
        used = run.figure(f"  processor time per token, {streams}", "µs")
        for _run in range(run.repeat):
            relay_rate, relay_used = await flood(run.relay, count, each)
            our_rate, our_used = await flood(parley, count, each)
            rate.add(our_rate, relay_rate)
            used.add(our_used, relay_used)
    rate = run.figure("  the same in Markdown, 1 stream", "1/s")
    used = run.figure("  processor time per token in Markdown", "µs")
    for _run in range(run.repeat):
        our_rate, our_used = await flood(parley, 1, 10_000 if run.quick else 20_000, "markdown")
        rate.add(our_rate)
        used.add(our_used)


async def viewers(run: Run) -> None:
    """Ten answers, each with one viewer and then with ten."""
    parley = await run.parley()
    ratio = run.figure("ten viewers of an answer against one", "× CPU", Target(2.5))
    single = run.figure("  processor time per token, one viewer", "µs")
    ten = run.figure("  processor time per token, ten viewers", "µs")
    seconds = 1.0 if run.quick else 2.5
    for _run in range(run.repeat):
        alone = await paced(parley, 10, seconds)
        await asyncio.sleep(0.3)
        together = await paced(parley, 10, seconds, viewers=10)
        single.add(alone.cpu_us)
        ten.add(together.cpu_us)
        ratio.add(together.cpu_us / alone.cpu_us if alone.cpu_us else math.nan)
