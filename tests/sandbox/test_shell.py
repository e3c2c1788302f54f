"""What puts the simulators together: faults, courier, control API, page, event stream and server."""

from __future__ import annotations

import http.client
import json
import re
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
import requests
from flask import Flask, Response, jsonify, request
from werkzeug.test import Client

from bridge.sandbox import boards
from bridge.sandbox.base import Card, Hook, Simulator, Switch
from bridge.sandbox.courier import Courier, Pace
from bridge.sandbox.faults import Dice, Faults, Faulty
from bridge.sandbox.listener import Listener
from bridge.sandbox.server import Sandbox

BRIDGE = {"Authorization": "Bearer sandbox-bridge-key"}
PERSON = {"Authorization": "Bearer sandbox-person-key"}
OURS = {"X-Sandbox": "1"}


def again(hook: Hook, status: int | None, tried: int) -> bool:
    """Three tries in all, until somebody answers 2xx."""
    return tried < 3 and status not in range(200, 300)


class Toy(Simulator):
    """A CRM with one deal that has a name and a stage."""

    vendor = "getfly"
    switches = (
        Switch("shout", "Names are stored in capitals.", False),
        Switch("read_lag_s", "Reads are late by so many seconds.", 0),
        Switch("limit", "Records a page.", 20),
        Switch("shape", "Form of the payload.", "flat"),
    )

    def seed(self) -> None:
        self.deal = {"name": "Lan <b>Pham</b>", "stage": "1", "note": ""}

    def build(self) -> Flask:
        app = Flask(__name__)

        @app.put("/deal")
        def put() -> Response:
            who = "bridge" if "bridge" in str(request.headers) + request.args.get("key", "") else "person"
            self.edit("d1", request.get_json(), who)
            return jsonify(self.deal)

        @app.post("/ignores-its-body")
        def ignore() -> Response:
            return jsonify(ok=True)

        return app

    def columns(self) -> list[tuple[str, str]]:
        return [("1", "New"), ("2", "Won")]

    def cards(self) -> list[Card]:
        details = {"Amount": "1,500 USD", "Probability": "20", "Empty": ""}
        return [Card("d1", self.deal["name"], self.deal["stage"], details)]

    def edit(self, deal: str, changes: Any, who: str = "board") -> None:
        if deal != "d1" or not changes.keys() <= self.deal.keys():
            raise KeyError(f"deal {deal}")
        with self.lock:
            self.deal |= changes
            self.note(who, deal, "PUT /deal", *changes)
            self.emit(hook(json.dumps(changes)))

    def move(self, deal: str, column: str) -> None:
        if column == "3":
            raise ValueError("that stage is of another pipeline")
        self.edit(deal, {"stage": column})

    def throttled(self) -> Response:
        answer = jsonify(error="slow down")
        answer.status_code = 429
        return answer

    def broken(self) -> Response:
        return Response("oh no", status=503)


class OtherToy(Toy):
    vendor = "plazbot"
    switches = ()


KINDS = {"getfly": Toy, "plazbot": OtherToy}


def hook(body: str = "x") -> Hook:
    return Hook("POST", {"a": "1 2"}, {"X-Sign": "abc", "Content-Type": "text/odd"}, body.encode())


def until(true: Callable[[], Any]) -> Any:
    """Wait for something that other threads bring about; the limit is only for what never comes."""
    end = time.monotonic() + 10
    while not (found := true()):
        assert time.monotonic() < end, "it did not happen within 10 s"
        time.sleep(0.002)
    return found


def refused(answer: Any) -> str:
    assert answer.status_code in (400, 403, 404, 415), answer.text
    return str(answer.get_json()["error"])


# Faults


@pytest.mark.parametrize(
    ("roll", "fate"),
    [(0.0, "errors"), (0.09, "errors"), (0.1, "throttles"), (0.35, "hangs_before"), (0.65, "hangs_after"), (0.99, "")],
)
def test_one_roll_decides_the_fate_of_a_call(roll: float, fate: str) -> None:
    assert Faults(errors=0.1, throttles=0.2, hangs_before=0.3, hangs_after=0.3).fate(roll) == fate


