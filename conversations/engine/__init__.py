"""The engine: runs completions to their end, independent of any request or socket.

It deals in text and offsets; it knows no HTML and no viewer.
"""
