"""The connections: what the settings say of each, what its CRM said last, what to paste where; pause, resume, sweep."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

from bridge import ask as asking
from bridge.ask import Question, Told
from bridge.connectors.base import Connector
from bridge.core.fields import Field
from bridge.core.model import FOREVER
from bridge.desk import Desk, Refused, Value, moment
from bridge.store.rows import Row

MASK = "…"
SHOWN_MAX = 50
DEEDS: Mapping[Question, str] = {"test": "connection tested", "lists": "lists read"}


class Answer(Value):
    """What a CRM said when it was asked. answered: None while the worker has not got to it. said: in sentences."""

    asked: datetime
    answered: datetime | None
    ok: bool
    said: Sequence[str]


class Pause(Value):
    """Nothing is read or written there until a time, None until somebody ends it. by: who paused; "" the bridge."""

    until: datetime | None
    why: str
    by: str


class Account(Value):
    """
    One connection. webhook: the address for its webhooks; a path secret in it is masked unless it was asked for.

    hooked: whether the vendor has webhooks at all. believed: whether the secret that they carry is set. sweep_s:
    seconds between two sweeps. read_only: why each field is never written there. heard, swept: the last webhook and the
    end of the last complete sweep.
    """

    name: str
    vendor: str
    base_url: str
    webhook: str
    hooked: bool
    believed: bool
    sweep_s: float
    fields: Sequence[str]
    read_only: Mapping[str, str]
    pause: Pause | None
    heard: datetime | None
    swept: datetime | None
    test: Answer | None
    lists: Answer | None


class Offer(Value):
    """One value of a list of a CRM. native: as choices write it. label: as people see it there."""

    field: str
    native: str
    label: str


class CustomField(Value):
    """A custom field of an account. native: what bridge.toml takes. name: what it is called in bridge.toml, or ""."""

    native: str
    label: str
    kind: str
    name: str


def accounts(desk: Desk, *, secrets: bool = False) -> list[Account]:
    """Return every connection, in the order of the settings. secrets: show path secrets."""
    rows, wishes = desk.store.connections(), desk.store.wishes()
    return [_account(desk, name, rows.get(name, {}), wishes, secrets) for name in desk.connections]


def account(desk: Desk, connection: str, *, secrets: bool = False) -> Account:
    """Return one connection; raises Refused when there is none of the name."""
    desk.known(connection)
    return _account(desk, connection, desk.store.connections().get(connection, {}), desk.store.wishes(), secrets)


def _account(desk: Desk, name: str, row: Row, wishes: Mapping[tuple[str, str], Row], secrets: bool) -> Account:
    settings, connector = desk.settings.connections[name], _connector(desk, name)
    return Account(
        name=name,
        vendor=settings.vendor,
        base_url=settings.base_url,
        webhook=address(desk, name, secrets=secrets),
        hooked=connector.calls_us,
        believed=bool(settings.secrets.get(connector.hook_secret)),
        sweep_s=settings.habits.scan / 1000,
        fields=[field.name for field in connector.fields if not field.readonly],
        read_only=_read_only(connector.fields),
        pause=_pause(row, desk.now()),
        heard=moment(row.get("heard_at")),
        swept=moment(row.get("swept_at")),
        test=_answer(wishes.get((name, "test"))),
        lists=_answer(wishes.get((name, "lists"))),
    )


def _connector(desk: Desk, name: str) -> Connector:
    return desk.connections[name].connector


def _read_only(fields: Sequence[Field]) -> dict[str, str]:
    return {field.name: field.readonly for field in fields if field.readonly}


def _pause(row: Row, now: int) -> Pause | None:
    until = row.get("paused_until") or 0
    if until <= now:
        return None
    return Pause(until=moment(until) if until < FOREVER else None, why=row["why"], by=row["paused_by"])


def _answer(row: Row | None) -> Answer | None:
    if row is None:
        return None
    return Answer(asked=moment(row["at"]), answered=moment(row["answered_at"]), ok=row["ok"], said=row["said"])


def address(desk: Desk, connection: str, *, secrets: bool = False) -> str:
    """Return where a CRM sends its webhooks. secrets: with the path secret, for somebody who will paste it."""
    path_secret = desk.settings.connections[desk.known(connection)].path_secret
    host = desk.settings.public_url or "https://<your host>"
    return "/".join(filter(None, (host, "webhooks", connection, path_secret and (path_secret if secrets else MASK))))


def steps(desk: Desk, connection: str, *, secrets: bool = False) -> list[str]:
    """Return what a person clicks and pastes at the CRM so that it is heard; names secrets, never shows one."""
    desk.known(connection)
    missing = (
        [] if desk.settings.public_url else ["Write public_url under [bridge]: where the CRM reaches this bridge."]
    )
    return [*missing, *_connector(desk, connection).steps(address(desk, connection, secrets=secrets))]


def subscribe(desk: Desk, who: str, connection: str) -> list[str] | None:
    """
    Have the CRM send its webhooks here, by its API; return what was done, or None when only a person can: see `steps`.

    Calls the CRM: not for the web. Raises Refused when the bridge does not know its own address, and as
    Connector.subscribe does.
    """
    connector = _connector(desk, desk.known(connection))
    if connector.orders and not desk.settings.public_url:
        cure = "write it under [bridge], as the CRM reaches this bridge"
        raise Refused("invalid", "the bridge does not know its own address: public_url is not set", cure)
    done = connector.subscribe(address(desk, connection, secrets=True))
    if done is not None:
        desk.store.noted(desk.deed(who, "webhook set up", connection))
    return done


def offers(desk: Desk, connection: str) -> list[Offer]:
    """Return what the lists of a connection offered when they were last read, by field and label."""
    rows = desk.store.lists(desk.known(connection))
    return [Offer(field=r["field"], native=r["native"], label=r["label"]) for r in rows]


def in_words(offers: Sequence[Offer]) -> list[str]:
    """Return a line for each field, with its values as people see them and, for choices, as they are written there."""
    told = []
    for field in dict.fromkeys(one.field for one in offers):
        mine = [f"{one.label} [{one.native}]" for one in offers if one.field == field]
        told.append(f"{field} ({len(mine)}): {', '.join(mine[:SHOWN_MAX])}" + (", …" if len(mine) > SHOWN_MAX else ""))
    return told


def customs(desk: Desk, connection: str) -> list[CustomField]:
    """Return the custom fields of a connection when they were last read."""
    names = {native: name for name, native in desk.settings.connections[desk.known(connection)].custom.items()}
    rows = desk.store.customs(connection)
    return [
        CustomField(**{k: r[k] for k in ("native", "label", "kind")}, name=names.get(r["native"], "")) for r in rows
    ]


def pause(desk: Desk, who: str, connection: str, why: str) -> Account:
    """Stop reading and writing a connection until it is resumed; what comes meanwhile waits. Raises Refused."""
    if not why.strip():
        raise Refused("invalid", "a pause needs a reason", "say why, for those who wonder later")
    deed = desk.deed(who, "connection paused", desk.known(connection), why.strip())
    desk.store.pause(connection, why.strip(), deed=deed)
    return account(desk, connection)


def resume(desk: Desk, who: str, connection: str) -> Account:
    """End a pause, whoever made it, and look at all that has waited. Raises Refused."""
    deed = desk.deed(who, "connection resumed", desk.known(connection))
    desk.store.resume(connection, desk.now(), deed)
    return account(desk, connection)


def sweep_now(desk: Desk, who: str, connection: str) -> Account:
    """Have the worker page through a CRM within seconds; a paused connection once it is resumed. Raises Refused."""
    desk.store.want_sweep(connection, desk.deed(who, "sweep asked for", desk.known(connection)))
    return account(desk, connection)


def ask(desk: Desk, who: str, connection: str, question: Question) -> Account:
    """Have the worker ask a CRM within seconds; its answer shows in the account. Raises Refused."""
    deed = desk.deed(who, DEEDS[question], desk.known(connection))
    desk.store.wish(connection, question, desk.now(), deed)
    return account(desk, connection)


def test(desk: Desk, connection: str) -> Told:
    """Ask a CRM now, in this process: do the credentials and the settings fit? Not for the web."""
    return asking.ask("test", _connector(desk, desk.known(connection)), desk.store, desk.now)


def refresh_lists(desk: Desk, connection: str) -> Told:
    """Read a CRM's lists now, in this process. Not for the web."""
    return asking.ask("lists", _connector(desk, desk.known(connection)), desk.store, desk.now)
