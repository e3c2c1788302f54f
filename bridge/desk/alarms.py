"""Alerts: what somebody is told when a connection needs a look, and that it arrives."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from typing import Any
from urllib.parse import parse_qsl

from bridge.connectors.http import Call, RequestsTransport, Transport
from bridge.core.alarms import level_of, sentence, step
from bridge.core.errors import Transient
from bridge.desk import Desk, Refused, moment
from bridge.desk.pulse import Health, health
from bridge.settings import AlertSettings

DUTY = "alerts"
DUTY_MS = 60_000

# what is told of a connection -> its value now, and the page that says more
WATCHED: Mapping[str, tuple[Callable[[Health], float], str]] = {
    "lag": (lambda h: h.lag_s, "/connections"),
    "holds": (lambda h: h.holds, "/holds"),
    "dead": (lambda h: h.dead, "/dead"),
    "refused": (lambda h: h.state == "refused", "/connections"),
    "breaker": (lambda h: h.broken_s, "/connections"),
}
Send = Callable[[Mapping[str, Any]], None]


def hook(alerts: AlertSettings, transport: Transport | None = None) -> Send:
    """
    Return what posts an alert to the address of the settings: without redirects, and not into a private network unless
    that is allowed.

    It raises Transient when the alert did not arrive, Misconfigured when the address must not be called.
    """
    call = transport or RequestsTransport(connect_s=3.0, read_s=5.0, allow_private=alerts.allow_private)
    bearer = {"Authorization": f"Bearer {alerts.token}"} if alerts.token else {}
    url, _, query = alerts.url.partition("?")
    headers, params = {"Content-Type": "application/json", **bearer}, tuple(parse_qsl(query, keep_blank_values=True))
    return partial(_post, call, Call("POST", url, headers, params))


def _post(transport: Transport, call: Call, body: Mapping[str, Any]) -> None:
    answer = transport(replace(call, json=dict(body)))
    if not 200 <= answer.status < 300:
        raise Transient("alert_refused", f"HTTP {answer.status}")


def round_of(desk: Desk, send: Send, owner: str) -> int:
    """
    Tell what has to be told, if this process has the duty; return how many alerts went out.

    What did not arrive ends the round, and is told at the next one: raises what `send` raises. An alert that arrived
    just before its process died may come twice.
    """
    alerts, now = desk.settings.alerts, desk.now()
    if alerts is None or not desk.store.lease_duty(DUTY, owner, now, DUTY_MS):
        return 0
    known, found, sent = desk.store.alarms(), {each.connection: each for each in health(desk).connections}, 0
    for connection, what in sorted({(c, w) for c in found for w in WATCHED} | known.keys()):
        told, each = known.get((connection, what)), found.get(connection)
        value = WATCHED[what][0](each) if each else 0
        made = step(told, level_of(value, alerts.levels[what]), now)
        if made.alert is not None:
            desk.store.lease_duty(DUTY, owner, desk.now(), DUTY_MS)
            text = sentence(connection, what, made.alert, value, each.why if each else "")
            send(_body(desk, text, connection, what, made.alert, value, told.since if told else now))
            sent += 1
        if made.keep != told:
            desk.store.put_alarm(connection, what, made.keep)
    return sent


def try_out(desk: Desk, send: Send) -> None:
    """Send an alert that says that it is a test; raises what `send` raises."""
    send(_body(desk, "a test of the bridge: alerts arrive here", "", "test", 0, 0, desk.now()))


def address(desk: Desk) -> AlertSettings:
    """Return where alerts go; raises Refused when nobody is to be told."""
    if desk.settings.alerts is None:
        raise Refused("invalid", "no alerts are set up", 'write url = "env:ALERT_URL" below [alerts] in bridge.toml')
    return desk.settings.alerts


def _body(desk: Desk, text: str, connection: str, what: str, level: int, value: float, since: int) -> dict[str, Any]:
    page, public_url = WATCHED[what][1] if what in WATCHED else "/", desk.settings.public_url
    return {
        "text": text,
        "connection": connection,
        "what": what,
        "level": level,
        "value": round(value),
        "since": moment(since).isoformat(timespec="seconds").replace("+00:00", "Z"),
        "url": f"{public_url}{page}" if public_url else "",
    }
