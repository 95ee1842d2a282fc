"""Every request is checked: whether it is for this machine by a name of its own, and its sender signed in."""

import asyncio
from collections.abc import Callable
from urllib.parse import urlparse

from bokeh.server.auth_provider import AuthProvider
from tornado.web import HTTPError, RequestHandler

from htgeo.explorer.security import Access

LOGIN = "/login"
DAYS_SIGNED_IN = 1
SECONDS_A_TRY = 1.0
POLICY = (
    "default-src 'none'; script-src 'self' 'unsafe-inline' 'unsafe-eval' blob:; style-src 'self' 'unsafe-inline'; "
    "img-src 'self' data: blob:; font-src 'self' data:; connect-src 'self' ws://{host} wss://{host}; form-action 'self'; "
    "frame-ancestors 'none'; base-uri 'none'"
)
"""What a page may load: only from here. Bokeh needs inline scripts and makes functions from text."""
FORM = """<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>htgeo explorer</title><style>
:root { color-scheme: light dark; } body { font: 16px/1.5 system-ui, sans-serif; display: grid; place-items: center; min-height: 90vh; margin: 0; }
form { width: min(20rem, 88vw); } h1 { font-size: 1.2rem; } input, button { font: inherit; width: 100%; box-sizing: border-box; padding: .5rem; margin: .3rem 0; }
</style></head><body><form method="post"><h1>htgeo explorer</h1><label for="secret">Password or token</label>
<input id="secret" name="secret" type="password" autocomplete="current-password" required autofocus>
<button type="submit">Sign in</button><p role="alert">{message}</p></form></body></html>"""


class Guard(AuthProvider):  # type: ignore[misc]  # bokeh has no types
    """Lets a request through to the page and its websocket, or not.

    Parameters
    ----------
    access
        Who may look.
    port
        The port that is listened on.
    """

    def __init__(self, access: Access, port: int) -> None:
        self.access, self.hosts, self.cookie = access, access.allowed(port), f"htgeo-{port}"
        super().__init__()

    @property
    def get_user(self) -> Callable[[RequestHandler], str | None]:
        """What tells who sent a request; None sends them to the form."""
        return self._user

    @property
    def login_url(self) -> str | None:
        """Where the form stands."""
        return LOGIN

    @property
    def get_login_url(self) -> None:
        """Not used: the form has one place."""
        return

    @property
    def login_handler(self) -> type[RequestHandler]:
        """The form."""
        guard = self

        class Login(_Login):
            def initialize(self) -> None:
                self.guard = guard

        return Login

    def check_host(self, request_handler: RequestHandler) -> None:
        """Refuse a request for another host, or sent by a page of another: its name only leads here (DNS rebinding).

        Raises
        ------
        HTTPError
            403.
        """
        headers = request_handler.request.headers
        origin = headers.get("Origin")
        if request_handler.request.host.lower() not in self.hosts or (
            origin is not None and urlparse(origin).netloc.lower() not in self.hosts
        ):
            raise HTTPError(403)
        request_handler.set_header("Content-Security-Policy", POLICY.format(host=request_handler.request.host))
        request_handler.set_header("X-Content-Type-Options", "nosniff")
        request_handler.set_header("Referrer-Policy", "no-referrer")
        request_handler.set_header("Cache-Control", "no-store")

    def _user(self, request_handler: RequestHandler) -> str | None:
        self.check_host(request_handler)
        if not self.access.secret:
            return "local"
        signed = request_handler.get_signed_cookie(self.cookie, max_age_days=DAYS_SIGNED_IN)
        return "signed in" if signed else None


class _Login(RequestHandler):
    """A form that asks for the password; one try at a time, each takes a second."""

    guard: Guard
    tries = asyncio.Lock()

    def prepare(self) -> None:
        self.guard.check_host(self)

    def get(self) -> None:
        """Show the form."""
        self.write(FORM.replace("{message}", ""))

    async def post(self) -> None:
        """Sign in who knows the secret."""
        async with self.tries:
            right = bool(self.guard.access.secret) and self.guard.access.opens(self.get_body_argument("secret", ""))
            if not right:
                await asyncio.sleep(SECONDS_A_TRY)
        if right:
            self.set_signed_cookie(
                self.guard.cookie, "in", expires_days=DAYS_SIGNED_IN, httponly=True, samesite="Strict"
            )
            self.redirect("/")
            return
        self.set_status(403)
        self.write(FORM.replace("{message}", "That is not it."))
