"""What a person sees when something does not work: what is wrong and what to do next."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress

from flask import Blueprint, Flask, Response, make_response, render_template, request
from werkzeug.exceptions import HTTPException
from werkzeug.wrappers import Response as AnyResponse

from bridge.core.errors import BridgeError, Transient
from bridge.desk import Desk, Reason, Refused
from bridge.web import problems
from bridge.web.pages import session

STATUS: Mapping[Reason, int] = {"unknown": 404, "taken": 409, "stale": 412, "invalid": 422}
TITLES = {
    400: "That did not arrive as it should",
    403: "Your token may only look",
    404: "There is nothing here",
    409: "Another has it already",
    412: "It has changed meanwhile",
    413: "That is too large",
    422: "That cannot be done",
    500: "A defect of the bridge",
    503: "Not now",
}
CURES = {
    403: "You signed in with a token of role read. To change something, sign in with one of role write.",
    404: "The address may be old or mistyped. The navigation above leads to all there is.",
    500: "Nothing was lost. The log of the web process holds the place; report it.",
    503: "The database does not answer in time. Try again in a moment; if it stays so, look at the log.",
}
MACHINES = ("/api/", "/webhooks/", "/metrics", "/healthz", "/readyz")


def handle(blueprint: Blueprint) -> None:
    """Show what the desk refuses, and a store that does not answer, on the pages of a blueprint."""

    @blueprint.errorhandler(Refused)
    def refused(error: Refused) -> Response:
        return page(STATUS[error.reason], error.detail, error.cure)

    @blueprint.errorhandler(Transient)
    def busy(error: Transient) -> Response:
        return page(503)


def handle_strangers(app: Flask, desk: Desk) -> None:
    """Show errors as pages to browsers, with the navigation to who is signed in, and as problems to everybody else."""

    @app.errorhandler(HTTPException)
    def shown(error: HTTPException) -> AnyResponse:
        if error.code is None or error.code < 400 or not _for_a_person():
            return problems.from_exception(error)
        if session.known_or_none() is None:
            with suppress(BridgeError):
                session.enter(desk)
        own = error.description if error.code == 400 and error.description != type(error).description else None
        answer = page(error.code, own or problems.DETAILS.get(error.code, ""), CURES.get(error.code, ""))
        answer.headers.extend([(k, v) for k, v in error.get_headers() if k in ("Allow", "Retry-After")])
        return answer


def page(status: int, detail: str = "", cure: str = "") -> Response:
    """Return the page of an error; for htmx only its words, which are shown above the page that asked."""
    title = TITLES.get(status, problems.title(status))
    words = {
        "title": title,
        "detail": detail or problems.DETAILS.get(status, ""),
        "cure": cure or CURES.get(status, ""),
    }
    if "HX-Request" in request.headers:
        return make_response(". ".join(filter(None, (words["detail"].rstrip("."), words["cure"]))), status)
    return make_response(render_template("error.html", **words), status)


def _for_a_person() -> bool:
    asked = [kind for kind, _ in request.accept_mimetypes]
    return ("text/html" in asked or "HX-Request" in request.headers) and not request.path.startswith(MACHINES)
