"""Protection of the Prefect server that ACCI starts: anyone with access can run code as its user.

Other sites' pages cannot use it: they do not know the login, which every request and the sockets of events and logs
need under any Host; they get no CSRF token, which changes need; and they may not read answers (CORS).
"""

import os
import secrets
import stat
from pathlib import Path

from acci.store.settings import Settings

USER = "acci"


def login_file(settings: Settings) -> Path:
    """The file with the login of this folder's server."""
    return settings.home / "prefect-login"


def own_login(settings: Settings) -> str:
    """The login of this folder's server, user:password; made at the first start.

    A login in a file that other users can read or write is replaced.
    """
    file = login_file(settings)
    return kept_login(file) or _make(file)


def kept_login(file: Path) -> str | None:
    """The login in the file, if there is one and only this user can read it."""
    try:
        opened = os.open(file, os.O_RDONLY | os.O_NOFOLLOW)
    except OSError:
        return None
    with os.fdopen(opened, encoding="ascii", errors="replace") as kept:
        found = os.fstat(opened)
        is_private = found.st_uid == os.geteuid() and not stat.S_IMODE(found.st_mode) & 0o077
        login = kept.read().strip()
    return login if is_private and len(login) > len(USER) + 1 and login.startswith(f"{USER}:") else None


def closed(login: str, origin: str) -> dict[str, str]:
    """The environment variables that set a server's login and refuse pages of other origins.

    These are the names that Prefect reads first, so its other names for the same settings cannot override them.
    """
    return {
        "PREFECT_SERVER_API_AUTH_STRING": login,
        "PREFECT_SERVER_API_CSRF_PROTECTION_ENABLED": "true",
        "PREFECT_SERVER_API_CORS_ALLOWED_ORIGINS": origin,
        "PREFECT_CLIENT_CSRF_SUPPORT_ENABLED": "true",
    }


def closed_to_others() -> dict[str, str]:
    """The environment variables that close a server started by Prefect for one run to everybody but the run."""
    login = f"{USER}:{secrets.token_urlsafe(24)}"
    return closed(login, "") | {"PREFECT_API_AUTH_STRING": login}


def _make(file: Path) -> str:
    login = f"{USER}:{secrets.token_urlsafe(24)}"
    file.parent.mkdir(parents=True, exist_ok=True)
    made = file.with_name(f"{file.name}.new")
    made.unlink(missing_ok=True)
    with os.fdopen(os.open(made, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="ascii") as writing:
        writing.write(f"{login}\n")
    made.replace(file)
    return login