def test_by_default_nothing_goes_wrong() -> None:
    assert Faults().fate(0.0) == ""
    assert Faults().departures(lambda: 0.0) == [0.0]


def test_departures_drop_repeat_and_delay() -> None:
    rolls = iter([0.5, 0.1, 0.5, 0.25])
    assert Faults(drop=0.4, duplicate=0.2, delay_s=2).departures(lambda: next(rolls)) == [1.0, 0.5]
    assert Faults(drop=0.4).departures(lambda: 0.3) == []


@pytest.mark.parametrize("wrong", [{"errors": 1.1}, {"errors": "x"}, {"errors": True}, {"reorder": 1}, {"rain": 1}])
def test_faults_out_of_range_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=next(iter(wrong))):
        Faults().but(wrong)


def test_the_same_seed_rolls_the_same_dice() -> None:
    one, two = Dice(Faults.rough(7)), Dice(Faults.rough(7))
    assert [one.roll() for _ in range(5)] == [two.roll() for _ in range(5)]
    assert one.faults.drop == 0


def faulty(faults: Faults) -> tuple[Client, Toy, list[float]]:
    toy, slept = Toy(), list[float]()
    return Client(Faulty(toy.app, toy, Dice(faults), slept.append)), toy, slept


@pytest.mark.parametrize(
    "call",
    [{"headers": BRIDGE}, {"query_string": {"key": "sandbox-bridge-key"}}, {"json": {"key": "sandbox-bridge-key"}}],
    ids=["header", "query", "body"],
)
def test_faults_strike_the_bridge_wherever_its_key_stands(call: dict[str, Any]) -> None:
    client, toy, _ = faulty(Faults(errors=1))
    answer = client.put("/deal", **{"json": {"name": "Bo"}} | call)
    assert (answer.status_code, answer.text, toy.ledger) == (503, "oh no", [])


def test_faults_spare_the_person() -> None:
    client, toy, slept = faulty(Faults(errors=1, slow_s=9))
    assert client.put("/deal", json={"name": "Bo"}, headers=PERSON).get_json()["name"] == "Bo"
    assert (len(toy.ledger), slept) == (1, [])


def test_a_throttled_call_gets_the_vendors_own_answer() -> None:
    client, toy, _ = faulty(Faults(throttles=1))
    assert client.put("/deal", json={"name": "Bo"}, headers=BRIDGE).status_code == 429
    assert toy.ledger == []


@pytest.mark.parametrize(("fate", "applied"), [("hangs_before", 0), ("hangs_after", 1)])
def test_a_hanging_call_is_held_and_never_answered(fate: str, applied: int) -> None:
    client, toy, slept = faulty(Faults(**{fate: 1, "hang_s": 4}))  # type: ignore[arg-type]
    with pytest.raises(ConnectionResetError):
        client.put("/deal", json={"name": "Bo"}, headers=BRIDGE)
    assert (len(toy.ledger), slept) == (applied, [4])


def test_a_call_unharmed_by_faults_keeps_its_body() -> None:
    client, _, slept = faulty(Faults(slow_s=1))
    assert client.put("/deal", json={"name": "Bo"}, headers=BRIDGE).get_json()["name"] == "Bo"
    assert len(slept) == 1


# Courier


class Receiver:
    """An HTTP server that keeps what it is sent and answers with the given statuses in turn, then 204."""

    def __init__(self, answers: list[tuple[int, dict[str, str]]]) -> None:
        self.answers, self.got, self.url = answers, list[tuple[str, str, str, str]](), ""
        self.app = Flask(__name__)
        self.app.add_url_rule("/in", view_func=self.take, methods=["POST"])

    def take(self) -> Response:
        body = request.get_data(as_text=True)
        seen = (request.method, request.query_string.decode(), request.headers.get("X-Sign", ""), body)
        status, headers = self.answers[len(self.got)] if len(self.got) < len(self.answers) else (204, {})
        self.got.append(seen)
        return Response(status=status, headers=headers)


