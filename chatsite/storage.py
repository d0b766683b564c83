"""Where collected static files lie: under hashed names, compressed, modules importing by them."""

from whitenoise.storage import CompressedManifestStaticFilesStorage


class HashedFiles(CompressedManifestStaticFilesStorage):
    """A new release's modules never meet those of the one before."""

    support_js_module_import_aggregation = True
