"""Tests: production's code paths on private PostgreSQL and Redis; quick password hashes."""

import tempfile
from pathlib import Path

from extranet.settings.base import *  # noqa: F403
from extranet.settings.base import DATA_DIR, DATABASES, env

SECRET_KEY = "tests-only-" + "x" * 50
ALLOWED_HOSTS = ["testserver", "127.0.0.1", "localhost"]
if not env("EXTRANET_DATA_DIR", default=""):
    DATA_DIR = Path(tempfile.mkdtemp(prefix="extranet-tests-"))
PASSWORD_HASHERS = ["extranet.core.accounts.passwords.QuickHasher"]
SECRET_SCRYPT_COST = 2
PROOF_OF_WORK = 50
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage", "OPTIONS": {"location": str(DATA_DIR)}},
    "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
}
STATIC_ROOT = DATA_DIR / "static"
STATIC_ROOT.mkdir(parents=True, exist_ok=True)
WHITENOISE_USE_FINDERS = WHITENOISE_AUTOREFRESH = True  # looked for when asked: no survey of all files a client
SECOND_FACTOR_ASKED = False  # tests of the door ask for it
MFA_WEBAUTHN_ALLOW_INSECURE_ORIGIN = True
CELERY_TASK_ALWAYS_EAGER = False
if env("EXTRANET_TEST_TEMPLATE", default=""):  # deploy/run_tests.py: copied by each worker
    DATABASES["default"]["TEST"] = {"TEMPLATE": env("EXTRANET_TEST_TEMPLATE")}
