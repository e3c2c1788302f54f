"""Rival (a): a Flask application that does nothing: the limit of the web side."""

from __future__ import annotations

from flask import Flask, Response


def create_app() -> Flask:
    app = Flask(__name__)

    @app.post("/hook")
    def hook() -> Response:
        return Response(status=204)

    return app
