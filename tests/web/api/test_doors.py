"""Every address of the application, out of its own map: who gets in, and with what."""

from __future__ import annotations

import uuid
from collections.abc import Iterator

import pytest
from flask import Flask
from werkzeug.routing import Rule

from bridge.assembly import Assembled
from bridge.desk import tokens
from tests.web.api.caller import Caller

OPEN = {"/api", "/api/openapi.json"}
SAFE = {"GET", "HEAD"}


def doors(office: Flask) -> Iterator[tuple[str, str]]:
    """Return method and address of everything under /api, with something in place of what varies."""
    for rule in office.url_map.iter_rules():
        if rule.rule.startswith("/api"):
            for method in sorted(rule.methods or ()):
                yield method, _filled(rule)


def _filled(rule: Rule) -> str:
    built = rule.build({name: uuid.uuid4() if "uuid" in rule.rule else "x" for name in rule.arguments})
    assert built is not None
    return str(built[1])


def test_there_are_doors_to_try(office: Flask) -> None:
    found = list(doors(office))
    assert len(found) > 60 and {"DELETE", "PUT", "POST", "GET", "HEAD"} == {method for method, _ in found}


@pytest.mark.parametrize("secret", [None, "obr_wrong"])
def test_nobody_gets_in_without_a_valid_token(office: Flask, secret: str | None) -> None:
    office.extensions["lockout"].wait_s = lambda address: 0
    headers = {} if secret is None else {"Authorization": f"Bearer {secret}"}
    for method, path in doors(office):
        if path not in OPEN:
            found = office.test_client().open(path, method=method, headers=headers)
            assert (found.status_code, "WWW-Authenticate" in found.headers) == (401, True), (method, path)


def test_a_revoked_token_and_a_session_open_none(office: Flask, seat: Assembled, hoa: Caller) -> None:
    office.extensions["lockout"].wait_s = lambda address: 0
    session = tokens.open_session(seat.desk, hoa.secret)
    tokens.revoke(seat.desk, "Hoa", "command line")
    for method, path in doors(office):
        for headers in ({"Authorization": f"Bearer {hoa.secret}"}, {"Cookie": f"bridge_session={session}"}):
            if path not in OPEN:
                assert office.test_client().open(path, method=method, headers=headers).status_code == 401, (
                    method,
                    path,
                )


def test_a_reader_changes_nothing_wherever_they_try(office: Flask, seat: Assembled, lan: Caller) -> None:
    before = seat.store.deeds(99)
    for method, path in doors(office):
        if method not in SAFE:
            headers = {"Authorization": f"Bearer {lan.secret}"}
            assert office.test_client().open(path, method=method, headers=headers, json={}).status_code == 403, path
    assert seat.store.deeds(99) == before


def test_a_reader_sees_what_there_is(office: Flask, lan: Caller) -> None:
    for method, path in doors(office):
        if method in SAFE:
            headers = {"Authorization": f"Bearer {lan.secret}"}
            found = office.test_client().open(path, method=method, headers=headers)
            assert found.status_code in (200, 404, 422), (method, path, found.text)


def test_a_writer_with_nothing_to_say_breaks_nothing(office: Flask, hoa: Caller) -> None:
    for method, path in doors(office):
        headers = {"Authorization": f"Bearer {hoa.secret}"}
        found = office.test_client().open(path, method=method, headers=headers, json={})
        assert found.status_code < 500, (method, path, found.text)


def test_no_secret_of_a_connection_is_ever_told(office: Flask, seat: Assembled, hoa: Caller) -> None:
    told = ""
    for _, path in doors(office):
        for each in (path, path.replace("/x", "/leadsquared")):
            told += hoa.client.get(each, headers={"Authorization": f"Bearer {hoa.secret}"}).text
    assert "leadsquared" in told and not [value for value in seat.secret_values if value in told]