@pytest.fixture
def bench() -> Iterator[Callable[..., tuple[Courier, Receiver]]]:
    """Build a courier with the faults asked for, aimed at a receiver; it starts when the test says so."""
    undo: list[Callable[[], None]] = []

    def build(faults: Faults, *answers: tuple[int, dict[str, str]]) -> tuple[Courier, Receiver]:
        receiver = Receiver(list(answers))
        server = Listener("127.0.0.1", 0, receiver.app)
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
        thread.start()
        courier = Courier(Dice(faults), {"getfly": again}, Pace(first_s=0.01))
        receiver.url = f"http://127.0.0.1:{server.port}/in"
        courier.aim({"getfly": receiver.url})
        undo.extend([courier.stop, server.shutdown, thread.join, server.hang_up])
        return courier, receiver

    yield build
    for step in undo:
        step()


def settled(courier: Courier) -> dict[str, int]:
    """Wait until nothing is under way, and return the counts that are not zero."""
    until(lambda: not courier.lanes["getfly"].tally()["waiting"])
    return {name: count for name, count in courier.lanes["getfly"].tally().items() if count}


def test_a_webhook_arrives_as_the_vendor_made_it(bench: Any) -> None:
    courier, receiver = bench(Faults())
    courier.start()
    courier.sender("getfly")(hook("héllo"))
    assert settled(courier) == {"taken": 1, "sent": 1, "acknowledged": 1}
    assert receiver.got == [("POST", "a=1+2", "abc", "héllo")]


def test_webhooks_are_sent_twice_or_never(bench: Any) -> None:
    courier, receiver = bench(Faults(duplicate=1))
    courier.start()
    courier.sender("getfly")(hook())
    assert settled(courier) == {"taken": 1, "duplicated": 1, "sent": 2, "acknowledged": 2}
    assert len(receiver.got) == 2
    courier.lanes["getfly"].dice.change(Faults(drop=1))
    courier.sender("getfly")(hook())
    assert settled(courier)["dropped"] == 1


@pytest.mark.parametrize(("reorder", "order"), [(True, ["2", "1"]), (False, ["1", "2"])])
def test_a_late_webhook_is_overtaken_only_where_that_is_wished(bench: Any, reorder: bool, order: list[str]) -> None:
    courier, receiver = bench(Faults(delay_s=0.1, reorder=reorder))
    courier.lanes["getfly"].dice.roll = iter([0, 0, 1.0, 0, 0, 0.0]).__next__
    courier.sender("getfly")(hook("1"))
    courier.sender("getfly")(hook("2"))
    courier.start()
    settled(courier)
    assert [body for *_, body in receiver.got] == order


def test_a_webhook_is_tried_again_until_it_is_taken(bench: Any) -> None:
    courier, receiver = bench(Faults(), (500, {}), (429, {"Retry-After": "0"}))
    courier.start()
    courier.sender("getfly")(hook())
    assert settled(courier) == {"taken": 1, "sent": 3, "retried": 2, "acknowledged": 1}
    assert len(set(receiver.got)) == 1


def test_a_webhook_that_nobody_takes_is_given_up(bench: Any) -> None:
    courier, _ = bench(Faults(), *[(503, {})] * 3)
    courier.start()
    courier.sender("getfly")(hook())
    assert settled(courier) == {"taken": 1, "sent": 3, "retried": 2, "given_up": 1}


def test_a_vendor_may_decide_itself_what_counts_as_taken(bench: Any) -> None:
    courier, _ = bench(Faults(), (202, {}), (500, {}))
    asked: list[tuple[str, int | None, int]] = []

    def verdict(hook: Hook, status: int | None, tried: int) -> bool:
        asked.append((hook.method, status, tried))
        return tried < 2

    courier.lanes["getfly"].verdict = verdict
    courier.start()
    courier.sender("getfly")(hook())
    assert settled(courier) == {"taken": 1, "sent": 2, "retried": 1, "given_up": 1}
    assert asked == [("POST", 202, 1), ("POST", 500, 2)]


