"""Every setting, read from the environment once; each name stands in `.env.example`."""

from __future__ import annotations

import ipaddress
import sys
from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlsplit

import environ
from django.core.exceptions import ImproperlyConfigured
from django.core.management.utils import get_random_secret_key
from django.http import HttpRequest
from django.templatetags.static import static

from chatsite.secret_files import fernet_key, given_secret, secret

BASE_DIR = Path(__file__).resolve().parent.parent
env = environ.Env()
if (BASE_DIR / ".env").exists():
    env.read_env(BASE_DIR / ".env")

# Where everything that must survive lies: database, keys, collected files.
DATA_DIR = Path(env.str("PARLEY_DATA", default=str(BASE_DIR / "data"))).resolve()
DEBUG = env.bool("PARLEY_DEBUG", default=False)
SECRET_KEY = secret("PARLEY_SECRET_KEY", DATA_DIR / "secret_key", get_random_secret_key)
# Comma-separated, newest first: the first encrypts, all decrypt.
ENCRYPTION_KEYS = secret("PARLEY_ENCRYPTION_KEYS", DATA_DIR / "encryption_key", fernet_key)


# --- Where the site is reached -----------------------------------------------------------------
def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


SITE_URL = env.str("PARLEY_URL", default="").rstrip("/")
_public = urlsplit(SITE_URL)
ALLOWED_HOSTS = env.list("PARLEY_ALLOWED_HOSTS", default=[]) + ["localhost", "127.0.0.1", "[::1]"]
if _public.hostname:
    ALLOWED_HOSTS.append(_public.hostname)
SITE_IS_LOCAL = all(_is_loopback(host) for host in ALLOWED_HOSTS)
CSRF_TRUSTED_ORIGINS = [f"{_public.scheme}://{_public.netloc}"] if _public.netloc else []
TRUSTED_PROXIES = env.int("PARLEY_TRUSTED_PROXIES", default=0)

if any("*" in host for host in ALLOWED_HOSTS):
    raise ImproperlyConfigured("PARLEY_ALLOWED_HOSTS must name the hosts; a wildcard is refused.")
if DEBUG and not SITE_IS_LOCAL:
    raise ImproperlyConfigured("PARLEY_DEBUG is refused while the site has a public host name.")
if len(SECRET_KEY) < 40 or SECRET_KEY.startswith("django-insecure-"):
    raise ImproperlyConfigured("PARLEY_SECRET_KEY must be a random text of 40 characters or more.")

HTTPS = _public.scheme == "https"
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = SECURE_SSL_REDIRECT = HTTPS
SECURE_REDIRECT_EXEMPT = [r"^healthz$", r"^readyz$", r"^metrics$"]
SECURE_HSTS_SECONDS = 31_536_000 if HTTPS else 0
SECURE_HSTS_INCLUDE_SUBDOMAINS = SECURE_HSTS_PRELOAD = HTTPS
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if TRUSTED_PROXIES else None
SECURE_REFERRER_POLICY = "same-origin"
SESSION_COOKIE_NAME = "parley_session"
CSRF_COOKIE_NAME = "parley_csrf"
X_FRAME_OPTIONS = "DENY"
ROOT_URLCONF = "chatsite.urls"
ASGI_APPLICATION = "chatsite.asgi.application"

# --- The parts ---------------------------------------------------------------------------------
INSTALLED_APPS = [
    "chatsite.administration.Administration",
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "whitenoise.runserver_nostatic",
    "django.contrib.staticfiles",
    "django.contrib.humanize",
    "allauth",
    "allauth.account",
    "allauth.mfa",
    "allauth.usersessions",
    "channels",
    "csp",
    "django_htmx",
    "lucide",
    "conversations",
]
MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.locale.LocaleMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "chatsite.csp.Policy",
    "django_htmx.middleware.HtmxMiddleware",
    "allauth.account.middleware.AccountMiddleware",
    "conversations.views.guarding.LastSeen",
    "conversations.views.guarding.SecondFactor",
]
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
            ],
        },
    }
]
FORM_RENDERER = "django.forms.renderers.DjangoTemplates"

# --- Stores ------------------------------------------------------------------------------------
DATABASES = {"default": env.db("DATABASE_URL", default=f"sqlite:///{DATA_DIR}/parley.sqlite3")}
_database = DATABASES["default"]
_database["CONN_MAX_AGE"] = 600
if _database["ENGINE"].endswith("sqlite3"):
    _database["ENGINE"] = "chatsite.sqlite"
    _database["CONN_MAX_AGE"] = None
    _database["OPTIONS"] = {
        "transaction_mode": "IMMEDIATE",
        "timeout": 30,
        "init_command": (
            "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL; PRAGMA foreign_keys=ON;"
            " PRAGMA cache_size=-8000; PRAGMA temp_store=MEMORY;"
        ),
    }
