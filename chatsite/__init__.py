"""The site: settings, addresses, the ASGI application and how a process starts."""
