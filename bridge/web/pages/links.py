"""Which records are the same deal, contact or company: search, make, mend, bring in, take out."""

from __future__ import annotations

import io

from flask import Blueprint, Response, render_template, request

from bridge.core.model import Ref
from bridge.desk import Desk, Refused, links
from bridge.desk.link_table import export, import_rows
from bridge.desk.links import KINDS, PEOPLE_SAY
from bridge.desk.table import Form, Report
from bridge.web.pages.files import download
from bridge.web.pages.session import said, takes, who
from bridge.web.pages.words import many

SHOWN = 50
FILE_BYTES_MAX = 32_000_000


def routes(desk: Desk) -> Blueprint:
    """Return the pages, their deeds, and what goes in and out as a file."""
    pages = Blueprint("links", __name__)
    _add_links(pages, desk)
    _add_mending(pages, desk)
    _add_files(pages, desk)
    return pages


def _add_links(pages: Blueprint, desk: Desk) -> None:
    @pages.get("/links")
    def every() -> str:
        given = {name: request.args.get(name, "") for name in ("q", "connection", "without")}
        kind = links.kind_of(request.args.get("kind") or "opportunity")
        found = links.page(desk, **given, kind=kind, cursor=request.args.get("cursor"), n=SHOWN)
        filtered = any(given.values()) or kind != "opportunity" or "cursor" in request.args
        return render_template(
            "links.html", found=found, wanted={**given, "kind": kind}, filtered=filtered, **_lists(desk)
        )

    @pages.get("/links/new")
    def empty() -> str:
        return render_template("link-new.html", **_lists(desk))

    @pages.post("/links")
    def make() -> Response:
        kind = links.kind_of(request.form.get("kind", "opportunity"))
        given = [(name, request.form.get(f"id-{name}", "")) for name in desk.connections]
        made = links.add(desk, [links.ref_of(desk, name, id, kind) for name, id in given if id.strip()], who())
        words = {
            "created": "The records are linked",
            "changed": "The link is extended",
            "unchanged": "They were linked already",
        }
        return said(f"/links/{made.link.id}", f"{words[made.verdict]}. Nothing is written until somebody edits.")

    @pages.get("/links/<link>")
    def one(link: str) -> str:
        found = links.get(desk, link)
        free = [name for name in desk.connections if name not in {r.connection for r in found.refs}]
        return render_template("link.html", link=found, free=free, people_say=PEOPLE_SAY)


def _add_mending(pages: Blueprint, desk: Desk) -> None:
    @pages.post("/links/<link>/add")
    def add(link: str) -> Response:
        name = request.form.get("connection", "")
        ref = links.ref_of(desk, name, request.form.get("id", ""), links.get(desk, link).kind)
        links.add_ref(desk, link, ref, who(), _etag())
        return said(f"/links/{link}", f"{ref} is in this link now. Nothing is written until somebody edits.")

    @pages.post("/links/<link>/remove")
    def remove(link: str) -> Response:
        [ref] = _ticked(desk, link, 1)
        if links.remove_ref(desk, link, ref, who(), _etag()) is None:
            return said("/links", f"{ref} was the last record of its link, which is gone.")
        return said(f"/links/{link}", f"{ref} is out of this link. The record stays as it is.")

    @pages.post("/links/<link>/split")
    def split(link: str) -> Response:
        refs = _ticked(desk, link, None)
        new = links.split(desk, link, refs, who(), _etag())
        return said(f"/links/{new.id}", f"{', '.join(map(str, refs))} went into a link of their own, this one.")

    @pages.post("/links/<link>/merge")
    def merge(link: str) -> Response:
        other = links.named(desk, request.form.get("other", "").strip(), links.get(desk, link).kind)
        links.merge(desk, link, other.id, who(), _etag())
        return said(f"/links/{link}", f"{many(len(other.refs), 'record')} came in from link {other.id}, which is gone.")

    @pages.post("/links/<link>/delete")
    def delete(link: str) -> Response:
        if "sure" not in request.form:
            raise Refused("invalid", "this link was not deleted", "tick that you are sure")
        links.delete(desk, link, who(), _etag())
        return said("/links", "The link is gone. Its records stay as they are.")


def _add_files(pages: Blueprint, desk: Desk) -> None:
    @pages.get("/links/import")
    def choose_file() -> str:
        return render_template("links-import.html", **_lists(desk))

    @pages.post("/links/import")
    @takes(FILE_BYTES_MAX)
    def bring() -> str | Response:
        report = _imported(desk, dry=request.form.get("do") != "import")
        if report.dry or report.lines:
            return render_template("links-import.html", report=report, **_lists(desk))
        return said("/links", f"{many(report.created, 'link')} made, {report.changed} extended.")

    @pages.get("/links/export")
    def take_out() -> Response:
        return download("links", lambda form: export(desk, form))


def _imported(desk: Desk, *, dry: bool) -> Report:
    file = request.files.get("file")
    if file is None or not file.filename:
        raise Refused("invalid", "there is no file", "choose one first")
    form: Form = "ndjson" if file.filename.lower().endswith((".ndjson", ".jsonl")) else "csv"
    text = io.TextIOWrapper(file.stream, "utf-8-sig", newline="")
    return import_rows(desk, text, form, who(), dry=dry)


def _ticked(desk: Desk, link: str, n: int | None) -> list[Ref]:
    """Return the records of a link that a form names by their connections; n: as many."""
    refs = {r.connection: r for r in links.get(desk, link).refs}
    given = request.form.getlist("connection")
    if not given or n not in (None, len(given)) or not refs.keys() >= set(given):
        raise Refused("invalid", "none of the link's records was chosen", "tick those that are meant")
    kind = links.get(desk, link).kind
    return [Ref(name, refs[name].id, kind) for name in given]


def _etag() -> str | None:
    return request.form.get("etag")


def _lists(desk: Desk) -> dict[str, object]:
    """Return what forms offer."""
    anywhere = [("", "any"), *((name, name) for name in desk.connections)]
    return {"connections": list(desk.connections), "anywhere": anywhere, "kinds": [(k, PEOPLE_SAY[k]) for k in KINDS]}
