"""Protection of the Prefect server that ACCI starts: anyone with access can run code as its user.

No web page of elsewhere can use it: none knows the login, which requests, the sockets of events and logs, and other
Hosts need alike; none gets the token that changes need; none may read an answer.
"""

import os
import secrets
import stat
from pathlib import Path

from acci.store.settings import Settings

USER = "acci"


def login_file(settings: Settings) -> Path:
    """Where the login of this folder's server lies."""
    return settings.home / "prefect-login"


def own_login(settings: Settings) -> str:
    """The login of this folder's server, user:password; made at the first start.

    One that others could have read or written is replaced.
    """
    file = login_file(settings)
    return kept_login(file) or _make(file)


def kept_login(file: Path) -> str | None:
    """The login in the file, if there is one that only this user can know."""
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
    """The variables that give a server its login, and that pages of no other origin than its own may use it.

    By the names that Prefect looks at first: none of the others that it knows can undo them.
    """
    return {
        "PREFECT_SERVER_API_AUTH_STRING": login,
        "PREFECT_SERVER_API_CSRF_PROTECTION_ENABLED": "true",
        "PREFECT_SERVER_API_CORS_ALLOWED_ORIGINS": origin,
        "PREFECT_CLIENT_CSRF_SUPPORT_ENABLED": "true",
    }


def closed_to_others() -> dict[str, str]:
    """The variables by which a server that Prefect starts for one run is closed to everybody but the run."""
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
