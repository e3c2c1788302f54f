"""The addresses that vendors call: /webhooks/<connection>, with the path secret of the connection if it has one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from flask import Blueprint, Response, request
from werkzeug.exceptions import InternalServerError

from bridge.connectors.base import Inbound, Reply
from bridge.web.bodies import whole_body
from bridge.web.problems import problem
from bridge.web.receiver import Receiver

UNKNOWN = "No connection has this address. Copy the webhook address again from the page of the connection."
NOT_A_PAGE = "This address is for the webhooks of a CRM, which are sent by POST. There is nothing to see here."


def webhooks(receiver: Receiver) -> Blueprint:
    """Return the routes; every decision is the receiver's."""
    routes = Blueprint("webhooks", __name__, url_prefix="/webhooks")

    def receive(connection: str, path_secret: str | None = None) -> Response:
        if connection not in receiver.connectors:
            return problem(404, UNKNOWN)
        if request.method == "GET":
            return problem(405, NOT_A_PAGE, headers={"Allow": "POST, HEAD"})
        return _response(receiver.receive(connection, path_secret, _inbound()))

    for rule in ("/<connection>", "/<connection>/<path_secret>"):
        routes.add_url_rule(rule, "receive", receive, methods=["POST", "HEAD", "GET"], provide_automatic_options=False)

    @routes.errorhandler(InternalServerError)
    def defect(error: InternalServerError) -> Response:
        connection = (request.view_args or {})["connection"]
        return _response(receiver.defect(connection, error.original_exception or error))

    return routes


def _inbound() -> Inbound:
    query = request.args.to_dict() if request.query_string else {}
    return Inbound(request.method, query, _headers(request.environ), whole_body())


def _headers(environ: Mapping[str, Any]) -> dict[str, str]:
    """Return the headers of a request with lower-case names."""
    given = {name[5:]: value for name, value in environ.items() if name.startswith("HTTP_")}
    given |= {name: environ[name] for name in ("CONTENT_TYPE", "CONTENT_LENGTH") if environ.get(name)}
    return {name.replace("_", "-").lower(): value for name, value in given.items()}


def _response(reply: Reply) -> Response:
    return Response(reply.body, reply.status, dict(reply.headers), content_type=reply.content_type)
