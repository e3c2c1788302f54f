"""What waits for a person: why, since when, which deals, and the cure one click away."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import get_args
from urllib.parse import urlencode

from flask import Blueprint, Response, render_template, request

from bridge.core.model import HoldKind
from bridge.desk import Desk, Refused, holds
from bridge.desk.holds import Cure, Which
from bridge.desk.unmapped import Suggestion, suggestions
from bridge.web.pages.session import said, who

SHOWN = 25
KINDS: Mapping[HoldKind, str] = {
    "choice": "no choice",
    "meaning": "unknown value",
    "link": "not linked there",
    "value": "cannot be held there",
    "first": "another field first",
    "conflict": "two sides disagree",
    "argument": "automations argue",
    "locked": "locked there",
    "garbled": "not understood",
    "refused": "refused",
    "defect": "a defect of the bridge",
}
FILTERS = ("connection", "field", "kind", "link", "reason")


def routes(desk: Desk) -> Blueprint:
    """Return the page and its one deed."""
    pages = Blueprint("holds", __name__)

    @pages.get("/holds")
    def show() -> str:
        which = _wanted(request.args)
        shown = {"which": which, "kinds": KINDS, "connections": desk.connections, "back": _address(which)}
        shown |= {"tips": lambda cure: _tips(desk, cure), "form": _form_of, "only": _only}
        if which.reason or which.link:
            found = holds.page(desk, which, after=request.args.get("cursor", ""), n=SHOWN)
            return render_template("holds-deals.html", page=found, **shown)
        return render_template("holds.html", groups=holds.groups(desk, which), **shown)

    @pages.post("/holds/cure")
    def cure() -> Response:
        given = {name: request.form.get(name, "") for name in ("link", "connection", "field", "value")}
        done = holds.cure(desk, who(), **given)
        return said(_address(_wanted(request.form, "back_")), f"{done.says[0].upper()}{done.says[1:]}.")

    return pages


def _wanted(given: Mapping[str, str], before: str = "") -> Which:
    asked = {name: given.get(before + name, "") for name in FILTERS}
    if asked["kind"] not in get_args(HoldKind):
        raise Refused("invalid", f"there is no kind {asked['kind']!r}", f"it is one of {', '.join(KINDS)}")
    return Which.model_validate(asked)


def _address(which: Which) -> str:
    kept = {k: v for k, v in which.model_dump().items() if v}
    return f"/holds?{urlencode(kept)}" if kept else "/holds"


def _only(g: holds.Group) -> str:
    """Return where all deals stand that wait for the same."""
    return _address(Which(connection=g.connection, field=g.field, kind=g.kind, reason=g.reason))


def _form_of(cure: Cure) -> str:
    """Return the page on which the cure is done, opened at what is missing: Choices, or the links of a contact."""
    if cure.action == "link":
        asked = {"q": cure.native, "kind": cure.field}
        return f"/links?{urlencode(asked)}" if cure.native else f"/links/{cure.canonical}"
    asked = {k: getattr(cure, k) for k in ("connection", "field", "canonical", "native", "scope")}
    return f"/choices?{urlencode({k: v for k, v in asked.items() if v})}"


def _tips(desk: Desk, cure: Cure) -> Sequence[Suggestion]:
    sought = {"native": cure.native, "canonical": cure.canonical, "scope": cure.scope}
    return suggestions(desk, cure.connection, cure.field, **sought) if cure.connection in desk.connections else ()
