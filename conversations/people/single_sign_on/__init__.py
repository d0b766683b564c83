"""Sign-in by OpenID Connect. Imported only where the environment names an issuer."""
