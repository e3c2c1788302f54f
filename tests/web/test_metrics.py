"""/metrics: what Prometheus reads, who may read it, and that it never breaks."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest
from flask.testing import FlaskClient
from prometheus_client.openmetrics.parser import text_string_to_metric_families as openmetrics_families
from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.samples import Sample

from bridge.core.outcomes import LABELS
from bridge.desk import tokens
from bridge.store import Store
from bridge.store.tally import Tally
from bridge.web import create_app
from tests.store.raw import raw
from tests.web.toy import Parts, hook, parts, read_only

ROOT = Path(__file__).parents[2]
Samples = dict[str, list[Sample]]
SILENT = {
    "breaker": "closed", "open_for_s": 0, "broken_for_s": 0, "paused_for_s": 0, "running": 0, "used": 0, "left": 9,
    "calls": 0, "failed": 0, "sweep_ms": None,
}  # fmt: skip


@pytest.fixture
def scrape(bridge: Parts, client: FlaskClient) -> Callable[[], Samples]:
    secret = tokens.make(bridge.desk, "prometheus", "read", "command line").secret

    def now() -> Samples:
        answer = client.get("/metrics", headers={"Authorization": f"Bearer {secret}"})
        assert answer.status_code == 200, answer.text
        found: Samples = {}
        for family in text_string_to_metric_families(answer.text):
            for sample in family.samples:
                found.setdefault(sample.name, []).append(sample)
        return found

    return now


def value(found: Samples, name: str, **labels: str) -> float:
    [one] = [s.value for s in found[name] if s.labels == labels]
    return float(one)


def test_it_is_for_tokens_alone(bridge: Parts, client: FlaskClient) -> None:
    assert client.get("/metrics").status_code == 401
    wrong = client.get("/metrics", headers={"Authorization": "Bearer obr_wrong"})
    assert (wrong.status_code, wrong.content_type) == (401, "application/problem+json")
    for role in ("read", "write"):
        secret = tokens.make(bridge.desk, role, role, "command line").secret  # type: ignore[arg-type]
        assert client.get("/metrics", headers={"Authorization": f"Bearer {secret}"}).status_code == 200
    assert client.post("/metrics").status_code == 405


def test_every_family_has_a_type_a_meaning_a_good_name_and_no_sample_twice(bridge: Parts, client: FlaskClient) -> None:
    secret = tokens.make(bridge.desk, "p", "read", "command line").secret
    client.post("/webhooks/open", data=hook())
    text = client.get("/metrics", headers={"Authorization": f"Bearer {secret}"}).text
    families = list(text_string_to_metric_families(text))
    assert len({f.name for f in families}) == len(families) > 20
    for family in families:
        assert family.name.startswith("bridge_") and family.documentation and family.type != "unknown", family
        assert not re.search(r"_(ms|milliseconds|minutes|hours|kb|mb)(_|$)", family.name), family.name
        seen = [(s.name, tuple(sorted(s.labels.items()))) for s in family.samples]
        assert len(seen) == len(set(seen)), family.name
        for name, _ in seen:
            assert (family.type == "counter") == name.endswith("_total"), name
    accept = {"Authorization": f"Bearer {secret}", "Accept": "application/openmetrics-text; version=1.0.0"}
    answer = client.get("/metrics", headers=accept)
    assert answer.content_type.startswith("application/openmetrics-text")
    without_ending = {re.sub("_(total|info)$", "", f.name) for f in families}
    assert {f.name for f in openmetrics_families(answer.text)} == without_ending


def test_webhooks_and_gauges_show_at_once_also_without_a_worker(
    bridge: Parts, client: FlaskClient, scrape: Callable[[], Samples]
) -> None:
    before = scrape()
    assert value(before, "bridge_deliveries_total", connection="open", outcome="accepted") == 0
    assert {s.labels["outcome"] for s in before["bridge_attempts_total"]} == set(LABELS)
    client.post("/webhooks/open", data=hook())
    client.post("/webhooks/open", data=b"{}")
    found = scrape()
    assert value(found, "bridge_deliveries_total", connection="open", outcome="accepted") == 1
    assert value(found, "bridge_deliveries_total", connection="open", outcome="forged") == 1
    assert value(found, "bridge_deliveries_waiting", connection="open") == 1
    assert value(found, "bridge_lag_seconds", connection="open") >= 0
    assert value(found, "bridge_last_heard_timestamp_seconds", connection="open") > 1_700_000_000
    assert value(found, "bridge_connection_state", connection="open", state="no worker") == 1
    assert sum(s.value for s in found["bridge_connection_state"]) == len(bridge.connectors)
    assert value(found, "bridge_workers") == 0
    assert "bridge_last_swept_timestamp_seconds" not in found
    assert found["bridge_build_info"][0].labels["version"]


def test_the_time_from_webhook_to_write_is_a_histogram(bridge: Parts, scrape: Callable[[], Samples]) -> None:
    counts = {"0.1": 3, "2.5": 2, "inf": 1}
    bridge.store.add_tally({("open", "wait", bound): n for bound, n in counts.items()})
    bridge.store.add_tally({("open", "wait_ms", ""): 2_500})
    found = scrape()
    buckets = {
        s.labels["le"]: s.value for s in found["bridge_write_wait_seconds_bucket"] if s.labels["connection"] == "open"
    }
    assert (buckets["0.1"], buckets["1.0"], buckets["2.5"], buckets["1800.0"], buckets["+Inf"]) == (3, 3, 5, 5, 6)
    assert list(buckets.values()) == sorted(buckets.values())
    assert value(found, "bridge_write_wait_seconds_sum", connection="open") == 2.5
    assert value(found, "bridge_write_wait_seconds_count", connection="open") == 6


def test_counters_never_fall_over_restarts(tmp_path: Path) -> None:
    known: dict[tuple[str, str], float] = {}
    for life in range(3):
        bridge = parts(tmp_path / "b.db")
        client = create_app(bridge).test_client()
        secret = tokens.make(bridge.desk, f"p{life}", "read", "command line").secret
        worker = Tally()
        for n in range(3):
            client.post("/webhooks/open", data=hook(str(n)))
            worker.add([(("open", "attempt", "echo"), n + 1), (("open", "call_ms", "read"), 7)])
            worker.flush(bridge.store)
            text = client.get("/metrics", headers={"Authorization": f"Bearer {secret}"}).text
            now = {
                (s.name, json.dumps(s.labels)): s.value
                for family in text_string_to_metric_families(text)
                if family.type in ("counter", "histogram")
                for s in family.samples
            }
            assert now.keys() >= known.keys() and all(now[key] >= known[key] for key in known)
            known = now
        bridge.store.db.close()
    deliveries = '{"connection": "open", "outcome": "accepted"}'
    assert known["bridge_deliveries_total", deliveries] == 9
    assert known["bridge_attempts_total", '{"connection": "open", "outcome": "echo"}'] == 18


def gone(store: Store) -> None:
    raw(store).execute("ALTER TABLE tally RENAME TO tally_gone")


@pytest.mark.parametrize("break_it", [gone, read_only])
def test_while_the_store_is_down_it_answers_503_and_goes_on_after(
    bridge: Parts, client: FlaskClient, break_it: Callable[[Store], None]
) -> None:
    secret = tokens.make(bridge.desk, "p", "read", "command line").secret
    client.post("/webhooks/open", data=hook())
    break_it(bridge.store)
    client.post("/webhooks/open", data=b"{}")  # so that there is something to count
    answer = client.get("/metrics", headers={"Authorization": f"Bearer {secret}"})
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "5")
    assert answer.content_type == "application/problem+json"


# the dashboard


def names_in(expression: str) -> set[str]:
    return set(re.findall(r"\bbridge_[a-z_]+", expression))


@pytest.fixture
def exposed(scrape: Callable[[], Samples], bridge: Parts, client: FlaskClient) -> set[str]:
    """The names of all samples that there may be."""
    client.post("/webhooks/open", data=hook())
    bridge.store.swept("open", bridge.now())
    bridge.store.beat("w", {name: {**SILENT, "sweep_ms": 5} for name in bridge.connectors}, bridge.now())
    bridge.store.add_tally({("open", "failure", "throttled"): 1})
    return scrape().keys() | {"bridge_budget_limit", "bridge_budget_window_seconds"}  # the toys have no settings


def test_the_dashboard_reads_only_what_is_there(exposed: set[str]) -> None:
    board = json.loads((ROOT / "config/grafana/opportunity-bridge.json").read_text("utf-8"))
    panels = board["panels"]
    ids = [panel["id"] for panel in panels]
    assert len(ids) == len(set(ids)) > 8
    places = [
        (x, y)
        for at in (panel["gridPos"] for panel in panels)
        for x in range(at["x"], at["x"] + at["w"])
        for y in range(at["y"], at["y"] + at["h"])
    ]
    assert len(places) == len(set(places)) and max(x for x, _ in places) < 24, "panels overlap"
    for panel in panels:
        assert panel["title"] and panel["description"] and panel["datasource"]["uid"] == "${datasource}", panel["id"]
        assert panel["targets"], panel["title"]
        for target in panel["targets"]:
            used = names_in(target["expr"])
            assert used and used <= exposed, (panel["title"], used - exposed)
    assert {v["name"] for v in board["templating"]["list"]} == {"datasource", "connection"}
    assert board["uid"] and board["id"] is None


def test_the_page_names_each_metric_and_none_that_is_not_there(exposed: set[str]) -> None:
    told = {re.sub(r"(?<=bridge_write_wait_seconds)_(bucket|sum|count)$", "", name) for name in exposed}
    assert names_in((ROOT / "docs/observability.md").read_text("utf-8")) == told
