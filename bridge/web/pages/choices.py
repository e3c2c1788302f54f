"""What still has no meaning, and what every value of every CRM means: look, map, change, bring in, take out."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from io import StringIO
from typing import Any
from urllib.parse import parse_qsl, urlencode

from flask import Blueprint, Response, abort, render_template, request

from bridge.core.fields import FIELDS
from bridge.desk import Desk, Refused, choice_table, choices
from bridge.desk.choices import NAMED, Chosen, Key, Put, Use, is_choice
from bridge.desk.table import Form
from bridge.desk.unmapped import STATUSES, suggestions, unmapped
from bridge.store.choices import KEY
from bridge.web.pages.files import download
from bridge.web.pages.session import known, said, takes, who
from bridge.web.pages.words import many

WAITING, SHOWN = 25, 1_000
FILE_BYTES_MAX = 2_000_000
FILTERS = ("connection", "field", "text")


def routes(desk: Desk) -> Blueprint:
    """Return the page, its deeds, and what goes in and out as a file."""
    pages = Blueprint("choices", __name__)

    @pages.get("/choices")
    def every() -> str:
        return render_template("choices.html", **_shown(desk))

    @pages.post("/choices/put")
    def put() -> Response:
        instead, etag = request.form.get("instead"), request.form.get("etag")
        use = _use() if "use" in request.form else choices.fitting_use(desk, *_given())
        made = choices.put(desk, who(), *_given(), use, instead=instead, etag=etag)
        return said(_back(), _told(made), "warn" if made.remarks else "good")

    @pages.post("/choices/drop")
    def drop() -> Response:
        gone = choices.drop(desk, who(), *_given(), etag=request.form.get("etag"))
        words = f"{gone.connection} {gone.field} {gone.native!r} does not mean {gone.canonical!r} any more."
        return said(_back(), f"{words} {many(gone.deals, 'deal')} show it and keep it." if gone.deals else words)

    _files(pages, desk)
    return pages


def _files(pages: Blueprint, desk: Desk) -> None:
    """Add what goes in and out as a file."""

    @pages.get("/choices/import")
    def choose_file() -> str:
        return render_template("choices-import.html")

    @pages.post("/choices/import")
    @takes(FILE_BYTES_MAX)
    def bring() -> str | Response:
        file = request.files.get("file")
        text = _decoded(file.read()) if file else request.form.get("text", "")
        form: Form = "ndjson" if text.lstrip().startswith("{") else "csv"
        sure = not file and "sure" in request.form
        report = choice_table.import_rows(desk, who(), StringIO(text, newline=""), form, dry=not sure)
        if sure:
            kept, left_out = report.created + report.changed, report.conflicting + report.invalid
            return said("/choices", f"{many(kept, 'choice')} came in; {many(left_out, 'line')} left out.")
        return render_template("choices-import.html", report=report, text=text, name=file.filename if file else "")

    @pages.get("/choices/export")
    def take_out() -> Response:
        return download("choices", lambda form: choice_table.export(desk, form))


def _shown(desk: Desk) -> dict[str, Any]:
    """Return what the page shows: what waits, the form that is open, and the choices."""
    wanted = _wanted()
    if wanted["connection"]:
        desk.known(wanted["connection"])
    found = choices.page(desk, **wanted, n=SHOWN)
    places = {"connection": wanted["connection"], "field": wanted["field"]}
    waiting = unmapped(desk, **places, n=WAITING, after=request.args.get("cursor", ""))
    opened = _opened(desk) if known().may_write else None
    asked = {(u.connection, u.field) for u in waiting.items}
    asked |= {(opened["connection"], opened["field"])} if opened else set()
    back = urlencode({k: v for k, v in wanted.items() if v})
    return {
        "waiting": waiting,
        "tables": _tables(desk, found.items, wanted),
        "more": found.next is not None,
        "opened": opened,
        "wanted": wanted,
        "back": back,
        "to": lambda **form: "/choices?" + urlencode(form | {"back": back}),
        **_lists(desk, asked),
    }


def _given() -> Key:
    connection, field, native, canonical = (request.form.get(name, "").strip() for name in KEY)
    return connection, field, native, canonical


def _use() -> Use:
    given = next((use for use in NAMED.values() if use == request.form["use"]), None)
    return given or abort(400)


def _wanted() -> dict[str, str]:
    """Return what to show: where a form is open, what was shown before it."""
    given = dict(parse_qsl(request.args["back"])) if "back" in request.args else request.args
    return {name: given.get(name, "") for name in FILTERS}


def _back() -> str:
    """Return where the form came from: this page, with its filters."""
    kept = [(k, v) for k, v in parse_qsl(request.form.get("back", "")) if k in FILTERS]
    return f"/choices?{urlencode(kept)}" if kept else "/choices"


def _told(put: Put) -> str:
    """Say what is true now."""
    c = put.choice
    reads = f"{c.connection} {c.field} {c.native!r} means {c.canonical!r}"
    first = reads if c.use != "write" else f"{c.canonical!r} is written as {c.native!r} at {c.connection}"
    rest = "It was so already" if put.verdict == "unchanged" else "Deals that waited for it go on by themselves"
    return ". ".join((first, *put.remarks, rest)) + "."


def _decoded(body: bytes) -> str:
    try:
        return body.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise Refused("invalid", "the file is not UTF-8 text", "save it as CSV in UTF-8") from None


def _opened(desk: Desk) -> dict[str, Any] | None:
    """Return the form that the address asks for: of a new choice, filled as far as it says, or of a known one."""
    asked = {name: request.args.get(name, "") for name in (*KEY, "scope")}
    if "add" not in request.args and not asked["native"] and not asked["canonical"]:
        return None
    place = asked["connection"], asked["field"]
    if "edit" in request.args:
        choice = choices.get(desk, *place, asked["native"], asked["canonical"])
        return {**asked, "choice": choice, "suggestions": ()}
    if not all(place) or bool(asked["native"]) == bool(asked["canonical"]):
        return {**asked, "suggestions": ()}
    sought = {name: asked[name] for name in ("native", "canonical", "scope")}
    return {**asked, "suggestions": suggestions(desk, *place, **sought)}


def _lists(desk: Desk, asked: Collection[tuple[str, str]]) -> dict[str, Any]:
    """
    Return what forms offer: connections, fields, and for these places their native values and the canonical ones in
    use. asked: connection and field.
    """
    fields = desk.fields()
    named = {name for known_fields in fields.values() for name, spec in known_fields.items() if is_choice(spec)}
    canonical: dict[str, set[str]] = {field: set(STATUSES if field == "status" else ()) for _, field in asked}
    natives: dict[tuple[str, str], dict[str, str]] = {place: {} for place in asked}
    for row in desk.store.choices():
        if row["field"] in canonical:
            canonical[row["field"]].add(row["canonical"])
        if (place := (row["connection"], row["field"])) in natives:
            natives[place][row["native"]] = ""
    for (connection, field, native), label in choices.labels(desk).items():
        if (connection, field) in natives:
            natives[connection, field][native] = label
    return {
        "fields": _in_order(named),
        "connections": list(fields),
        "canonical": {field: sorted(values) for field, values in canonical.items()},
        "natives": {place: sorted(known_natives.items()) for place, known_natives in natives.items()},
    }


def _in_order(fields: Iterable[str]) -> list[str]:
    """Return fields in the order in which all pages show them."""
    order = {name: n for n, name in enumerate(FIELDS)}
    return sorted(fields, key=lambda name: (order.get(name, len(order)), name))


def _tables(desk: Desk, found: Iterable[Chosen], wanted: Mapping[str, str]) -> list[dict[str, Any]]:
    """Return a table for each field: its connections, and by canonical value what each of them has for it."""
    cells: dict[str, dict[str, dict[str, list[Chosen]]]] = {}
    for c in found:
        cells.setdefault(c.field, {}).setdefault(c.canonical, {}).setdefault(c.connection, []).append(c)
    made = []
    for field in _in_order(cells):
        known_there = [name for name, known_fields in desk.fields().items() if is_choice(known_fields.get(field))]
        shown = [name for name in known_there if wanted["connection"] in ("", name)]
        made.append({"field": field, "connections": shown, "rows": sorted(cells[field].items())})
    return made