def test_webhooks_without_a_target_are_counted_and_forgotten() -> None:
    courier = Courier(Dice(Faults()), {"getfly": again})
    courier.sender("getfly")(hook())
    courier.aim({"getfly": "http://127.0.0.1:9/in"})
    courier.sender("getfly")(hook())
    courier.aim({"getfly": None})
    assert settled(courier) == {"taken": 2, "untargeted": 2}


def test_the_pace_doubles_and_obeys_retry_after() -> None:
    pace, now = Pace(), datetime(2026, 11, 21, 12, 0, 0, tzinfo=UTC)
    assert [pace.wait_s(tried) for tried in range(1, 7)] == [0.5, 1, 2, 4, 5, 5]
    assert pace.wait_s(1, "7") == 7
    assert pace.wait_s(1, "Sat, 21 Nov 2026 12:00:09 GMT", now) == 9
    assert pace.wait_s(1, "soon") == 0.5
    assert pace.wait_s(1, "86400") == 60


# Control API and page


@pytest.fixture
def sandbox() -> Sandbox:
    return Sandbox(kinds=KINDS, clock=lambda: 1000.0, switches={"getfly": {"shout": True}})


@pytest.fixture
def client(sandbox: Sandbox) -> Client:
    return Client(sandbox.app)


def test_state_tells_columns_cards_and_counts(client: Client) -> None:
    client.put("/getfly/deal", json={"name": "Bo"}, headers=BRIDGE)
    client.put("/getfly/deal", json={"name": "Bo"}, headers=PERSON)
    seen = client.get("/_/state").get_json()
    assert list(seen) == ["getfly", "plazbot"]
    getfly = seen["getfly"]
    assert getfly["columns"] == [{"id": "1", "title": "New"}, {"id": "2", "title": "Won"}]
    assert [(card["id"], card["title"], card["column"]) for card in getfly["cards"]] == [("d1", "Bo", "1")]
    assert getfly["calls"] == {"calls": 2, "bridge_calls": 1}
    assert getfly["writes"] == {"bridge": 1, "person": 1, "board": 0}
    assert (getfly["ledger"], getfly["hooks"]["untargeted"]) == (2, 2)


def test_a_person_edits_and_moves_a_deal(client: Client) -> None:
    deal = {"vendor": "getfly", "deal": "d1"}
    assert client.post("/_/edit", json=deal | {"changes": {"name": "Bo"}}, headers=OURS).get_json() == {"ledger": 1}
    assert client.post("/_/move", json=deal | {"column": "2"}, headers=OURS).get_json() == {"ledger": 2}
    rows = client.get("/_/ledger?vendor=getfly&since=1").get_json()
    row = {"n": 1, "vendor": "getfly", "at": 1000, "who": "board", "deal": "d1", "call": "PUT /deal"}
    assert rows == {"next": 2, "rows": [row | {"fields": ["stage"]}]}
    assert len(client.get("/_/ledger").get_json()["rows"]) == 2


@pytest.mark.parametrize(
    ("path", "asked", "why"),
    [
        ("edit", {"vendor": "acme", "deal": "d1", "changes": {"name": "Bo"}}, "no vendor 'acme'"),
        ("edit", {"vendor": "getfly", "deal": "d9", "changes": {"name": "Bo"}}, "getfly has no deal d9"),
        ("edit", {"vendor": "getfly", "deal": "d1", "changes": {}}, "at least one field"),
        ("edit", {"vendor": "getfly", "deal": "d1"}, "at least one field"),
        ("move", {"vendor": "getfly", "deal": "d1", "column": "3"}, "another pipeline"),
        ("move", [1], "JSON object"),
    ],
)
def test_what_cannot_be_done_is_refused_with_its_reason(client: Client, path: str, asked: Any, why: str) -> None:
    assert why in refused(client.post(f"/_/{path}", json=asked, headers=OURS))


