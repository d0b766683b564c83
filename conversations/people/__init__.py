"""People: how they come, sign in, are let in, suspended and leave."""
