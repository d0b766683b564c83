"""The site's settings as tests need them: nothing of the caller's, and a data folder that goes.

`PARLEY_TEST_DATABASE_URL` runs the tests on another database than SQLite in that folder.
"""

import os
import tempfile

import environ

ON = os.environ.get("PARLEY_TEST_DATABASE_URL", "")

for name in [*os.environ]:
    if name.startswith("PARLEY_") or name in {"DATABASE_URL", "REDIS_URL"}:
        del os.environ[name]
os.environ["PARLEY_DATA"] = tempfile.mkdtemp(prefix="parley-tests-")
if ON:
    os.environ["PARLEY_TEST_DATABASE_URL"] = os.environ["DATABASE_URL"] = ON
environ.Env.read_env = classmethod(lambda *_args, **_options: None)

from chatsite.settings import *  # noqa: E402, F403
from chatsite.settings import DATA_DIR, DATABASES, STORAGES  # noqa: E402

os.environ.pop("DATABASE_URL", None)
(DATA_DIR / "static").mkdir()
# A file, not memory: threads of one test share it as processes do.
DATABASES["default"]["TEST"] = {
    "NAME": f"parley_test_{os.getpid()}" if ON else str(DATA_DIR / "test.sqlite3")
}
STORAGES["staticfiles"] = {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"}
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