def test_a_change_from_another_web_site_is_refused(client: Client) -> None:
    assert "X-Sandbox" in refused(client.post("/_/move", json={"vendor": "getfly", "deal": "d1", "column": "2"}))
    refused(client.post("/_/move", data="{}", headers=OURS))
    assert client.get("/_/ledger").get_json()["rows"] == []


def test_switches_show_and_change(client: Client, sandbox: Sandbox) -> None:
    shown = client.get("/_/switches").get_json()
    assert shown["getfly"][0] == {
        "name": "shout", "what": "Names are stored in capitals.", "value": True, "default": False,
    }  # fmt: skip
    client.put("/_/switches", json={"getfly": {"shout": False, "read_lag_s": 0.5, "shape": "nested"}}, headers=OURS)
    assert sandbox.simulators["getfly"].switch == {"shout": False, "read_lag_s": 0.5, "limit": 20, "shape": "nested"}


@pytest.mark.parametrize("values", [{"shout": 1}, {"limit": 2.5}, {"limit": True}, {"shape": 3}, {"no": 1}, [1]])
def test_a_switch_takes_only_values_of_its_kind(client: Client, sandbox: Sandbox, values: Any) -> None:
    before = dict(sandbox.simulators["getfly"].switch)
    refused(client.put("/_/switches", json={"plazbot": {}, "getfly": values}, headers=OURS))
    assert sandbox.simulators["getfly"].switch == before


def test_faults_show_and_change(client: Client, sandbox: Sandbox) -> None:
    answer = client.put("/_/faults", json={"errors": 0.5, "reorder": True}, headers=OURS).get_json()
    assert {f["name"]: f["value"] for f in answer["faults"]}["errors"] == 0.5
    assert sandbox.dice.faults == replace(Faults(), errors=0.5, reorder=True)
    assert "from 0 to 1" in refused(client.put("/_/faults", json={"errors": 7}, headers=OURS))


def test_targets_are_addresses(client: Client) -> None:
    assert client.put("/_/targets", json={"getfly": "http://127.0.0.1:1/x"}, headers=OURS).status_code == 200
    assert "http" in refused(client.put("/_/targets", json={"getfly": "file:///etc"}, headers=OURS))
    assert "acme" in refused(client.put("/_/targets", json={"acme": None}, headers=OURS))


def test_targets_are_shown_and_an_empty_one_is_nowhere(client: Client) -> None:
    client.put("/_/targets", json={"getfly": "http://127.0.0.1:1/x"}, headers=OURS)
    shown = {"name": "getfly", "value": "http://127.0.0.1:1/x"}
    assert shown in client.get("/_/targets").get_json()["targets"]
    assert 'value="http://127.0.0.1:1/x"' in client.get("/").text
    client.put("/_/targets", json={"getfly": ""}, headers=OURS)
    assert {**shown, "value": ""} in client.get("/_/targets").get_json()["targets"]


def test_a_sandbox_with_an_unknown_vendor_is_refused() -> None:
    with pytest.raises(ValueError, match="acme"):
        Sandbox(kinds=KINDS, only=["acme"])


def test_the_page_shows_every_board_without_inline_code(client: Client) -> None:
    client.post("/_/move", json={"vendor": "plazbot", "deal": "d1", "column": "2"}, headers=OURS)
    answer = client.get("/")
    page = answer.text
    assert answer.headers["Content-Security-Policy"].startswith("default-src 'self'")
    assert page.count('class="card"') == 2
    assert "Lan &lt;b&gt;Pham&lt;/b&gt;" in page
    assert '<option value="2" selected>Won</option>' in page
    assert "1,500 USD" in page
    assert "Names are stored in capitals." in page
    assert not re.search(r"<style|style=|<script>|\son\w+=|https?://(?!www\.w3\.org)", page)
    for asset in re.findall(r'(?:href|src)="(/_/static/[^"]+)"', page):
        with client.get(asset) as found:
            assert found.status_code == 200


# Server