else:
    _database["CONN_HEALTH_CHECKS"] = True
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

REDIS_URL = env.str("REDIS_URL", default="")
CACHES = {
    "default": {
        "BACKEND": "chatsite.caches.ForgivingRedisCache",
        "LOCATION": REDIS_URL,
        "KEY_PREFIX": "parley",
        "OPTIONS": {"socket_connect_timeout": 1, "socket_timeout": 2},
    }
    if REDIS_URL
    else {
        "BACKEND": "django.core.cache.backends.locmem.LocMemCache",
        # Beyond it any third is dropped: counts of wrong tries must not be crowded out.
        "OPTIONS": {"MAX_ENTRIES": 10_000},
    }
}
CHANNEL_LAYERS = {
    "default": {
        "BACKEND": "channels_redis.pubsub.RedisPubSubChannelLayer",
        "CONFIG": {"hosts": [{"address": REDIS_URL, "socket_timeout": None}], "prefix": "parley"},
    }
    if REDIS_URL
    else {"BACKEND": "channels.layers.InMemoryChannelLayer"}
}
SESSION_ENGINE = "django.contrib.sessions.backends.cached_db"

# --- The engine --------------------------------------------------------------------------------
# "inline": completions run in the process that took the message; "worker": in `manage.py worker`.
ENGINE = env.str("PARLEY_ENGINE", default="inline")
if ENGINE not in {"inline", "worker"}:
    raise ImproperlyConfigured("PARLEY_ENGINE is 'inline' or 'worker'.")
if ENGINE == "worker" and not REDIS_URL:
    raise ImproperlyConfigured("PARLEY_ENGINE=worker needs REDIS_URL, which carries the answers.")
# Several processes serve this site: what one says must reach the others.
GROWN = bool(REDIS_URL)
PRIVATE_PROVIDERS = env.bool("PARLEY_PRIVATE_PROVIDERS", default=SITE_IS_LOCAL)

# --- People ------------------------------------------------------------------------------------
AUTH_USER_MODEL = "conversations.User"
AUTHENTICATION_BACKENDS = ["conversations.people.accounts.Backend"]
PASSWORD_HASHERS = [
    "django.contrib.auth.hashers.Argon2PasswordHasher",
    "django.contrib.auth.hashers.PBKDF2PasswordHasher",
]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": f"django.contrib.auth.password_validation.{name}"}
    for name in (
        "UserAttributeSimilarityValidator",
        "MinimumLengthValidator",
        "CommonPasswordValidator",
        "NumericPasswordValidator",
    )
]
REGISTRATION = env.str("PARLEY_REGISTRATION", default="closed")
if REGISTRATION not in {"open", "invite", "closed"}:
    raise ImproperlyConfigured("PARLEY_REGISTRATION is 'open', 'invite' or 'closed'.")
REGISTRATION_DOMAINS = [
    domain.lower() for domain in env.list("PARLEY_REGISTRATION_DOMAINS", default=[])
]
# Who registers without an invitation waits until an administrator lets them in.
REGISTRATION_APPROVAL = env.bool("PARLEY_REGISTRATION_APPROVAL", default=False)
ACCOUNT_ADAPTER = "conversations.people.signing_in.AccountAdapter"
ACCOUNT_FORMS = {
    "login": "conversations.people.sign_in_form.LoginForm",
    "signup": "conversations.people.accounts.SignupForm",
    "add_email": "conversations.people.accounts.AddressForm",
    "reset_password": "conversations.people.accounts.ResetForm",
}
ACCOUNT_LOGIN_METHODS = {"email", "username"}
ACCOUNT_SIGNUP_FIELDS = ["email*", "username*", "password1*", "password2*"]
ACCOUNT_UNIQUE_EMAIL = True
ACCOUNT_PREVENT_ENUMERATION = True
ACCOUNT_CHANGE_EMAIL = True
ACCOUNT_CONFIRM_EMAIL_ON_GET = False
ACCOUNT_LOGOUT_ON_GET = False
ACCOUNT_SESSION_REMEMBER = None
ACCOUNT_USER_DISPLAY = "conversations.people.accounts.display_name"
ACCOUNT_DEFAULT_HTTP_PROTOCOL = "https" if HTTPS else "http"
LOGIN_URL = "account_login"
LOGIN_REDIRECT_URL = "home"
ACCOUNT_LOGOUT_REDIRECT_URL = "account_login"
ALLAUTH_TRUSTED_PROXY_COUNT = TRUSTED_PROXIES
# Wrong tries: five for one name in five minutes, ten from one address in a minute; codes likewise.
ACCOUNT_RATE_LIMITS = {"login_failed": "10/m/ip,5/300s/key"}

