"""
The one contract of all connectors, run against a vendor that a test can see from behind.

A subclass names its bench; everything a connector promises in bridge/connectors/base.py is tried here and in the four
parts of this class.
"""

from __future__ import annotations

from typing import Any

import pytest

from bridge.connectors.base import Account
from bridge.connectors.http import RequestsTransport
from bridge.core.errors import Disconnected, Misconfigured, Permanent, Unsayable
from bridge.core.fields import Choice
from bridge.core.model import Ref
from bridge.sandbox.server import Sandbox
from tests.connectors.bench import SAMPLE, Bench, SandboxBench
from tests.connectors.contract_fail import Failing, FailingOverHttp
from tests.connectors.contract_hook import Hooking
from tests.connectors.contract_list import Listing
from tests.connectors.contract_scan import Scanning
from tests.connectors.contract_write import Writing


class Reading:
    """A read shows the deal as it is, in native values that mean what the vendor means."""

    def test_a_read_shows_the_sample_deal(self, bench: Bench) -> None:
        shown = bench.decoded(bench.seen())
        assert shown == {name: SAMPLE[name] for name in bench.shows}

    def test_a_field_that_no_read_shows_says_why(self, bench: Bench) -> None:
        record = bench.seen()
        silent = {f.name for f in bench.connector.fields if f.name not in record.fields and not f.unread}
        assert silent <= self.depends
        assert not {f.name for f in bench.connector.fields if f.unread} & record.fields.keys()

    depends: frozenset[str] = frozenset()  # fields that some deals show and others do not

    def test_every_field_of_a_record_is_in_the_table(self, bench: Bench) -> None:
        fields = bench.seen().fields
        assert fields.keys() <= {f.name for f in bench.connector.fields}
        assert all(value is None or type(value) in (str, int) for value in fields.values())

    def test_two_reads_agree(self, bench: Bench) -> None:
        first, second = bench.seen(), bench.seen()
        assert (first.fields, first.stamp, first.ref) == (second.fields, second.stamp, second.ref)
        assert first.ref == bench.ref

    def test_an_edit_by_hand_is_read(self, bench: Bench, field: str) -> None:
        case, _ = bench.start(field)
        before = bench.seen()
        bench.person(case.by_hand())
        after = bench.seen()
        spec = bench.spec(field)
        assert spec.unread or spec.same(after.fields[field], case.value)
        assert before.stamp is None or (after.stamp is not None and after.stamp > before.stamp)

    def test_a_deleted_deal_reads_as_none(self, bench: Bench) -> None:
        bench.delete(bench.deal)
        bench.clock.now_s += 1
        assert bench.connector.read(bench.ref) is None

    def test_an_unknown_deal_reads_as_none(self, bench: Bench) -> None:
        unknown = "".join("9" if sign.isdigit() else sign for sign in bench.deal)
        assert bench.connector.read(Ref(bench.ref.connection, unknown)) is None

    def test_stamps_never_go_back(self, bench: Bench) -> None:
        stamps = [bench.seen().stamp]
        for name, case in bench.cases.items():
            if case.given or case.also or name not in bench.writable():
                continue
            bench.person(case.by_hand())
            stamps.append(bench.seen().stamp)
            answer = bench.connector.write(bench.seen(), {name: case.value})
            stamps += [answer.stamp] if answer and answer.stamp else []
            stamps.append(bench.seen().stamp)
            stamps += [r.stamp for r in bench.connector.scan(None).records if r.ref == bench.ref]
        known = [stamp for stamp in stamps if stamp is not None]
        assert known == sorted(known)
        assert len(known) in (0, len(stamps))


