"""Pages and posts: read input, call one verb or query, render."""
