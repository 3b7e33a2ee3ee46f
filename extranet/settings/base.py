"""What all environments share."""

from pathlib import Path
from urllib.parse import quote

import environ
from django.utils.translation import get_language_info, to_language
from redis.backoff import NoBackoff
from redis.retry import Retry

BASE_DIR = Path(__file__).resolve().parent.parent.parent
env = environ.FileAwareEnv()  # NAME or NAME_FILE

ENVIRONMENT = env("EXTRANET_ENV", default="demo")
DEMO = False
DEBUG = False
DATA_DIR = Path(env("EXTRANET_DATA_DIR", default=str(BASE_DIR / "var"))).resolve()
PUBLIC_URL = env("EXTRANET_PUBLIC_URL", default="http://127.0.0.1:8000").rstrip("/")
TRUSTED_PROXIES = env.list("EXTRANET_TRUSTED_PROXIES", default=[])  # addresses or networks in front of the web server
CLOCK_SHIFT = env("EXTRANET_CLOCK_SHIFT", default="")
HOSTING = env("EXTRANET_HOSTING", default="")  # who hosts: name, address, telephone, as the legal notice says it
SEAL_KEY_FILE = env("EXTRANET_SEAL_KEY_FILE", default="")  # both empty: made once in DATA_DIR/cles
SEAL_CERT_FILE = env("EXTRANET_SEAL_CERT_FILE", default="")
KEYS_DIR = env("EXTRANET_KEYS_DIR", default="")  # keys of days; empty: DATA_DIR/cles-du-jour
KEYS_MIRROR_DIR = env("EXTRANET_KEYS_MIRROR_DIR", default="")
KEYS_MASTER = env(
    "EXTRANET_KEYS_MASTER", default=""
)  # one a line, the last one wraps; empty: made once in DATA_DIR/cles
SECRET_KEY = env("EXTRANET_SECRET_KEY", default="")
# Former keys, which still open links and sessions; what is new is signed with the present one.
SECRET_KEY_FALLBACKS = [key for line in env.list("EXTRANET_SECRET_KEY_FALLBACKS", default=[]) if (key := line.strip())]
ALLOWED_HOSTS: list[str] = []

INSTALLED_APPS = [
    "extranet.portal",
    "demandes.attestations",
    "demandes",
    "habilitations",
    "conventions",
    "extranet.territory",
    "extranet.core.documents",
    "extranet.core.outbox",
    "extranet.core.journal",
    "extranet.core.accounts",
    "extranet.core.web",
    "allauth",
    "allauth.account",
    "allauth.mfa",
    "csp",
    "django_altcha",
    "extranet.portal.apps.DeskConfig",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "django.contrib.humanize",
    "django.forms",
]

MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "csp.middleware.CSPMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "extranet.core.web.middleware.SecretAddresses",
    "extranet.core.web.middleware.Languages",
    "extranet.core.web.middleware.Readable",
    "extranet.portal.middleware.EndOfDay",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "allauth.account.middleware.AccountMiddleware",
    "extranet.core.web.middleware.SessionLimits",
    "django.contrib.auth.middleware.LoginRequiredMiddleware",
    "extranet.core.web.middleware.PasswordFirst",
    "extranet.core.web.middleware.FactorFirst",
    "extranet.core.web.middleware.Answers",
]

ROOT_URLCONF = "extranet.urls"
WSGI_APPLICATION = "extranet.wsgi.application"
FORM_RENDERER = "extranet.core.web.forms.FormRenderer"

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "builtins": ["django.templatetags.i18n"],
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "extranet.core.web.context.portal",
                "habilitations.views.suspended",
                "demandes.attestations.views.to_sign",
            ],
        },
    }
]

# --- data ---------------------------------------------------------------------------------------------------------

DATABASES = {"default": env.db("DATABASE_URL", default=f"sqlite:///{DATA_DIR / 'extranet.sqlite3'}")}
if DATABASES["default"]["ENGINE"].endswith("sqlite3"):
    # Immediate transactions: the write lock is taken before the first read, so what was read stays true.
    DATABASES["default"]["OPTIONS"] = {
        "transaction_mode": "IMMEDIATE",
        "timeout": 20,
        "init_command": (
            "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL; PRAGMA secure_delete=ON; PRAGMA recursive_triggers=ON;"
        ),
    }
else:
    DATABASES["default"].setdefault("OPTIONS", {}).setdefault("connect_timeout", 3)
    DATABASES["default"]["OPTIONS"]["prepare_threshold"] = 1  # without one, not even what core.frozen asks is prepared
    DATABASES["default"]["CONN_MAX_AGE"] = 60
    DATABASES["default"]["CONN_HEALTH_CHECKS"] = True
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

