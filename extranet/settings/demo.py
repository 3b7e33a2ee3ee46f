"""Demonstration and development on one machine: embedded database and mailbox, made-up data only."""

import re
import secrets

from extranet.settings.base import *  # noqa: F403
from extranet.settings.base import CLOCK_SHIFT, DATA_DIR, env

DEMO = True
if env("BIND", default="127.0.0.1") not in ("127.0.0.1", "localhost", "::1"):
    raise SystemExit(f"BIND={env('BIND')} : la démonstration n’écoute que sur cette machine (127.0.0.1).")
if CLOCK_SHIFT and not re.fullmatch(r"[+-]\d{1,4}(d|mo)", CLOCK_SHIFT):
    raise SystemExit(f"EXTRANET_CLOCK_SHIFT={CLOCK_SHIFT} : écrivez par exemple +16d, +6mo ou -1d.")
ALLOWED_HOSTS = ["127.0.0.1", "localhost", "[::1]"]

DATA_DIR.mkdir(parents=True, exist_ok=True, mode=0o700)
(DATA_DIR / "static").mkdir(exist_ok=True)
_key_file = DATA_DIR / "secret-key"
if not _key_file.exists():
    _key_file.write_text(secrets.token_urlsafe(50))
    _key_file.chmod(0o600)
SECRET_KEY = env("EXTRANET_SECRET_KEY", default="") or _key_file.read_text()

SECOND_FACTOR_ASKED = False
MFA_WEBAUTHN_ALLOW_INSECURE_ORIGIN = True  # http://localhost

PUBLIC_URL = env(
    "EXTRANET_PUBLIC_URL", default=f"http://{env('BIND', default='127.0.0.1')}:{env('PORT', default='8000')}"
)
if not env("EMAIL_URL", default=""):
    EMAIL_BACKEND = "extranet.portal.demo.mailbox.Backend"
# The database of the embedded instance is also its own static server: no build step before the first page.
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage", "OPTIONS": {"location": str(DATA_DIR)}},
    "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
}
STATIC_ROOT = DATA_DIR / "static"
WHITENOISE_USE_FINDERS = True
WHITENOISE_AUTOREFRESH = False