MFA_ADAPTER = "conversations.people.signing_in.SecondFactorAdapter"
MFA_SUPPORTED_TYPES = ["totp", "webauthn", "recovery_codes"]
MFA_TRUST_ENABLED = True
MFA_FORMS = {
    "authenticate": "conversations.people.sign_in_form.CodeForm",
    "reauthenticate": "conversations.people.sign_in_form.CodeAgainForm",
}
MFA_TOTP_ISSUER = _public.hostname or "Parley"
MFA_TOTP_TOLERANCE = 1
# Where addresses have to be confirmed, nobody signs in before; elsewhere nobody could.
MFA_ALLOW_UNVERIFIED_EMAIL = True

# Sign-in by OpenID Connect, where an issuer is named.
OIDC_ISSUER = env.str("PARLEY_OIDC_ISSUER", default="").rstrip("/")
OIDC_NAME = env.str("PARLEY_OIDC_NAME", default="single sign-on")
OIDC_GROUPS_CLAIM = env.str("PARLEY_OIDC_GROUPS_CLAIM", default="groups")
OIDC_ADMIN_GROUP = env.str("PARLEY_OIDC_ADMIN_GROUP", default="")
OIDC_REGISTRATION = env.bool("PARLEY_OIDC_REGISTRATION", default=True)
# Nobody signs in by password or passkey; links from the shell still work.
OIDC_ONLY = env.bool("PARLEY_OIDC_ONLY", default=False)
OIDC_ORIGINS: list[str] = []
MFA_PASSKEY_LOGIN_ENABLED = not OIDC_ONLY
if OIDC_ONLY and not OIDC_ISSUER:
    raise ImproperlyConfigured("PARLEY_OIDC_ONLY needs PARLEY_OIDC_ISSUER.")
if OIDC_ISSUER:
    INSTALLED_APPS[:0] = [
        "allauth.socialaccount",
        "allauth.socialaccount.providers.openid_connect",
    ]
    OIDC_ORIGINS = [
        "{0.scheme}://{0.netloc}".format(urlsplit(address))
        for address in [OIDC_ISSUER, *env.list("PARLEY_OIDC_VIA", default=[])]
    ]
    SOCIALACCOUNT_ADAPTER = "conversations.people.single_sign_on.adapter.Adapter"
    SOCIALACCOUNT_EMAIL_AUTHENTICATION = SOCIALACCOUNT_EMAIL_AUTHENTICATION_AUTO_CONNECT = True
    SOCIALACCOUNT_EMAIL_REQUIRED = False
    SOCIALACCOUNT_PROVIDERS = {
        "openid_connect": {
            "provider_class": "conversations.people.single_sign_on.provider.SingleSignOn",
            "OAUTH_PKCE_ENABLED": True,
            "SCOPE": env.list("PARLEY_OIDC_SCOPES", default=["openid", "profile", "email"]),
            "APPS": [
                {
                    "provider_id": "sso",
                    "name": OIDC_NAME,
                    "client_id": env.str("PARLEY_OIDC_CLIENT_ID"),
                    "secret": given_secret("PARLEY_OIDC_CLIENT_SECRET"),
                    "settings": {"server_url": OIDC_ISSUER},
                }
            ],
        }
    }

EMAIL_CONFIG = env.email("PARLEY_EMAIL_URL", default="consolemail://")
globals().update(EMAIL_CONFIG)
MAIL_IS_SENT = not EMAIL_CONFIG["EMAIL_BACKEND"].endswith("console.EmailBackend")
ACCOUNT_EMAIL_VERIFICATION = "mandatory" if MAIL_IS_SENT else "optional"
DEFAULT_FROM_EMAIL = env.str(
    "PARLEY_EMAIL_FROM", default=f"Parley <parley@{_public.hostname or 'localhost'}>"
)

# Who is told of alerts: mail addresses, and an address that is posted signed JSON.
ALERT_MAIL = [name.strip() for name in env.list("PARLEY_ALERT_MAIL", default=[])]
ALERT_WEBHOOK = env.str("PARLEY_ALERT_WEBHOOK", default="")
ALERT_SECRET = given_secret("PARLEY_ALERT_SECRET")
if ALERT_WEBHOOK and len(ALERT_SECRET) < 20:
    raise ImproperlyConfigured(
        "PARLEY_ALERT_WEBHOOK needs PARLEY_ALERT_SECRET: 20 characters or more, to sign with."
    )

# --- Presets -----------------------------------------------------------------------------------
# People may make presets of their own, on the models that are open to them.
OWN_PRESETS = env.bool("PARLEY_OWN_PRESETS", default=True)

# --- Words and times ---------------------------------------------------------------------------
LANGUAGE_CODE = env.str("PARLEY_LANGUAGE", default="en")
TIME_ZONE = env.str("PARLEY_TIME_ZONE", default="UTC")
USE_I18N = USE_TZ = True

