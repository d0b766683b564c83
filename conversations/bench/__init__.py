"""Tools that measure the site, and the stand-in provider that they and the tests call."""
