"""Who looks at a page: sign-in with a token, the cookie that stands for it, and what a change must bring along."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Callable
from typing import TypeVar
from urllib.parse import urlencode, urlsplit

from flask import Blueprint, Response, abort, current_app, g, redirect, render_template, request
from itsdangerous import BadSignature, URLSafeSerializer

from bridge.core.signature import same_secret
from bridge.desk import Desk, tokens
from bridge.desk.tokens import Known
from bridge.web.lockout import Lockout

COOKIE, FLASH, THEME = "bridge_session", "bridge_said", "bridge_theme"
SESSION_S, FLASH_S, THEME_S = tokens.SESSION_MS // 1000, 60, 365 * 86_400
SAFE = {"GET", "HEAD", "OPTIONS"}
THEMES = ("light", "dark")
FORM_BYTES_MAX = 64_000

View = TypeVar("View", bound=Callable[..., object])


def known() -> Known:
    """Return who is signed in."""
    assert g.known is not None
    found: Known = g.known
    return found


def known_or_none() -> Known | None:
    """Return who is signed in, also on a page that everybody sees."""
    found: Known | None = g.get("known")
    return found


def who() -> str:
    """Return the name that the audit log keeps."""
    return known().name


def takes(bytes_max: int) -> Callable[[View], View]:
    """Let one view take a larger body than a form is, such as a file."""

    def larger(view: View) -> View:
        view.bytes_max = bytes_max  # type: ignore[attr-defined]
        return view

    return larger


def said(path: str, text: str, tone: str = "good") -> Response:
    """Return the answer to a deed that is done: go to a page of ours, which says so. tone: good, warn or bad."""
    answer = _goto(path)
    kept = _signer().dumps([text, tone])
    _keep(answer, FLASH, kept if isinstance(kept, str) else kept.decode(), FLASH_S)
    return answer


def take_flash() -> tuple[str, str] | None:
    """Return what a deed left to say and its tone, once."""
    given = request.cookies.get(FLASH)
    if given is None or g.get("flash_taken"):
        return None
    g.flash_taken = True
    try:
        text, tone = _signer().loads(given)
    except (BadSignature, ValueError, TypeError):
        return None
    return str(text), str(tone)


def theme() -> str:
    """Return the look that was chosen; "" follows the system."""
    chosen = request.cookies.get(THEME, "")
    return chosen if chosen in THEMES else ""


def guard(blueprint: Blueprint, desk: Desk) -> None:
    """Let only people who are signed in see these pages, and only those with role write change anything."""

    @blueprint.before_request
    def check() -> Response | None:
        if not enter(desk):
            return _sign_in_first()
        if request.method not in SAFE:
            view = current_app.view_functions.get(request.endpoint or "")
            request.max_content_length = getattr(view, "bytes_max", FORM_BYTES_MAX)
            request.max_form_memory_size = request.max_content_length
            _check_form()
            if not known().may_write:
                abort(403)
        return None

    blueprint.after_request(_finish)


def routes(desk: Desk, lockout: Lockout) -> Blueprint:
    """Return sign-in, sign-out and the switch between light and dark."""
    pages = Blueprint("session", __name__)
    pages.after_request(_finish)

    @pages.get("/sign-in")
    def sign_in() -> str | Response:
        return _goto(_local(request.args.get("to"))) if enter(desk) else render_template("sign-in.html")

    @pages.post("/sign-in")
    def come_in() -> Response | tuple[str, int] | tuple[str, int, dict[str, str]]:
        _check_origin()
        request.max_content_length = FORM_BYTES_MAX
        if wait_s := lockout.wait_s(request.remote_addr):
            return render_template("sign-in.html", wait_s=wait_s), 429, {"Retry-After": str(wait_s)}
        secret = tokens.open_session(desk, request.form.get("token", "").strip())
        if secret is None:
            lockout.wrong(request.remote_addr)
            return render_template("sign-in.html", wrong=True), 403
        answer = _goto(_local(request.form.get("to")))
        _keep(answer, COOKIE, secret, SESSION_S)
        return answer

    @pages.post("/sign-out")
    def leave() -> Response:
        if enter(desk):
            _check_form()
            tokens.close_session(desk, request.cookies[COOKIE])
        answer = _goto("/sign-in")
        _keep(answer, COOKIE, "", 0)
        return answer

    @pages.post("/theme")
    def switch() -> Response:
        _check_origin()
        answer = _goto(_local(request.form.get("to")))
        chosen = request.form.get("theme", "")
        if chosen in THEMES:
            _keep(answer, THEME, chosen, THEME_S)
        return answer

    return pages


def enter(desk: Desk) -> bool:
    """Find out who asks; return whether that is somebody."""
    secret = request.cookies.get(COOKIE)
    g.known = tokens.session(desk, secret) if secret else None
    if secret and g.known is not None:
        g.csrf = hmac.new(secret.encode(), b"csrf", hashlib.sha256).hexdigest()
    return g.known is not None


def _sign_in_first() -> Response:
    """Send to the sign-in page, and from there back to this one; a part of a page sends the whole page there."""
    if "HX-Request" in request.headers:
        here = urlsplit(request.headers.get("HX-Current-URL", ""))
        to = here.path + (f"?{here.query}" if here.query else "")
        return Response(status=401, headers={"HX-Redirect": _sign_in_path(to)})
    return _goto(_sign_in_path(request.full_path.rstrip("?") if request.method in SAFE else "/"))


def _sign_in_path(to: str) -> str:
    return "/sign-in" if to in ("", "/") else f"/sign-in?{urlencode({'to': to})}"


def _check_form() -> None:
    """A change comes from a page of ours, which knows what no other site can: the hash of the session's secret."""
    _check_origin()
    given = request.headers.get("X-CSRF-Token") or request.form.get("csrf")
    if not same_secret(given, g.csrf):
        abort(400, "This form is older than your session. Go back, load the page again and repeat it.")


def _check_origin() -> None:
    origin, site = request.headers.get("Origin"), request.headers.get("Sec-Fetch-Site", "same-origin")
    if site not in ("same-origin", "none") or (origin is not None and urlsplit(origin).netloc != request.host):
        abort(400, "This form was sent from another site. Nothing was changed.")


def _local(path: str | None) -> str:
    """Return a path of ours; anything else becomes the first page."""
    if not path or not path.startswith("/") or path.startswith(("//", "/\\")) or "\\" in path:
        return "/"
    return path if path.isprintable() else "/"


def _goto(path: str) -> Response:
    answer = redirect(path, 303)
    assert isinstance(answer, Response)
    return answer


def _finish(response: Response) -> Response:
    """With `no-referrer` a browser hides where a form came from, and the check of the origin needs to know."""
    response.headers["Referrer-Policy"] = "same-origin"
    if g.get("flash_taken"):
        _keep(response, FLASH, "", 0)
    return response


def _signer() -> URLSafeSerializer:
    return URLSafeSerializer(g.csrf, salt="said")


def _keep(answer: Response, name: str, value: str, s: int) -> None:
    """Set a cookie for so many seconds; 0 takes it away."""
    answer.set_cookie(name, value, max_age=s, httponly=True, samesite="Lax", secure=request.is_secure)