# Without an address: the server that `make run` starts in the data folder.
REDIS_URL = env("REDIS_URL", default=f"unix://{quote(str(DATA_DIR / 'redis.sock'))}")
# A server that is silent holds nobody longer than this, and core.breaker lets nobody else ask it for a while.
REDIS_PATIENCE = {"socket_connect_timeout": 1, "socket_timeout": 1}
CACHES = {
    "default": {
        "BACKEND": "extranet.core.web.cache.SafeRedisCache",
        "LOCATION": REDIS_URL,
        "OPTIONS": REDIS_PATIENCE | {"retry": Retry(NoBackoff(), 0)},
    }
}
# Drafts of public forms: the same store without the spare memory, since a page has to know whether one was kept.
CACHES["brouillons"] = CACHES["default"] | {
    "BACKEND": "extranet.core.web.cache.OneRedisCache",
    "KEY_PREFIX": "brouillon",
}

# --- work in the background ---------------------------------------------------------------------------------------

CELERY_BROKER_URL = env("CELERY_BROKER_URL", default="") or REDIS_URL.replace("unix://", "redis+socket://", 1)
# What waits for one kind of work holds back no other kind: each queue has its own workers.
QUEUES = ["clock", "mail", "deliveries", "files"]
CELERY_TASK_DEFAULT_QUEUE = "clock"
CELERY_TASK_ROUTES = {
    "extranet.core.outbox.tasks.*": {"queue": "mail"},
    "demandes.tasks.ingest": {"queue": "deliveries"},
    "demandes.tasks.make_file": {"queue": "files"},
}
# Seconds after which a task is ended from outside, rows showing how far it came; a bell that a worker took and did not
# answer within the broker's time rings again, so that time is longer than any task's.
CELERY_TASK_TIME_LIMIT = 15 * 60
CELERY_TASK_ANNOTATIONS = {"demandes.tasks.ingest": {"time_limit": 2 * 3600}}
CELERY_BROKER_TRANSPORT_OPTIONS = REDIS_PATIENCE | {"max_retries": 0, "visibility_timeout": 3 * 3600}
CELERY_TASK_IGNORE_RESULT = True
CELERY_TASK_SERIALIZER = "json"
CELERY_ACCEPT_CONTENT = ["json"]
CELERY_TASK_ACKS_LATE = True
CELERY_TASK_REJECT_ON_WORKER_LOST = True
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_TIMEZONE = "Europe/Paris"
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_BROKER_CONNECTION_MAX_RETRIES = None
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
CELERY_BEAT_SCHEDULE = {
    "sweep": {"task": "extranet.portal.tasks.sweep_due", "schedule": 30.0, "options": {"expires": 30}},
    "send": {"task": "extranet.core.outbox.tasks.send_due", "schedule": 10.0, "options": {"expires": 10}},
    "inbox": {"task": "demandes.tasks.take_inbox", "schedule": 10.0, "options": {"expires": 10}},
}

# --- mail ---------------------------------------------------------------------------------------------------------

EMAIL_CONFIG = env.email_url("EMAIL_URL", default="consolemail://")
vars().update(EMAIL_CONFIG)
if EMAIL_CONFIG["EMAIL_BACKEND"].endswith(".smtp.EmailBackend"):
    EMAIL_BACKEND = "extranet.core.outbox.smtp.Backend"
EMAIL_TIMEOUT = 10  # seconds for a whole answer of the server
EMAIL_USE_LOCALTIME = True
BOUNCES_URL = env("EXTRANET_BOUNCES_URL", default="")  # imaps://… or file:///…; empty: DATA_DIR/rebonds, if it is there
BOUNCES_ADDRESS = env("EXTRANET_BOUNCES_ADDRESS", default="")  # envelope sender; empty: that of the mails
DEFAULT_FROM_EMAIL = env("EXTRANET_FROM_EMAIL", default="Extranet monenfant.fr <ne-pas-repondre@extranet.test>")

# --- accounts -----------------------------------------------------------------------------------------------------

