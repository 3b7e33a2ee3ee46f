"""Production: refuses to start on anything unsafe or missing, and names the variable to set."""

import re
from pathlib import Path
from urllib.parse import urlsplit

from extranet.settings.base import *  # noqa: F403
from extranet.settings.base import (
    BOUNCES_URL,
    CELERY_BROKER_URL,
    CLOCK_SHIFT,
    DATA_DIR,
    KEYS_DIR,
    KEYS_MASTER,
    KEYS_MIRROR_DIR,
    PUBLIC_URL,
    SECRET_KEY,
    SECRET_KEY_FALLBACKS,
    env,
)

_missing = [
    name
    for name in (
        "EXTRANET_SECRET_KEY",
        "DATABASE_URL",
        "REDIS_URL",
        "EMAIL_URL",
        "EXTRANET_PUBLIC_URL",
        "EXTRANET_DATA_DIR",
        "EXTRANET_TRUSTED_PROXIES",
        "EXTRANET_HOSTING",
        "EXTRANET_KEYS_DIR",
        "EXTRANET_KEYS_MASTER",
    )
    if not env(name, default="")
]
_faults = [f"{name} : à renseigner (ou {name}_FILE)." for name in _missing]
for _name, _keys in (("EXTRANET_SECRET_KEY", [SECRET_KEY]), ("EXTRANET_SECRET_KEY_FALLBACKS", SECRET_KEY_FALLBACKS)):
    if any(key and (len(key) < 50 or len(set(key)) < 10) for key in _keys):
        _faults.append(f"{_name} : au moins 50 caractères tirés au hasard.")
if PUBLIC_URL and not PUBLIC_URL.startswith("https://"):
    _faults.append("EXTRANET_PUBLIC_URL : doit commencer par https://.")
if CLOCK_SHIFT:
    _faults.append("EXTRANET_CLOCK_SHIFT : interdit en production.")
if env("DATABASE_URL", default="").startswith("sqlite"):
    _faults.append("DATABASE_URL : PostgreSQL est requis en production.")
if CELERY_BROKER_URL.startswith(("filesystem", "memory")):
    _faults.append("CELERY_BROKER_URL : un vrai courtier est requis en production.")
if env("EMAIL_URL", default="").startswith(("console", "file", "memory", "dummy")):
    _faults.append("EMAIL_URL : un serveur SMTP est requis en production.")
if BOUNCES_URL and not BOUNCES_URL.startswith(("imaps://", "file:///")):
    _faults.append("EXTRANET_BOUNCES_URL : imaps://utilisateur:motdepasse@serveur/INBOX ou file:///dossier.")
if KEYS_MASTER and not all(re.fullmatch(r"[0-9a-fA-F]{64}", line) for line in KEYS_MASTER.split()):
    _faults.append("EXTRANET_KEYS_MASTER : 64 chiffres hexadécimaux (openssl rand -hex 32), une clé par ligne.")
# What is backed up with the data must not bring keys back; a mirror in the same folder would go with it.
_apart = {"EXTRANET_DATA_DIR": DATA_DIR, "EXTRANET_KEYS_DIR": KEYS_DIR, "EXTRANET_KEYS_MIRROR_DIR": KEYS_MIRROR_DIR}
_places = {name: Path(path).resolve() for name, path in _apart.items() if path}
_faults += [
    f"{name} : doit être hors de {other}."
    for name, path in _places.items()
    for other, above in _places.items()
    if name != other and path.is_relative_to(above)
]
if _faults:
    raise SystemExit("Démarrage refusé (EXTRANET_ENV=production) :\n- " + "\n- ".join(_faults))

ALLOWED_HOSTS = [urlsplit(PUBLIC_URL).hostname or ""]
CSRF_TRUSTED_ORIGINS = [PUBLIC_URL]
DEFAULT_FROM_EMAIL = env("EXTRANET_FROM_EMAIL", default=f"Extranet monenfant.fr <ne-pas-repondre@{ALLOWED_HOSTS[0]}>")

# TLS ends at the proxy in front; its X-Forwarded-Proto counts only from EXTRANET_TRUSTED_PROXIES (wsgi.py).
SECURE_SSL_REDIRECT = True
SECURE_REDIRECT_EXEMPT = [r"^sante/"]
SECURE_HSTS_SECONDS = 31_536_000
SECURE_HSTS_INCLUDE_SUBDOMAINS = True
SECURE_HSTS_PRELOAD = True
SESSION_COOKIE_SECURE = True
SESSION_COOKIE_NAME = "__Host-session"
CSRF_COOKIE_SECURE = True
CSRF_COOKIE_NAME = "__Host-csrf"
