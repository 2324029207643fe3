"""All settings. Each one that a deployer may change comes from the environment: docs/reference/settings.md."""

from pathlib import Path

from csp.constants import NONE, SELF
from django.core.exceptions import ImproperlyConfigured

from core.history.database.private_file import make_private
from core.history.database.url import database
from core.store.keys import Keys
from core.usage.pricing import parse_own_prices, parse_premium_models
from core.values.approvals import ALLOWED
from core.values.signature import parse_public_keys
from telemetry_site.addresses import networks, site_url
from telemetry_site.context_keys import context_keys, context_keys_of_file
from telemetry_site.env import (
    development_secret_key,
    direct_answers,
    environment,
    made_private,
    metrics_token,
    production_secret_key,
    time_zone,
)
from telemetry_site.layers import caches, channel_layers
from telemetry_site.provider import one_provider, providers
from telemetry_site.queues import rq_queues

BASE_DIR = Path(__file__).resolve().parent.parent

DEBUG = environment.flag("DEBUG", True)
TELEMETRY_DATA_DIR = made_private(
    "TELEMETRY_DATA_DIR", Path(environment.text("TELEMETRY_DATA_DIR", str(BASE_DIR / "var"))).resolve()
)
SECRET_KEY = environment.text("SECRET_KEY")
ALLOWED_HOSTS = environment.words("ALLOWED_HOSTS", ["localhost", "127.0.0.1", "[::1]"] if DEBUG else [])
if DEBUG:
    SECRET_KEY = SECRET_KEY or development_secret_key(TELEMETRY_DATA_DIR)
else:
    SECRET_KEY = production_secret_key(SECRET_KEY)
    if not ALLOWED_HOSTS or "*" in ALLOWED_HOSTS:
        raise ImproperlyConfigured("With DEBUG=0 set ALLOWED_HOSTS to the site's own host names, with commas")

# Where things are

HOST = environment.text("HOST", "127.0.0.1")
PORT = environment.number("PORT", 8000)
HTTPS = environment.flag("HTTPS", not DEBUG)
REDIS_URL = environment.redis_url("REDIS_URL")
TELEMETRY_REDIS_PROGRAM = environment.text("TELEMETRY_REDIS_PROGRAM")
TELEMETRY_NAMESPACE = environment.parsed(
    "TELEMETRY_NAMESPACE", lambda said: Keys(said or "telemetry").namespace
)
TELEMETRY_HELP = environment.flag("TELEMETRY_HELP", True)
TELEMETRY_SITE_REDIS_URL = environment.redis_url("TELEMETRY_SITE_REDIS_URL") or REDIS_URL

# The record: where its checkpoints are written, and how long the texts of ended requests are kept.

TELEMETRY_CHECKPOINT_FILE = Path(
    environment.text("TELEMETRY_CHECKPOINT_FILE", str(TELEMETRY_DATA_DIR / "audit-checkpoints.jsonl"))
).resolve()
TELEMETRY_BODY_DAYS = environment.number("TELEMETRY_BODY_DAYS", 365)

# Decisions: the key that signs them, which stays with the site, and the public keys that agents are given.

TELEMETRY_DECISION_KEY_FILE = Path(
    environment.text("TELEMETRY_DECISION_KEY_FILE", str(TELEMETRY_DATA_DIR / "decision-key.pem"))
).resolve()
TELEMETRY_DECISION_KEY = environment.checked("TELEMETRY_DECISION_KEY", parse_public_keys)

# Whether answers by a call in Python, of which nobody knows whose they are, are taken. The site tells Redis.

TELEMETRY_DIRECT_ANSWERS = environment.checked("TELEMETRY_DIRECT_ANSWERS", direct_answers) or ALLOWED

# Contexts in SQL: the keys that seal them, the newest first, as a setting or in a file. None: they stand in clear.

TELEMETRY_CONTEXT_KEY_FILE = environment.text("TELEMETRY_CONTEXT_KEY_FILE")
TELEMETRY_CONTEXT_KEYS = (
    *environment.parsed("TELEMETRY_CONTEXT_KEY", context_keys),
    *environment.parsed("TELEMETRY_CONTEXT_KEY_FILE", context_keys_of_file),
)

# Whether rules that people made answer requests.

TELEMETRY_RULES = environment.flag("TELEMETRY_RULES", True)

# For so long an approval can be taken back by whoever gave it; 0 for not at all.

TELEMETRY_UNDO_SECONDS = environment.number("TELEMETRY_UNDO_SECONDS", 4, most=60)

# For so long the secret of an agent's token works after it was renewed.

