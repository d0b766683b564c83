"""Where collected static files lie: under hashed names, compressed, our modules importing by them."""

import re

from django.conf import settings
from django.contrib.staticfiles.storage import HashedFilesMixin
from django.core.files.base import ContentFile, File
from whitenoise.storage import CompressedManifestStaticFilesStorage

# Django can rewrite the imports of modules, but of all files or none, and stumbles over imports in
# the comments of others' scripts: so its rules are given the names of ours.
_GLOB, IMPORTS = HashedFilesMixin._js_module_import_aggregation_patterns  # type: ignore[attr-defined]
OURS = sorted(file.name for file in (settings.BASE_DIR / "static").glob("*.js"))
HASH = re.compile(r"\.[0-9a-f]{12}(?=\.js$)")
# Lines that are empty or nothing but a comment, and indentation; no literal of ours spans lines.
SPARE = re.compile(rb"^[ \t]*(?://.*|/\*\*.*\*/[ \t]*)?\n|^[ \t]+", re.MULTILINE)


class HashedFiles(CompressedManifestStaticFilesStorage):
    """A new release's modules never meet those of the one before."""

    patterns = (
        *CompressedManifestStaticFilesStorage.patterns,
        *((name, IMPORTS) for name in OURS),
    )

    def _save(self, name: str, content: File) -> str:
        if HASH.sub("", name) in OURS:
            content.seek(0)
            content = ContentFile(SPARE.sub(b"", content.read()))
        return super()._save(name, content)
