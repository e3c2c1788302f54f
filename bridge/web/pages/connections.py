"""Every connection, and the page of one: is it heard, what to paste where, what its lists offer; pause, sweep, ask."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, Response, abort, render_template, request

from bridge.ask import QUESTIONS
from bridge.desk import Desk, connections
from bridge.desk.connections import Account, Offer
from bridge.desk.pulse import Health, health
from bridge.web.pages.session import known, said, who

SOON = "A worker does it within seconds."
LATER = "It is done once a worker runs: start one with bridge serve, or bridge work."
ASKED = {"test": "The credentials are tested.", "lists": "The lists are read."}


def routes(desk: Desk) -> Blueprint:
    """Return the pages, the part that is fetched again and again, and the deeds."""
    pages = Blueprint("connections", __name__)

    @pages.get("/connections")
    def every() -> str:
        accounts = {one.name: one for one in connections.accounts(desk)}
        return render_template("connections.html", pulse=health(desk), accounts=accounts)

    @pages.get("/connections/<name>")
    def one(name: str) -> str:
        # the secret part of an address is for those who may paste it, and only when they ask
        secrets = known().may_write and "address" in request.args
        offers = connections.offers(desk, name)
        return render_template(
            "connection.html",
            steps=connections.steps(desk, name, secrets=secrets),
            webhook=connections.address(desk, name, secrets=secrets),
            guarded=bool(desk.settings.connections[name].path_secret),
            secrets=secrets,
            lists=_by_field(offers),
            customs=connections.customs(desk, name),
            **_state(desk, name),
        )

    @pages.get("/connections/<name>/state")
    def state(name: str) -> str:
        return render_template("connection-state.html", **_state(desk, name))

    @pages.post("/connections/<name>/pause")
    def pause(name: str) -> Response:
        connections.pause(desk, who(), name, request.form.get("why", ""))
        return said(_path(name), f"{name} is paused. What comes for it waits.")

    @pages.post("/connections/<name>/resume")
    def resume(name: str) -> Response:
        connections.resume(desk, who(), name)
        return said(_path(name), f"{name} goes on; what has waited is worked on.")

    @pages.post("/connections/<name>/sweep")
    def sweep(name: str) -> Response:
        paused = connections.sweep_now(desk, who(), name).pause
        when = "It begins when the pause ends." if paused else _when(desk)
        return said(_path(name), f"All deals of {name} are compared. {when}")

    @pages.post("/connections/<name>/ask")
    def ask(name: str) -> Response:
        question = next((q for q in QUESTIONS if q == request.form.get("question")), None) or abort(400)
        connections.ask(desk, who(), name, question)
        return said(_path(name), f"{ASKED[question]} {_when(desk)}")

    return pages


def _path(name: str) -> str:
    return f"/connections/{name}"


def _when(desk: Desk) -> str:
    return SOON if health(desk).workers else LATER


def _state(desk: Desk, name: str) -> dict[str, Any]:
    account = connections.account(desk, name)
    how: Health = next(c for c in health(desk).connections if c.connection == name)
    return {"account": account, "how": how, "heard": _heard(account)}


def _heard(account: Account) -> bool:
    """Tell whether the bridge hears this CRM at all: by a webhook where it has any, else by a sweep."""
    return (account.heard if account.hooked else account.swept) is not None


def _by_field(offers: list[Offer]) -> dict[str, list[Offer]]:
    """Return the values by field; what says the same as the stage, because the stage shows it, is left out."""
    found: dict[str, list[Offer]] = {}
    for offer in offers:
        found.setdefault(offer.field, []).append(offer)
    stages = [(one.native, one.label) for one in found.get("stage", [])]
    return {
        field: mine
        for field, mine in found.items()
        if field == "stage" or [(o.native, o.label) for o in mine] != stages
    }