TELEMETRY_TOKEN_OVERLAP_MINUTES = environment.number("TELEMETRY_TOKEN_OVERLAP_MINUTES", 60, most=60 * 24 * 7)

# For so long an approval by the Agent Approval Protocol may be used.

TELEMETRY_APPROVAL_SECONDS = environment.number(
    "TELEMETRY_APPROVAL_SECONDS", 300, least=10, most=7 * 24 * 3600
)

# So many minutes people may add to the deadline of a request, whose agent hears of that.

TELEMETRY_EXTEND_MINUTES = environment.number("TELEMETRY_EXTEND_MINUTES", 60, most=60 * 24 * 7)

# Backups by the clock: none without a folder.

TELEMETRY_BACKUP_DIR = environment.folder("TELEMETRY_BACKUP_DIR")
TELEMETRY_BACKUP_KEEP = environment.number("TELEMETRY_BACKUP_KEEP", 14, least=1)

# Agents: for how many seconds one may say the same before it counts as stuck. 0: for ever.

TELEMETRY_STUCK_SECONDS = environment.number("TELEMETRY_STUCK_SECONDS", 300)

# Prices of model calls: read by the trackers of this process, and by agents from their own environment.

TELEMETRY_PREMIUM_MODELS = environment.checked("TELEMETRY_PREMIUM_MODELS", parse_premium_models)
TELEMETRY_PRICES = environment.checked("TELEMETRY_PRICES", parse_own_prices)
TELEMETRY_USAGE_DAYS = environment.number("TELEMETRY_USAGE_DAYS", 90, most=3660)
TELEMETRY_AUTOMATION_DAYS = environment.number("TELEMETRY_AUTOMATION_DAYS", 365, most=3660)

# How many requests of one agent may wait, and be asked in a minute; 0 for no limit.
TELEMETRY_WAITING_REQUESTS = environment.number("TELEMETRY_WAITING_REQUESTS", 500, most=1000)
TELEMETRY_REQUESTS_A_MINUTE = environment.number("TELEMETRY_REQUESTS_A_MINUTE", 1000, most=1000)

# How large a context may be, beside its bytes, and how many types of events a source may make within 7 days.
TELEMETRY_CONTEXT_VALUES = environment.number("TELEMETRY_CONTEXT_VALUES", 10_000)
TELEMETRY_CONTEXT_LEVELS = environment.number("TELEMETRY_CONTEXT_LEVELS", 64, most=64)
TELEMETRY_EVENT_TYPES = environment.number("TELEMETRY_EVENT_TYPES", 1_000, most=10_000)

# Notices outside of the browser: the address that their links begin with, how long one may take, and which private
# networks they may reach.

TELEMETRY_SITE_URL = environment.parsed(
    "TELEMETRY_SITE_URL", lambda said: site_url(said, ALLOWED_HOSTS, HOST, PORT, https=HTTPS)
)
# Written here, so that a worker loads no page to send a notice.
TELEMETRY_LINKS = {
    "approval": TELEMETRY_SITE_URL + "/approvals/{}/",
    "waiting": TELEMETRY_SITE_URL + "/approvals/",
}
TELEMETRY_NOTICE_SECONDS = environment.number("TELEMETRY_NOTICE_SECONDS", 10, least=1, most=60)
TELEMETRY_NOTICE_NETWORKS = environment.parsed("TELEMETRY_NOTICE_NETWORKS", lambda said: networks(said, []))
TELEMETRY_NOTICE_APPRISE = environment.flag("TELEMETRY_NOTICE_APPRISE", False)
EMAIL_HOST = environment.text("EMAIL_HOST")
EMAIL_PORT = environment.number("EMAIL_PORT", 25, least=1, most=65535)
EMAIL_HOST_USER = environment.text("EMAIL_HOST_USER")
EMAIL_HOST_PASSWORD = environment.text("EMAIL_HOST_PASSWORD")
EMAIL_USE_TLS = environment.flag("EMAIL_USE_TLS", False)
EMAIL_USE_SSL = environment.flag("EMAIL_USE_SSL", False)
EMAIL_TIMEOUT = TELEMETRY_NOTICE_SECONDS
DEFAULT_FROM_EMAIL = environment.text("DEFAULT_FROM_EMAIL", "agent-telemetry@localhost")

DATABASES = {
    "default": environment.parsed(
        "DATABASE_URL", lambda url: database(url, TELEMETRY_DATA_DIR / "history.sqlite3")
    )
}
make_private(DATABASES["default"])
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

CHANNEL_LAYERS = channel_layers(TELEMETRY_SITE_REDIS_URL, TELEMETRY_NAMESPACE)

