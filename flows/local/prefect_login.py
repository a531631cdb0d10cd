"""Access to a Prefect server's API: its URL, and the login or key that it requires."""

from base64 import b64encode
from collections.abc import Generator, MutableMapping
from dataclasses import dataclass, field
from uuid import uuid4

from acci.store.extras import needs
from acci.store.settings import Settings

with needs("flows"):
    import httpx


@dataclass(frozen=True)
class Access:
    """A Prefect server's API, whose `url` ends in /api, with the login (user:password) or key that it asks for."""

    url: str
    login: str | None = field(default=None, repr=False)
    key: str | None = field(default=None, repr=False)

    @classmethod
    def named(cls, url: str, settings: Settings) -> "Access":
        """Access to a server of the user's own, with the login or key from the environment."""
        return cls(url, settings.prefect_login, settings.prefect_key)

    def put_into(self, environment: MutableMapping[str, str]) -> None:
        """Afterwards Prefect's own clients use this server, by the environment."""
        variables = {"PREFECT_API_URL": self.url, "PREFECT_API_AUTH_STRING": self.login, "PREFECT_API_KEY": self.key}
        for name, value in variables.items():
            if value:
                environment[name] = value
            else:
                environment.pop(name, None)

    def client(self, timeout: float = 30) -> httpx.Client:
        """A client for requests by paths relative to the API."""
        return httpx.Client(base_url=self.url, timeout=timeout, auth=_Credentials(self))


class _Credentials(httpx.Auth):
    """Sends login or key and, to a server with CSRF protection, the token that every change needs.

    A token is requested when the server misses one, and again when it has expired. A request refused for that reason
    was not carried out, so it is sent again.
    """

    requires_response_body = True

    def __init__(self, access: Access) -> None:
        self._tokens = f"{access.url.rstrip('/')}/csrf-token"
        self._headers = {"Prefect-Csrf-Client": str(uuid4())}
        if access.login:
            self._headers["Authorization"] = f"Basic {b64encode(access.login.encode()).decode()}"
        elif access.key:
            self._headers["Authorization"] = f"Bearer {access.key}"

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        request.headers.update(self._headers)
        answer = yield request
        if answer.status_code == httpx.codes.FORBIDDEN and request.method != "GET":
            client = {"client": self._headers["Prefect-Csrf-Client"]}
            given = yield httpx.Request("GET", self._tokens, params=client, headers=self._headers)
            if given.status_code == httpx.codes.UNAUTHORIZED:
                return  # return it: without the login there is no token either
            if given.is_success:
                self._headers["Prefect-Csrf-Token"] = given.json()["token"]
                request.headers.update(self._headers)
            yield request  # without a token, return the refusal
