"""Where collected static files lie: under hashed names, compressed, our modules importing by them."""

from django.conf import settings
from django.contrib.staticfiles.storage import HashedFilesMixin
from whitenoise.storage import CompressedManifestStaticFilesStorage

# Django can rewrite the imports of modules, but of all files or none, and stumbles over imports in
# the comments of others' scripts: so its rules are given the names of ours.
_GLOB, IMPORTS = HashedFilesMixin._js_module_import_aggregation_patterns  # type: ignore[attr-defined]
OURS = sorted(file.name for file in (settings.BASE_DIR / "static").glob("*.js"))


class HashedFiles(CompressedManifestStaticFilesStorage):
    """A new release's modules never meet those of the one before."""

    patterns = (
        *CompressedManifestStaticFilesStorage.patterns,
        *((name, IMPORTS) for name in OURS),
    )
