"""The boards page and the control API under /_/: what a person, a demo or a test does to the sandbox."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, fields
from typing import TYPE_CHECKING, Any

from flask import Blueprint, Flask, Response, abort, current_app, jsonify, render_template, request
from flask.json.provider import DefaultJSONProvider
from werkzeug.exceptions import HTTPException

from bridge.sandbox import boards
from bridge.sandbox.base import Simulator, Switch
from bridge.sandbox.faults import Faults

if TYPE_CHECKING:
    from bridge.sandbox.server import Sandbox

TICK_S = 0.2
HEARTBEAT_S = 15.0
EVENTS_LIFE_S = 600.0
HEADERS = {
    "Content-Security-Policy": "default-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
}

pages = Blueprint("control", __name__)


def build(sandbox: Sandbox) -> Flask:
    """Return the app that stands around the simulators of `sandbox`."""
    app = Flask(__name__, static_url_path="/_/static")
    app.extensions["sandbox"] = sandbox
    app.json = DefaultJSONProvider(app)
    app.json.sort_keys = False
    app.jinja_env.trim_blocks = app.jinja_env.lstrip_blocks = True
    app.jinja_env.globals.update(in_sight=boards.in_sight, folded=boards.folded, shown=boards.CARDS_SHOWN)
    app.register_blueprint(pages)
    app.register_error_handler(HTTPException, _refused)
    app.after_request(_guarded)
    return app


def _sandbox() -> Sandbox:
    sandbox: Sandbox = current_app.extensions["sandbox"]
    return sandbox


def _refused(error: HTTPException) -> tuple[Response, int]:
    return jsonify(error=error.description), error.code or 500


def _guarded(response: Response) -> Response:
    response.headers.update(HEADERS)
    response.headers.setdefault("Cache-Control", "no-store")
    return response


@pages.before_request
def only_ours() -> None:
    """Refuse a change that another web site could have made a browser send: it cannot set our header."""
    if request.method in ("POST", "PUT"):
        if request.headers.get("X-Sandbox") != "1":
            abort(403, "a change needs the header X-Sandbox: 1")
        if not isinstance(request.get_json(), dict):
            abort(400, "the body must be a JSON object")


def _known(vendor: object) -> Simulator:
    simulator = _sandbox().simulators.get(str(vendor))
    if simulator is None:
        abort(404, f"no vendor {vendor!r} in this sandbox; there are {', '.join(_sandbox().simulators)}")
    return simulator


@pages.get("/")
def page() -> str:
    """Show the five boards side by side."""
    sandbox = _sandbox()
    return render_template(
        "boards.html",
        boards=[boards.board(vendor, one) for vendor, one in sandbox.simulators.items()],
        news=boards.news(sandbox.simulators),
        faults=_faults(sandbox.dice.faults),
        presets={"All quiet": asdict(Faults()), "A rough day": asdict(Faults.rough())},
        bridge_called=_bridge_called(sandbox),
        restless=sandbox.dice.faults.but({"hang_s": 3.0, "seed": 0}) != Faults(),
        switches=_switches(sandbox.simulators),
        faces=boards.FACES,
        targets=_targets(sandbox),
    )


def _bridge_called(sandbox: Sandbox) -> bool:
    return any(door.counts["bridge_calls"] for door in sandbox.doors.values())


@pages.get("/_/state")
def state() -> dict[str, Any]:
    """Answer with every vendor's columns, cards and counts."""
    sandbox = _sandbox()
    return {
        vendor: boards.state(vendor, one, sandbox.doors[vendor].counts, sandbox.courier.lanes[vendor].tally())
        for vendor, one in sandbox.simulators.items()
    }


@pages.get("/_/ledger")
def ledger() -> dict[str, Any]:
    """
    Answer with ledger rows: of one vendor from row number `since` on, or of all vendors in order of time.

    `next` is the `since` of the next question.
    """
    if not (vendor := request.args.get("vendor")):
        if "since" in request.args:
            abort(400, "since counts the rows of one vendor: name the vendor")
        every = [row for v, one in _sandbox().simulators.items() for row in boards.rows(list(one.ledger), v, 0)]
        return {"rows": sorted(every, key=lambda row: row["at"])}
    since = request.args.get("since", 0, type=int)
    if since < 0:
        abort(400, "since is a row number from 0")
    rows = boards.rows(_known(vendor).ledger[since:], vendor, since)
    return {"rows": rows, "next": since + len(rows)}


@pages.post("/_/edit")
def edit() -> dict[str, Any]:
    """Change a deal as a person does: {vendor, deal, changes by the vendor's own field names}."""
    asked = request.get_json()
    simulator, changes = _known(asked.get("vendor")), asked.get("changes")
    if not isinstance(changes, dict) or not changes:
        abort(400, "changes must name at least one field")
    return _done(simulator, lambda: simulator.edit(str(asked.get("deal")), changes))


