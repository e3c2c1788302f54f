"""The contract of webhooks: the vendor's own are believed and understood, all else is not."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace

import pytest

from bridge.connectors.base import Inbound
from bridge.core.errors import Forged
from tests.connectors.bench import HOOK_SECRET, Bench, as_stored

GARBAGE = (
    b"", b"{", b"[]", b"null", b"7", b'"x"', b"{}", b'{"id": 7}', b'{"id": ""}', b'{"id": {"a": 1}}', b'{"id": null}',
    b'[{"id": 1}]', b'{"data": [1], "event": "opportunity.updated"}', b"event=opportunity.updated&data[]=1&data[a]=2",
    b"a[b]c]=1&%ff=%00", b"\xff\xfe\x00", b"[" * 100_000, b'{"type": "OpportunityUpdate", "id": ["x"]}', b"9" * 5000,
    b'{"ProspectActivityId": 5, "Data": "x", "After": [{"Key": 1}]}', b'{"id": "\\u0000\\ud83d"}',
)  # fmt: skip


class Hooking:
    """A webhook is a hint, and only the vendor (or somebody with our secret) may give one."""

    def test_a_persons_edit_is_heard(self, bench: Bench) -> None:
        bench.person(next(case.by_hand() for case in bench.cases.values() if not case.given))
        given = bench.hooks()
        assert bool(given) == bench.hooked
        for hook in given:
            self.heard(bench, hook)

    def test_our_own_write_is_heard(self, bench: Bench) -> None:
        name = next(iter(bench.cases))
        bench.connector.write(bench.seen(), {name: bench.cases[name].value})
        for hook in bench.hooks():
            self.heard(bench, hook)

    def heard(self, bench: Bench, hook: Inbound) -> None:
        assert bench.connector.handshake(hook) is None
        bench.connector.verify(hook)
        seen = bench.seen()
        names = {bench.deal, *seen.aliases}
        refs = bench.connector.touched(hook)
        assert refs, hook
        assert {ref.vendor_id for ref in refs} <= names
        assert bench.connector.touched(as_stored(hook, bench.connector)) == refs
        for ref in refs:
            read = bench.connector.read(ref)
            assert read is not None
            assert read.ref == seen.ref

    def test_a_repeat_has_the_same_delivery_id_and_another_change_another(self, bench: Bench) -> None:
        edits = [case.by_hand() for case in bench.cases.values() if not (case.given or case.also)]
        ids = []
        for edit in edits[:3]:
            bench.person(edit)
            for hook in bench.hooks():
                given = bench.connector.delivery_id(hook)
                assert given == bench.connector.delivery_id(replace(hook))
                ids.append(given)
        known = [given for given in ids if given is not None]
        assert len(known) == len(set(known))
        assert len(known) in (0, len(ids))

    def test_a_flipped_byte_of_the_proof_is_forged(self, bench: Bench) -> None:
        bench.person(next(case.by_hand() for case in bench.cases.values() if not case.given))
        for hook in bench.hooks():
            for forged in flipped(hook, whole=bench.signed):
                with pytest.raises(Forged):
                    bench.connector.verify(forged)

    def test_a_hook_is_forged_for_a_connection_with_another_secret(self, bench: Bench) -> None:
        names = [name for name in bench.connector.secrets if "hook" in name or name == "secret"]
        other = bench.connect(secrets=dict.fromkeys(names, "another secret"))
        bench.person(next(case.by_hand() for case in bench.cases.values() if not case.given))
        for hook in bench.hooks():
            if not bench.signed:
                with pytest.raises(Forged):
                    other.verify(hook)
        with pytest.raises(Forged):
            other.verify(nudge(bench.deal))

    def test_without_a_secret_nothing_unsigned_is_believed(self, bench: Bench) -> None:
        names = [name for name in bench.connector.secrets if "hook" in name or name == "secret"]
        deaf = bench.connect(secrets=dict.fromkeys(names, ""))
        for headers in ({}, {"x-bridge-secret": ""}, {"x-bridge-secret": HOOK_SECRET}):
            for body in (b'{"id": "1"}', b"event=opportunity.updated&secret_key=&data[opportunity_id]=1"):
                with pytest.raises(Forged):
                    deaf.verify(Inbound("POST", {}, headers, body))

    def test_a_nudge_is_believed_and_names_the_deal(self, bench: Bench) -> None:
        given = nudge(bench.deal)
        assert bench.connector.handshake(given) is None
        bench.connector.verify(given)
        refs = bench.connector.touched(as_stored(given, bench.connector))
        assert [ref.vendor_id for ref in refs] == [bench.deal]
        assert bench.connector.read(refs[0]) is not None

    def test_a_nudge_with_a_wrong_secret_is_forged(self, bench: Bench) -> None:
        for secret in ("", "wrong", HOOK_SECRET + "x", HOOK_SECRET[:-1]):
            with pytest.raises(Forged):
                bench.connector.verify(nudge(bench.deal, secret))

    def test_garbage_touches_nothing_and_raises_nothing(self, bench: Bench) -> None:
        for body in GARBAGE:
            for content_type in ("application/json", "application/x-www-form-urlencoded", ""):
                given = Inbound("POST", {}, {"content-type": content_type, "x-bridge-secret": HOOK_SECRET}, body)
                refs = bench.connector.touched(given)
                bench.connector.delivery_id(given)
                bench.connector.handshake(given)
                assert all(isinstance(ref.vendor_id, str) and ref.vendor_id for ref in refs)
                assert all("\0" not in ref.vendor_id and ref.vendor_id.isprintable() for ref in refs)

    def test_a_test_of_the_address_is_answered(self, bench: Bench) -> None:
        reply = bench.connector.handshake(Inbound("HEAD", {}, {}, b""))
        assert reply is not None
        assert reply.status == 200

    def test_the_three_replies(self, bench: Bench) -> None:
        accepted, busy, forged = (bench.connector.reply(kind) for kind in ("accepted", "busy", "forged"))
        assert 200 <= accepted.status < 300
        assert busy.status in (429, 503)
        assert forged.status == 401 or "Error" in forged.body
        if "json" in accepted.content_type:
            json.loads(accepted.body)


def nudge(vendor_id: str, secret: str = HOOK_SECRET) -> Inbound:
    body = json.dumps({"id": vendor_id}).encode()
    return Inbound("POST", {}, {"x-bridge-secret": secret, "content-type": "application/json"}, body)


def flipped(hook: Inbound, *, whole: bool) -> Iterator[Inbound]:
    """Yield the webhook with one byte changed: of its secret or signature, and of all its body where that is signed."""
    secret = HOOK_SECRET.encode()
    at = 0 if whole else hook.body.find(secret)
    for place in range(at, len(hook.body) if whole else at + len(secret)) if at >= 0 else ():
        yield replace(hook, body=turned(hook.body, place))
    for name in ("x-bridge-secret", "x-ghl-signature"):
        for place in range(len(hook.headers.get(name, ""))):
            value = turned(hook.headers[name].encode(), place).decode()
            yield replace(hook, headers={**hook.headers, name: value})


def turned(text: bytes, place: int) -> bytes:
    return text[:place] + bytes([text[place] ^ 1]) + text[place + 1 :]