def test_the_event_stream_ticks_when_a_ledger_grows() -> None:
    with Sandbox(kinds=KINDS) as sandbox, requests.get(f"{sandbox.url}/_/events", stream=True, timeout=10) as stream:
        ticks = (json.loads(line[6:]) for line in stream.iter_lines(1) if line.startswith(b"data: "))
        assert next(ticks) == {"ledgers": {"getfly": 0, "plazbot": 0}, "bridge": False}
        sandbox.simulators["plazbot"].move("d1", "2")
        assert next(ticks) == {"ledgers": {"getfly": 0, "plazbot": 1}, "bridge": False}


def test_a_connection_serves_call_after_call_though_a_body_was_not_read() -> None:
    with Sandbox(kinds=KINDS) as sandbox:
        line = http.client.HTTPConnection("127.0.0.1", int(sandbox.url.rpartition(":")[2]), timeout=10)
        line.connect()
        socket = line.sock
        for _ in range(3):
            line.request("POST", "/getfly/ignores-its-body", b"x" * 5000)
            assert json.loads(line.getresponse().read()) == {"ok": True}
        line.request("HEAD", "/")
        assert line.getresponse().read() == b""
        line.request("GET", "/_/state")
        assert json.loads(line.getresponse().read())["getfly"]["ledger"] == 0
        assert line.sock is socket
        line.close()


def test_a_hanging_call_ends_in_a_dead_line() -> None:
    faults = Faults(hangs_after=1, hang_s=0.05)
    with Sandbox(faults, kinds=KINDS) as sandbox, requests.Session() as session:
        with pytest.raises(requests.ConnectionError):
            session.put(f"{sandbox.url}/getfly/deal", json={"name": "Bo"}, headers=BRIDGE, timeout=10)
        assert sandbox.simulators["getfly"].cards()[0].title == "Bo"


def test_a_change_in_one_vendor_sends_its_webhook_to_the_bridge(bench: Any) -> None:
    _, receiver = bench(Faults())
    with Sandbox(kinds=KINDS, targets={"getfly": receiver.url}) as sandbox:
        for simulator in sandbox.simulators.values():
            simulator.move("d1", "2")
        until(lambda: receiver.got)
        assert [body for *_, body in receiver.got] == ['{"stage": "2"}']
        assert sandbox.courier.lanes["plazbot"].tally()["untargeted"] == 1


def test_a_webhook_that_was_ordered_by_api_goes_to_its_own_address(bench: Any) -> None:
    _, receiver = bench(Faults())
    with Sandbox(only=["leadsquared"], switches={"leadsquared": {"hooked": False}}) as sandbox:
        types = ["12000"]
        body = {
            "URL": f"{receiver.url}?a=1", "Method": "POST", "ContentType": "application/json", "WebhookEvent": "32",
            "OpportunityEvents": types, "WebhookProperties": json.dumps({"OpportunityEvents": types}),
        }  # fmt: skip
        keys = {"x-LSQ-AccessKey": "sandbox-bridge-key", "x-LSQ-SecretKey": "sandbox-secret"}
        made = requests.post(f"{sandbox.url}/leadsquared/v2/Webhook.svc/Create", json=body, headers=keys, timeout=5)
        assert made.ok
        sandbox.simulators["leadsquared"].edit("dddddddd-0000-4000-8000-000000000001", {"mx_Custom_1": "Lan"})
        until(lambda: any("ProspectActivityId" in body for *_, body in receiver.got))
        assert all("a=1" in query for _, query, *_ in receiver.got)


# What a board shows


def test_a_card_shows_its_facts_under_one_name_and_folds_the_rest() -> None:
    card = Card(
        "1", "A", "1", {"Expected Deal Size": "900", "owner": "Hoa", "status": "0", "Source": "Web", "Note": ""}
    )
    assert boards.in_sight(card) == [("amount", "900"), ("owner", "Hoa")]
    assert boards.folded(card) == [("status", "0"), ("Source", "Web")]


def test_a_deal_in_a_stage_that_the_board_does_not_show_is_still_seen() -> None:
    toy = Toy()
    toy.deal["stage"] = "99"
    last = boards.board("getfly", toy).columns[-1]
    assert (last.id, [card.id for card in last.cards]) == (None, ["d1"])