# Jobs in the background, and who may read how it goes

TELEMETRY_QUEUE = f"{TELEMETRY_NAMESPACE}-jobs"
RQ_QUEUES = rq_queues(TELEMETRY_SITE_REDIS_URL, TELEMETRY_DATA_DIR, TELEMETRY_QUEUE)
RQ = {"JOB_CLASS": "core.jobs.OwnJob"}
RQ_SHOW_ADMIN_LINK = False  # dashboard/admin/queue.py is our own page of the queue
TELEMETRY_METRICS_TOKEN = environment.checked("TELEMETRY_METRICS_TOKEN", metrics_token)

# What the site is made of

INSTALLED_APPS = [
    "dashboard",
    "core",
    "dashboard.apps.RecordAdminConfig",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "servestatic",
    "csp",
    "django_rq",
    "allauth",
    "allauth.account",
    "allauth.mfa",
    "allauth.socialaccount",
    "allauth.socialaccount.providers.openid_connect",
]
MIDDLEWARE = [
    "dashboard.middleware.headers",
    "django.middleware.security.SecurityMiddleware",
    "csp.middleware.CSPMiddleware",
    "telemetry_site.pages.Files",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "dashboard.middleware.remember_request",
    "allauth.account.middleware.AccountMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "dashboard.sign_in.demands.SessionsAndFactors",
    "dashboard.middleware.AnswersWhenAway",
]
ROOT_URLCONF = "telemetry_site.urls"
ASGI_APPLICATION = "telemetry_site.asgi.application"
TELEMETRY_CONNECTIONS = "telemetry_site.connections:Connection"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "dashboard.health.page.record_worry",
            ],
            "libraries": {"display": "dashboard.display.tags"},
        },
    }
]

STATIC_URL = "/static/"
STATIC_ROOT = BASE_DIR / "staticfiles"
STATICFILES_DIRS = [BASE_DIR / "static"]
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {
        "BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"
        if DEBUG
        else "servestatic.storage.CompressedManifestStaticFilesStorage"
    },
}
SERVESTATIC_USE_FINDERS = DEBUG
SERVESTATIC_AUTOREFRESH = DEBUG

LANGUAGE_CODE = "en"
USE_I18N = False
USE_TZ = True
FORMAT_MODULE_PATH = "telemetry_site.formats"
TIME_ZONE = environment.parsed("TIME_ZONE", time_zone)

# Who may do what, and from where

CACHES = caches(TELEMETRY_SITE_REDIS_URL, TELEMETRY_NAMESPACE)
TELEMETRY_SIGN_IN_TRIES = environment.number("TELEMETRY_SIGN_IN_TRIES", 5, least=1)
TELEMETRY_SIGN_IN_TRIES_PER_ADDRESS = environment.number("TELEMETRY_SIGN_IN_TRIES_PER_ADDRESS", 30, least=1)
TELEMETRY_HASHING_THREADS = environment.number("TELEMETRY_HASHING_THREADS", 1, least=1, most=64)
TELEMETRY_HASHING_WAITING = environment.number("TELEMETRY_HASHING_WAITING", 20)
PASSWORD_HASHERS = [
    "core.history.people.hashing.PooledPBKDF2",
    *(f"django.contrib.auth.hashers.{name}PasswordHasher" for name in ("PBKDF2SHA1", "Argon2", "Scrypt")),
]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": f"django.contrib.auth.password_validation.{name}"}
    for name in ("UserAttributeSimilarityValidator", "MinimumLengthValidator", "CommonPasswordValidator")
]
LOGIN_URL = "sign-in"
LOGIN_REDIRECT_URL = "live"
LOGOUT_REDIRECT_URL = "sign-in"

# Second factors, and sign-in by a provider: django-allauth behind pages of our own

