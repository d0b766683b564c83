"""What was used, added up and shown: the board, one's own usage, statements, lists as files."""
