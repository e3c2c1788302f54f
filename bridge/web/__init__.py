"""The web layer: webhooks in, pages, API and health out. It parses, calls and answers; it never calls a vendor."""

from __future__ import annotations

import logging
import os
import threading
from typing import Any

from flask import Flask, Response, request
from werkzeug.middleware.proxy_fix import ProxyFix

from bridge.log import configure_logging, log_event, trace_of
from bridge.web.api import admin_api
from bridge.web.assets import kept_s
from bridge.web.counting import Counting
from bridge.web.health import health
from bridge.web.lockout import Lockout
from bridge.web.metrics import metrics
from bridge.web.pages import add_pages
from bridge.web.receiver import Bridge, Receiver
from bridge.web.webhooks import webhooks

__all__ = ["Bridge", "Receiver", "create_app"]

HEADERS = (
    ("X-Content-Type-Options", "nosniff"),
    ("Cache-Control", "no-store"),
    (
        "Content-Security-Policy",
        "default-src 'self'; object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'",
    ),
    ("X-Frame-Options", "DENY"),
    ("Referrer-Policy", "no-referrer"),
)
HSTS = ("Strict-Transport-Security", "max-age=31536000")


class App(Flask):
    """
    Flask, except that an error is logged by its place: the standard line holds the path, and so a path secret; and
    that a browser keeps a file whose address says what it holds.
    """

    def get_send_file_max_age(self, filename: str | None) -> int | None:
        return kept_s(self, filename)

    def log_exception(self, exc_info: Any) -> None:
        if request.blueprint == "webhooks":
            return  # Receiver.defect logs it
        route = request.url_rule.rule if request.url_rule else ""
        log_event("web.defect", level=logging.ERROR, method=request.method, route=route, trace=trace_of(exc_info[1]))


def create_app(bridge: Bridge | None = None) -> Flask:
    """
    Return the WSGI application.

    bridge: None assembles it from the settings at BRIDGE_CONFIG (config/bridge.toml) and the environment, which raises
    Misconfigured. The store is not touched here, so that processes may fork after.
    """
    serving = bridge is None
    if bridge is None:
        from bridge.assembly import assemble

        bridge = assemble(os.environ.get("BRIDGE_CONFIG", "config/bridge.toml"), os.environ)
        configure_logging([*bridge.secret_values, *bridge.path_secrets.values()])
    app = App(__name__)
    app.debug = False
    app.url_map.merge_slashes = False
    app.config.update(MAX_CONTENT_LENGTH=bridge.body_bytes_max, PROPAGATE_EXCEPTIONS=False)
    receiver = Receiver(bridge)
    if serving:
        receiver.counted = Counting(receiver.tally, bridge.store).begin
    app.extensions["bridge"] = bridge
    app.extensions["receiver"] = receiver
    app.extensions["ending"] = threading.Event()  # the server sets it when this process is told to end
    app.register_blueprint(webhooks(receiver))
    app.register_blueprint(health(bridge.store))
    lockout = app.extensions["lockout"] = Lockout()
    app.register_blueprint(metrics(bridge.desk, lockout, receiver.tally))
    app.register_blueprint(admin_api(bridge.desk, lockout))
    add_pages(app, bridge.desk, lockout)
    app.after_request(_secure)
    if bridge.proxies:
        app.wsgi_app = ProxyFix(app.wsgi_app, x_for=bridge.proxies, x_proto=bridge.proxies)  # type: ignore[method-assign]
    return app


def _secure(response: Response) -> Response:
    given = {name.lower() for name in response.headers.keys()}  # noqa: SIM118  its keys, not its pairs
    wanted = (*HEADERS, HSTS) if request.is_secure else HEADERS
    response.headers.extend([(name, value) for name, value in wanted if name.lower() not in given])
    return response