@pages.post("/_/move")
def move() -> dict[str, Any]:
    """Drag a card: {vendor, deal, column}."""
    asked = request.get_json()
    simulator = _known(asked.get("vendor"))
    return _done(simulator, lambda: simulator.move(str(asked.get("deal")), str(asked.get("column"))))


def _done(simulator: Simulator, act: Callable[[], None]) -> dict[str, Any]:
    try:
        act()
    except KeyError as error:
        abort(404, f"{simulator.vendor} has no {error.args[0] if error.args else 'such deal'}")
    except (ValueError, TypeError) as error:
        abort(400, f"{simulator.vendor} refused: {error}")
    return {"ledger": len(simulator.ledger)}


@pages.route("/_/switches", methods=["GET", "PUT"])
def switches() -> dict[str, Any]:
    """Show the vendors' habits; PUT {vendor: {switch: value}} changes some, all or none of them."""
    if request.method == "PUT":
        asked: dict[str, dict[str, Any]] = request.get_json()
        for vendor, values in asked.items():
            _check_switches(_known(vendor), values)
        for vendor, values in asked.items():
            _known(vendor).switch.update(values)
    return _switches(_sandbox().simulators)


def _check_switches(simulator: Simulator, values: object) -> None:
    known = {switch.name: switch for switch in simulator.switches}
    if not isinstance(values, dict) or not values.keys() <= known.keys():
        abort(400, f"{simulator.vendor} has the switches {', '.join(known) or 'none'}")
    for name, value in values.items():
        if not _fits(known[name], value):
            abort(400, f"{name} of {simulator.vendor} takes values like {json.dumps(known[name].default)}")


def _fits(switch: Switch, value: object) -> bool:
    if isinstance(switch.default, bool | str) or isinstance(value, bool):
        return type(value) is type(switch.default)
    fractions = isinstance(switch.default, float) or switch.name.endswith("_s")
    return isinstance(value, int | float if fractions else int)


def _switches(simulators: Mapping[str, Simulator]) -> dict[str, Any]:
    return {
        vendor: [
            {"name": s.name, "what": s.what, "value": one.switch[s.name], "default": s.default} for s in one.switches
        ]
        for vendor, one in simulators.items()
    }


@pages.route("/_/faults", methods=["GET", "PUT"])
def faults() -> dict[str, Any]:
    """Show what goes wrong and how often; PUT {name: value} changes some of it."""
    dice = _sandbox().dice
    if request.method == "PUT":
        try:
            dice.change(dice.faults.but(request.get_json()))
        except ValueError as error:
            abort(400, str(error))
    return {"faults": _faults(dice.faults)}


def _faults(faults: Faults) -> list[dict[str, Any]]:
    return [{"name": f.name, "value": getattr(faults, f.name), **f.metadata} for f in fields(faults)]


@pages.route("/_/targets", methods=["GET", "PUT"])
def targets() -> dict[str, Any]:
    """Show where webhooks go; PUT {vendor: address, or null for nowhere} changes some of it."""
    if request.method == "PUT":
        asked = request.get_json()
        for vendor in asked:
            _known(vendor)
        try:
            _sandbox().courier.aim({vendor: url or None for vendor, url in asked.items()})
        except ValueError as error:
            abort(400, str(error))
    return {"targets": _targets(_sandbox())}


def _targets(sandbox: Sandbox) -> list[dict[str, str]]:
    """Return where the webhooks go of each vendor that has any."""
    lanes = sandbox.courier.lanes
    return [{"name": v, "value": lanes[v].target or ""} for v in boards.HOOKED if v in lanes]


@pages.get("/_/events")
def events() -> Response:
    """
    Stream a tick whenever a ledger grew or the bridge first called: {ledgers: {vendor: length}, bridge: has it called}.

    The stream ends by itself after a while; browsers then ask again.
    """
    answer = Response(_ticks(_sandbox()), mimetype="text/event-stream")
    answer.headers["X-Accel-Buffering"] = "no"
    return answer


def _ticks(sandbox: Sandbox) -> Iterator[str]:
    yield "retry: 1000\n\n"
    told = ""
    born = spoke = time.monotonic()
    while (now := time.monotonic()) - born < EVENTS_LIFE_S:
        lengths = {vendor: len(one.ledger) for vendor, one in sandbox.simulators.items()}
        news = json.dumps({"ledgers": lengths, "bridge": _bridge_called(sandbox)})
        if news != told:
            yield f"event: tick\ndata: {news}\n\n"
            told, spoke = news, now
        elif now - spoke >= HEARTBEAT_S:
            yield ": still here\n\n"
            spoke = now
        if sandbox.closing.wait(TICK_S):
            return
