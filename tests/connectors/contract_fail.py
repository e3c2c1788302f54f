"""The contract of failures: which error, whether anything may have been applied, and whose wait it is."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

import pytest

from bridge.connectors.http import Answer, Call
from bridge.core.errors import BridgeError, Disconnected, Permanent, Transient
from bridge.core.model import Native
from tests.connectors.bench import FATES, Bench, SandboxBench
from tests.connectors.contract_write import together

PAUSE_S_MAX = 3600.0
CALLS_MAX = 12


class Failing:
    """Every failure is one of our errors, and says truly what may have happened."""

    def test_a_throttled_write_stops_the_whole_connection(self, bench: Bench) -> None:
        seen, before = bench.seen(), bench.stored()
        bench.strike("throttles")
        throttled(lambda: bench.connector.write(seen, one(bench)))
        bench.strike("")
        assert bench.changed(before) == {}

    @pytest.mark.parametrize("fate", ["errors", "hangs_before", "hangs_after"])
    def test_a_failed_read_is_tried_again(self, bench: Bench, fate: str) -> None:
        bench.seen()
        bench.strike(fate)
        with pytest.raises(Transient) as caught:
            bench.connector.read(bench.ref)
        assert not caught.value.whole

    def test_an_answer_lost_after_the_write_was_applied_is_in_doubt(self, bench: Bench, field: str) -> None:
        case, patch = bench.start(field)
        seen, before = bench.seen(), bench.stored()
        bench.strike("hangs_after", only="writes")
        with pytest.raises(Transient) as caught:
            bench.connector.write(seen, patch)
        assert caught.value.in_doubt
        bench.strike("")
        bench.clock.now_s += 1
        assert bench.changed(before) == case.stored
        bench.connector.write(bench.seen(), patch)
        assert bench.changed(before) == case.stored


class FailingOverHttp(Failing):
    """What can go wrong only where there is a network and a vendor behind it."""

    def test_what_a_refusal_tells_a_person_holds_no_secret(self, bench: SandboxBench) -> None:
        seen, connector = bench.seen(), bench.connect()
        secrets = [v for v in connector.account.secrets.values() if v]

        def leaking(call: Call) -> Answer:
            everything = [*secrets, *call.headers.values(), *map(str, call.params), call.json]
            return Answer(400, {"content-type": "application/json"}, json.dumps({"message": str(everything)}).encode())

        connector.http.transport = leaking
        with pytest.raises(BridgeError) as caught, connector.http.telling(connector.account.secrets.values()):
            connector.write(seen, one(bench))
        told = json.loads(caught.value.answer)
        assert told["status"] == 400 and told["path"].startswith("/") and "***" in told["body"]
        assert not [s for s in secrets if s in caught.value.answer]

    def test_wrong_credentials_are_disconnected(self, bench: SandboxBench) -> None:
        seen = bench.seen()
        secrets = {name: "wrong" for name in bench.connector.account.secrets if "hook" not in name}
        stranger = bench.connect(secrets=secrets)
        calls: list[Callable[[], Any]] = [
            lambda: stranger.read(bench.ref),
            lambda: stranger.write(seen, one(bench)),
            lambda: stranger.scan(None),
            lambda: stranger.check(),
        ]
        for call in calls:
            with pytest.raises(Disconnected):
                call()

    def test_a_throttled_read_stops_the_whole_connection(self, bench: SandboxBench) -> None:
        bench.strike("throttles")
        throttled(lambda: bench.connector.read(bench.ref))
        throttled(lambda: bench.connector.scan(None))
        throttled(lambda: bench.connector.check())

    @pytest.mark.parametrize("fate", ["errors", "hangs_before"])
    def test_a_failed_scan_or_check_is_tried_again(self, bench: SandboxBench, fate: str) -> None:
        bench.strike(fate)
        for call in (lambda: bench.connector.scan(None), lambda: bench.connector.check()):
            with pytest.raises(Transient):
                call()

    @pytest.mark.parametrize("fate", FATES)
    def test_a_write_is_in_doubt_exactly_when_it_may_have_been_applied(self, bench: SandboxBench, fate: str) -> None:
        for nth in range(CALLS_MAX):
            fresh = bench.again()
            if not struck(fresh, fate, nth, *together(fresh)):
                assert nth
                return
        raise AssertionError("a write of so many calls?")

    def test_nothing_is_in_doubt_when_nobody_listens(self, bench: SandboxBench) -> None:
        seen = bench.seen()
        alone = bench.connect(base_url="http://127.0.0.1:9")
        for call in (lambda: alone.read(bench.ref), lambda: alone.write(seen, one(bench))):
            with pytest.raises(Transient) as caught:
                call()
            assert (caught.value.reason, caught.value.in_doubt) == ("no_connection", False)

    def test_a_write_to_a_deleted_deal_changes_nothing(self, bench: SandboxBench) -> None:
        seen = bench.seen()
        bench.delete(bench.deal)
        before = bench.stored()
        with pytest.raises((Transient, Permanent)):
            bench.connector.write(seen, one(bench))
        assert bench.changed(before) == {}


def one(bench: Bench) -> dict[str, Native]:
    """Return a patch of the first field that needs no other."""
    name = next(iter(bench.cases))
    return {name: bench.cases[name].value}


def changes(call: Call) -> bool:
    """Tell whether a call may change a deal: a login does not."""
    return call.method != "GET" and not call.url.endswith(("/login", "/authentication.json"))


def throttled(call: Callable[[], Any]) -> None:
    with pytest.raises(Transient) as caught:
        call()
    assert caught.value.whole
    assert not caught.value.in_doubt
    assert caught.value.after_s is None or 0 < caught.value.after_s <= PAUSE_S_MAX


def struck(bench: SandboxBench, fate: str, nth: int, patch: Mapping[str, Native], stored: Mapping[str, Any]) -> bool:
    """Write a patch with the call number `nth` meeting its fate, and return whether there was such a call."""
    seen, before = bench.seen(), bench.stored()
    start = len(bench.wire.calls)
    bench.strike(*[""] * nth, fate, "")
    try:
        bench.connector.write(seen, patch)
    except Transient as error:
        calls, statuses = bench.wire.calls[start:], bench.wire.statuses[start:]
        last = calls[nth]
        taken = any(changes(call) and status < 300 for call, status in zip(calls[:nth], statuses, strict=False))
        sent = taken or (changes(last) and fate != "throttles")
        assert error.in_doubt == sent, f"call {nth}: {last.method} {last.url}"
        assert not bench.changed(before) or error.in_doubt
    else:
        assert bench.changed(before) == stored
    met = len(bench.wire.calls) > start + nth
    bench.strike("")
    bench.connector.write(bench.seen(), patch)
    assert bench.changed(before) == stored
    return met