TELEMETRY_SECOND_FACTOR = environment.words("TELEMETRY_SECOND_FACTOR", [])
ACCOUNT_ADAPTER = "dashboard.sign_in.adapters.Accounts"
ACCOUNT_EMAIL_VERIFICATION = "none"
ACCOUNT_LOGIN_METHODS = {"username"}
ACCOUNT_SIGNUP_FIELDS = ["username*", "password1*"]  # nobody signs up: the adapters say so
# By name alone, and yet no outsider's: only somebody who knows the password comes as far as this.
ACCOUNT_RATE_LIMITS = {"login_failed": "5/300s/key"}
ACCOUNT_REAUTHENTICATION_TIMEOUT = 300
MFA_ADAPTER = "dashboard.sign_in.adapters.Factors"
MFA_SUPPORTED_TYPES = ["totp", "webauthn", "recovery_codes"]
MFA_PASSKEY_LOGIN_ENABLED = True
MFA_TOTP_TOLERANCE = 1  # half a minute that a phone may be wrong
MFA_ALLOW_UNVERIFIED_EMAIL = True
MFA_WEBAUTHN_ALLOW_INSECURE_ORIGIN = DEBUG
SOCIALACCOUNT_ADAPTER = "dashboard.sign_in.provider.Provided"
SOCIALACCOUNT_QUERY_EMAIL = SOCIALACCOUNT_EMAIL_AUTHENTICATION = False
SOCIALACCOUNT_LOGIN_ON_GET = False
SOCIALACCOUNT_OPENID_CONNECT_URL_PREFIX = ""
TELEMETRY_OIDC = one_provider(environment)
SOCIALACCOUNT_PROVIDERS = providers(TELEMETRY_OIDC)

CSRF_TRUSTED_ORIGINS = environment.words("CSRF_TRUSTED_ORIGINS", [])
BEHIND_TLS_PROXY = environment.flag("BEHIND_TLS_PROXY", False)
if BEHIND_TLS_PROXY:
    SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
# Whose X-Forwarded headers are believed: telemetry_site/doors.py takes away those of all others.
TELEMETRY_TRUSTED_PROXIES = environment.parsed(
    "TELEMETRY_TRUSTED_PROXIES", lambda said: networks(said, ["127.0.0.1", "::1"] if BEHIND_TLS_PROXY else [])
)
TELEMETRY_BODY_BYTES = environment.number("TELEMETRY_BODY_BYTES", 2 * 1024 * 1024, least=64 * 1024)
# Of which senders, by service.name, metrics are money: of those that send neither logs nor spans of their calls.
TELEMETRY_METRICS_OF = environment.words("TELEMETRY_METRICS_OF", [])
TELEMETRY_HALF_OPEN = environment.number("TELEMETRY_HALF_OPEN", 64, least=1)
TELEMETRY_SOCKETS_PER_SESSION = environment.number("TELEMETRY_SOCKETS_PER_SESSION", 40, least=1)
SECURE_SSL_REDIRECT = HTTPS
SECURE_REDIRECT_EXEMPT = [r"^healthz$", r"^readyz$"]  # who probes the process itself speaks no TLS
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = HTTPS
SESSION_COOKIE_NAME = "__Host-session" if HTTPS else "session"
CSRF_COOKIE_NAME = "__Host-csrf" if HTTPS else "csrf"
SESSION_COOKIE_SAMESITE = CSRF_COOKIE_SAMESITE = "Lax"
CSRF_COOKIE_HTTPONLY = True
SESSION_ENGINE = "core.history.people.session_store"
TELEMETRY_SESSION_HOURS = environment.number("TELEMETRY_SESSION_HOURS", 12, least=1, most=24 * 30)
TELEMETRY_SESSION_IDLE_MINUTES = environment.number("TELEMETRY_SESSION_IDLE_MINUTES", 240, least=5)
SESSION_COOKIE_AGE = TELEMETRY_SESSION_HOURS * 3600
SECURE_HSTS_SECONDS = 31_536_000 if HTTPS else 0
SECURE_HSTS_INCLUDE_SUBDOMAINS = SECURE_HSTS_PRELOAD = HTTPS
SECURE_REFERRER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"
# One form for all cards: fifty reasons of 2,000 characters, percent-encoded.
DATA_UPLOAD_MAX_MEMORY_SIZE = 1024 * 1024

CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [NONE],
        "script-src": [SELF],
        "style-src": [SELF],
        "img-src": [SELF],
        "font-src": [SELF],
        "connect-src": [SELF],
        "form-action": [SELF],
        "base-uri": [NONE],
        "frame-ancestors": [NONE],
    }
}

LOG_LEVELS = ["DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"]
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {
        "line": {
            "class": "telemetry_site.log_lines.OneLine",
            "format": "%(asctime)s %(levelname)s %(name)s: %(message)s",
        }
    },
    "filters": {
        "refusals": {"()": "telemetry_site.log_lines.RefusalsInOneLine"},
        "trouble": {"()": "telemetry_site.log_lines.TroubleOnceAMinute"},
    },
    "handlers": {
        "console": {"class": "logging.StreamHandler", "formatter": "line", "filters": ["refusals", "trouble"]}
    },
    "root": {"handlers": ["console"], "level": environment.choice("LOG_LEVEL", LOG_LEVELS, "INFO")},
}
