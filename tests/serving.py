"""The stand-in provider in a thread of its own, for code that runs a loop itself."""

import asyncio
import threading

from conversations.bench.provider import StandIn


class Serving:
    """`with Serving() as url`: the base URL of a server that lives so long."""

    def __enter__(self):
        self.loop, ready = asyncio.new_event_loop(), threading.Event()

        async def serve():
            self.done = asyncio.Event()
            async with StandIn() as server:
                self.url = server.base_url
                ready.set()
                await self.done.wait()

        self.thread = threading.Thread(target=self.loop.run_until_complete, args=(serve(),))
        self.thread.start()
        assert ready.wait(10)
        return self.url

    def __exit__(self, *_):
        self.loop.call_soon_threadsafe(self.done.set)
        self.thread.join(10)
        self.loop.close()