class Tabled:
    """The table of fields says what can be done, and keeps its word."""

    def test_every_readonly_field_says_why_and_is_never_written(self, bench: Bench) -> None:
        seen, before = bench.seen(), bench.stored()
        for spec in bench.connector.fields:
            if spec.readonly:
                with pytest.raises(Permanent):
                    bench.connector.write(seen, {spec.name: seen.fields.get(spec.name) or "1"})
        assert bench.changed(before) == {}

    def test_an_unknown_field_is_refused(self, bench: Bench) -> None:
        before = bench.stored()
        with pytest.raises(Permanent):
            bench.connector.write(bench.seen(), {"custom.nobody": "x"})
        assert bench.changed(before) == {}

    def test_the_cases_are_all_fields_that_can_be_written(self, bench: Bench) -> None:
        bench.seen()
        assert bench.writable() == bench.cases.keys()

    def test_an_empty_value_can_be_said_or_is_unsayable(self, bench: Bench) -> None:
        rules, refused = bench.rules(), set()
        for name in bench.cases:
            try:
                rules.encode(name, None)
            except Unsayable as error:
                assert error.reason and error.cure
                refused.add(name)
        assert refused == bench.lasting

    def test_every_choice_can_be_said_and_is_understood(self, bench: Bench) -> None:
        rules = bench.rules()
        for (name, canonical), natives in bench.words.says.items():
            spec = rules.fields.get(name)
            if isinstance(spec, Choice) and not spec.readonly:
                for native in natives:
                    assert rules.decode(name, rules.encode(name, canonical, native.rpartition("/")[0])) == canonical


class Checking:
    """`check` proves credentials and names, and says what a person can mend."""

    def test_the_sample_account_passes(self, bench: Bench) -> None:
        remarks = bench.connector.check()
        told = " ".join(remarks)
        assert all(isinstance(remark, str) and remark for remark in remarks)
        assert not any(secret in told for secret in bench.connector.account.secrets.values())

    def test_a_missing_secret_is_misconfigured(self, bench: Bench) -> None:
        needed = set(bench.connector.secrets) - bench.connector.optional_secrets
        needed &= set(bench.connector.account.secrets)
        for name in needed - {"hook_secret", "secret"}:
            with pytest.raises(Misconfigured, match=name):
                bench.connect(secrets={name: ""})

    def test_an_account_never_shows_its_secrets(self, bench: Bench) -> None:
        account: Account = bench.connector.account
        assert not any(secret in repr(account) for secret in account.secrets.values())


class CheckingOverHttp:
    """wrong: settings that `check` must refuse, with the key that it must name; `secrets`: refused credentials."""

    wrong: tuple[tuple[dict[str, object], str], ...]

    def test_wrong_settings_are_named(self, bench: SandboxBench, wrong: tuple[dict[str, object], str]) -> None:
        changes, key = wrong
        if "base_url" in changes:
            changes = {**changes, "base_url": f"{bench.url}{changes['base_url']}"}
        with pytest.raises((Misconfigured, Disconnected)) as caught:
            bench.connect(**changes).check()
        if isinstance(caught.value, Misconfigured):
            assert caught.value.where == f"connections.{bench.ref.connection}.{key}"
        else:
            assert key == "secrets"


class ConnectorContract(Reading, Tabled, Writing, Scanning, Hooking, Failing, Checking, Listing):
    """All that any connector promises. kind: the bench."""

    kind: type[Any]

    def pytest_generate_tests(self, metafunc: pytest.Metafunc) -> None:
        if "field" in metafunc.fixturenames:
            metafunc.parametrize("field", list(self.kind.cases))
        if "wrong" in metafunc.fixturenames:
            metafunc.parametrize("wrong", self.wrong, ids=[key for _, key in self.wrong])  # type: ignore[attr-defined]


class OverHttp(FailingOverHttp, CheckingOverHttp, ConnectorContract):
    """And what a connector with a network and a vendor behind it promises besides."""

    @pytest.fixture
    def bench(self, sandbox: Sandbox, send: RequestsTransport) -> SandboxBench:
        bench: SandboxBench = self.kind(sandbox, send)
        return bench