AUTH_USER_MODEL = "accounts.User"
SECRET_SCRYPT_COST = 14  # log2, for passwords received by mail
AUTHENTICATION_BACKENDS = ["extranet.core.accounts.backend.AddressBackend"]
PASSWORD_HASHERS = ["extranet.core.accounts.hashing.GentleArgon2"]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "extranet.core.accounts.passwords.LengthAndEntropy"},
    {"NAME": "extranet.core.accounts.passwords.NotCommon"},
    {"NAME": "extranet.core.accounts.passwords.NotAboutYou"},
]
LOGIN_URL = "account_login"
LOGIN_REDIRECT_URL = "portal:entree"
LOGOUT_REDIRECT_URL = "portal:accueil"
ACCOUNT_ADAPTER = "extranet.core.accounts.adapter.Adapter"
ACCOUNT_FORMS = {
    "login": "extranet.core.accounts.forms.ConnexionForm",
    "reauthenticate": "extranet.core.accounts.forms.ConfirmationForm",
}
ACCOUNT_LOGIN_METHODS = {"email"}
ACCOUNT_SIGNUP_FIELDS = ["email*", "password1*"]
ACCOUNT_USER_MODEL_USERNAME_FIELD = None
ACCOUNT_EMAIL_VERIFICATION = "none"
ACCOUNT_EMAIL_NOTIFICATIONS = False
ACCOUNT_PREVENT_ENUMERATION = "strict"
ACCOUNT_SESSION_REMEMBER = False
ACCOUNT_REAUTHENTICATION_REQUIRED = True
ACCOUNT_REAUTHENTICATION_TIMEOUT = 300
ACCOUNT_LOGOUT_ON_PASSWORD_CHANGE = False
ACCOUNT_RATE_LIMITS = {
    "login": None,  # "door" instead, which a device used before does not share with its neighbours (ACT-7)
    "door": "30/m/ip",
    "login_failed": "10/m/ip,5/300s/key",
    "login_failed_own_device": "5/300s/key",
}
# Agents need a second factor; without one, a device not seen before is confirmed by mail (ACC-4.a, ACC-4.d).
SECOND_FACTOR_ASKED = True
MFA_ADAPTER = "extranet.core.accounts.factors.FactorAdapter"
MFA_SUPPORTED_TYPES = ["totp", "recovery_codes", "webauthn"]
MFA_PASSKEY_LOGIN_ENABLED = True
MFA_TOTP_TOLERANCE = 1  # telephones are not always on time; a code serves once all the same (CodeForm)
MFA_FORMS = {
    "authenticate": "extranet.core.accounts.forms.CodeForm",
    "reauthenticate": "extranet.core.accounts.forms.CodeEncoreForm",
    "activate_totp": "extranet.core.accounts.forms.ApplicationForm",
    "add_webauthn": "extranet.core.accounts.forms.CleForm",
    "login_webauthn": "extranet.core.accounts.forms.CleSeuleForm",
    "authenticate_webauthn": "extranet.core.accounts.forms.CleApresForm",
    "reauthenticate_webauthn": "extranet.core.accounts.forms.CleEncoreForm",
    "edit_webauthn": "extranet.core.accounts.forms.NomCleForm",
}

SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = "Lax"
SESSION_COOKIE_AGE = 10 * 3600
CSRF_COOKIE_HTTPONLY = True
CSRF_FAILURE_VIEW = "extranet.core.web.views.csrf_failure"

# --- web ----------------------------------------------------------------------------------------------------------

X_FRAME_OPTIONS = "DENY"
SECURE_REFERRER_POLICY = "same-origin"
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": ["'none'"],
        "script-src": ["'self'"],
        "style-src": ["'self'"],
        "img-src": ["'self'", "data:"],
        "font-src": ["'self'"],
        "connect-src": ["'self'"],
        "form-action": ["'self'"],
        "frame-ancestors": ["'none'"],
        "base-uri": ["'none'"],
    }
}
# DEM-6.a: how many tries at most a browser makes before a public form is sent: a second on an old telephone.
PROOF_OF_WORK = 50_000
DATA_UPLOAD_MAX_MEMORY_SIZE = 2_621_440
DATA_UPLOAD_MAX_NUMBER_FIELDS = 2_000
FILE_UPLOAD_TEMP_DIR = None

LANGUAGE_CODE = "fr"
LOCALE_PATHS = [BASE_DIR / "extranet" / "locale"]
# French, and every language that families' texts are translated to: a folder makes it one (DEM-9.a).
LANGUAGES = [
    (code, get_language_info(code)["name_local"])
    for code in ("fr", *sorted(to_language(path.parts[-3]) for path in LOCALE_PATHS[0].glob("*/LC_MESSAGES/django.mo")))
]
LANGUAGE_COOKIE_NAME = "langue"
TIME_ZONE = "Europe/Paris"
USE_TZ = True
USE_I18N = True
FORMAT_MODULE_PATH = "extranet.core.formats"
STATIC_URL = "/static/"
STATIC_ROOT = BASE_DIR / "staticfiles"
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage", "OPTIONS": {"location": str(DATA_DIR)}},
    "staticfiles": {"BACKEND": "whitenoise.storage.CompressedManifestStaticFilesStorage"},
}

LOGGING_CONFIG = "extranet.core.web.logs.configure"  # in every process, with what Python prints by itself
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"line": {"()": "extranet.core.web.logs.Line"}},
    "handlers": {"console": {"class": "logging.StreamHandler", "formatter": "line"}},
    "root": {"handlers": ["console"], "level": "INFO"},
    "loggers": {
        "django": {"level": "INFO"},  # without Django's own handlers: no error report by mail
        "django.request": {"level": "ERROR"},
        "django.server": {"level": "WARNING", "propagate": True},
        "_granian": {"propagate": True},
        "granian.access": {"propagate": True},
        "weasyprint": {"level": "ERROR"},
        "fontTools": {"level": "ERROR"},
        "fido2": {"level": "ERROR"},
        "celery": {"level": "WARNING"},
        "kombu": {"level": "ERROR"},
        "pikepdf": {"level": "WARNING"},
        "pyhanko": {"level": "ERROR"},
    },
}