# --- Files -------------------------------------------------------------------------------------
STATIC_URL = "static/"
STATICFILES_DIRS = [BASE_DIR / "static"]
# Named where the files are collected beforehand, as in the image; then a start leaves them alone.
COLLECTED = env.str("PARLEY_STATIC", default="")
STATIC_ROOT = Path(COLLECTED) if COLLECTED else DATA_DIR / "static"
WHITENOISE_USE_FINDERS = WHITENOISE_AUTOREFRESH = DEBUG
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {
        "BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"
        if DEBUG
        else "chatsite.storage.HashedFiles"
    },
}
MEDIA_ROOT = DATA_DIR / "files"

# --- Limits at the edge ------------------------------------------------------------------------
DATA_UPLOAD_MAX_MEMORY_SIZE = 2 * 1024 * 1024
# A provider's listing has up to 900 models to tick, and those are counted before any view is asked.
DATA_UPLOAD_MAX_NUMBER_FIELDS = 1_000
MESSAGE_MAX_CHARACTERS = 100_000
# Sends of one person in a minute; the answer beyond is 429 with Retry-After.
SENDS_PER_MINUTE = env.int("PARLEY_SENDS_PER_MINUTE", default=60)
SOCKETS_PER_PERSON = env.int("PARLEY_SOCKETS_PER_PERSON", default=50)
METRICS_TOKEN = env.str("PARLEY_METRICS_TOKEN", default="")

SILENCED_SYSTEM_CHECKS: list[str] = []
DEFAULT_EXCEPTION_REPORTER_FILTER = "chatsite.error_pages.Filter"
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"lines": {"()": "chatsite.logs.Lines"}},
    "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "lines"}},
    "root": {"handlers": ["stderr"], "level": env.str("PARLEY_LOG_LEVEL", default="WARNING")},
    "loggers": {"django.server": {"level": "WARNING", "propagate": True}},
}

CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": ["'self'"],
        "img-src": ["'self'", "data:"],
        # Chromium asks it again of where a post leads on to.
        "form-action": ["'self'", *OIDC_ORIGINS],
        "object-src": ["'none'"],
        "base-uri": ["'none'"],
        "frame-ancestors": ["'none'"],
    }
}


def _file(name: str) -> Callable[[HttpRequest], str]:
    """The address of a static file, asked for when a page is made."""
    return lambda _request: static(name)


UNFOLD = {
    "SITE_TITLE": "Parley",
    "SITE_HEADER": "Parley",
    "SITE_URL": "/",
    "SHOW_HISTORY": False,
    "SHOW_BACK_BUTTON": True,
    "SITE_SYMBOL": "forum",
    "SITE_FAVICONS": [{"rel": "icon", "type": "image/svg+xml", "href": _file("icon.svg")}],
    "BORDER_RADIUS": "7px",
    "DASHBOARD_CALLBACK": "conversations.admin.board.context",
    "SIDEBAR": {"navigation": "conversations.admin.navigation.sections"},
    "STYLES": [_file("tokens.css"), _file("admin.css")],
    "SCRIPTS": [_file("admin_theme.js"), _file("admin_keys.js")],
    # The greys and the accent of `tokens.css`: the light page uses those up to 400, the dark the rest.
    "COLORS": {
        "base": {
            "50": "oklch(0.976 0.005 90)",
            "100": "oklch(0.955 0.006 90)",
            "200": "oklch(0.905 0.007 90)",
            "300": "oklch(0.85 0.008 90)",
            "400": "oklch(0.64 0.012 85)",
            "500": "oklch(0.5 0.012 80)",
            "600": "oklch(0.4 0.012 75)",
            "700": "oklch(0.36 0.009 75)",
            "800": "oklch(0.3 0.008 75)",
            "900": "oklch(0.205 0.006 75)",
            "950": "oklch(0.17 0.006 75)",
        },
        "primary": {
            "50": "oklch(0.965 0.012 215)",
            "100": "oklch(0.94 0.02 215)",
            "200": "oklch(0.89 0.035 215)",
            "300": "oklch(0.84 0.06 212)",
            "400": "oklch(0.8 0.085 210)",
            "500": "oklch(0.74 0.09 210)",
            "600": "oklch(0.475 0.085 215)",
            "700": "oklch(0.415 0.08 215)",
            "800": "oklch(0.36 0.07 215)",
            "900": "oklch(0.3 0.055 215)",
            "950": "oklch(0.24 0.04 215)",
        },
        "font": {
            "subtle-light": "oklch(0.485 0.012 75)",
            "subtle-dark": "oklch(0.73 0.01 90)",
            "default-light": "oklch(0.3 0.012 75)",
            "default-dark": "oklch(0.88 0.008 90)",
            "important-light": "oklch(0.255 0.012 75)",
            "important-dark": "oklch(0.915 0.008 90)",
        },
    },
}
TESTING = "pytest" in sys.modules
