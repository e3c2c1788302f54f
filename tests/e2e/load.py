"""People who edit deals and a vendor who posts webhooks, while the bridge dies and comes back."""

from __future__ import annotations

import itertools
import random
import threading
import time
from datetime import date, timedelta

import requests

from bridge.core.model import Ref
from bridge.demo.judge import Made
from bridge.demo.people import edit
from bridge.demo.stage import Stage

# Each field of a deal is edited at one CRM only, and ONLYOFFICE, whose update replaces the whole deal, has deals to
# itself: two edits of one field in the moment between the bridge's read and its write are a limit that README names.
SPREAD = (
    ("leadconnector", "name"),
    ("leadsquared", "description"),
    ("plazbot", "amount"),
    ("leadsquared", "expected_close"),
    ("plazbot", "custom.source"),
    ("getfly", "stage"),
    ("leadconnector", "owner"),
)
OFFICE = (("onlyoffice", "name"), ("onlyoffice", "description"), ("onlyoffice", "amount"))
# R9: four edits of one field in a row, each soon after our own writes to the record, are held as a quarrel of machines.
EDITS_MAX = 3
LISTS = {"stage": ("new", "qualified", "proposal"), "owner": ("hoa", "minh"), "custom.source": ("Web", "Fair")}
STARTS = {"stage": "new"}  # of a deal that was made at GetFly
EDIT_S, POST_S, ANSWER_S, AGAIN_S = 0.4, 0.2, 5.0, 0.25
POSTERS, GIVE_UP_S = 2, 90.0


class Load:
    """
    posters: how many send webhooks, each one about every post_s seconds. made: the edits, in order. acknowledged: the
    uids of webhooks that were answered with 2xx. refused: how often one was not, so that it was posted again. faults:
    what ended a thread before its time.
    """

    def __init__(
        self, stage: Stage, links: list[str], seed: int, *, posters: int = POSTERS, post_s: float = POST_S
    ) -> None:
        self.stage, self.links, self.seed, self.post_s = stage, links, seed, post_s
        self.refs: dict[str, list[Ref]] = {link: stage.bridge.store.refs(link) for link in links}
        self.made: list[Made] = []
        self.acknowledged: set[str] = set()
        self.refused = 0
        self.faults: list[str] = []
        self._numbers = itertools.count(1)
        self._slots = EDITS_MAX * [
            (link, *slot) for n, link in enumerate(links) for slot in (OFFICE if n % 3 == 2 else SPREAD)
        ]
        self._shown: dict[tuple[str, str], str] = {}
        self._end = threading.Event()
        acts = [self._edit, *[self._post] * posters]
        self._threads = [threading.Thread(target=self._go, args=(act, n)) for n, act in enumerate(acts)]

    def start(self) -> None:
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """Make no more edits and webhooks, and wait until the last webhook is acknowledged."""
        self._end.set()
        for thread in self._threads:
            thread.join()

    def last(self) -> list[Made]:
        """Return the edits that no later edit of the same field at the same side supersedes."""
        return list({(m.link, m.field): m for m in self.made}.values())

    def _go(self, act: object, n: int) -> None:
        dice = random.Random(f"{self.seed}-{n}")
        try:
            while not self._end.wait(dice.random() * 2 * (EDIT_S if act == self._edit else self.post_s)):
                act(dice)  # type: ignore[operator]
        except (requests.RequestException, AssertionError) as error:
            self.faults.append(repr(error))

    def _edit(self, dice: random.Random) -> None:
        """Change one field of one deal at its CRM, to a value that nobody has used before if the field allows it."""
        if not self._slots:
            return
        number = next(self._numbers)
        link, connection, field = self._slots.pop(dice.randrange(len(self._slots)))
        value = self._value(link, field, number)
        edit(self.stage.sandbox_url, connection, self._id(link, connection), field, value)
        self.made.append(Made(link, connection, field, f"{value} USD" if field == "amount" else value))

    def _post(self, dice: random.Random) -> None:
        """Post a webhook as GetFly does, again and again until it is acknowledged."""
        uid = f"uid-{next(self._numbers)}"
        body = {
            "event": "opportunity.updated",
            "secret_key": "sandbox-hook-secret",
            "data[opportunity_code]": self._id(dice.choice(self.links), "getfly"),
            "uid": uid,
        }
        deadline = time.monotonic() + GIVE_UP_S
        while not self._taken(body):
            assert time.monotonic() < deadline, "the bridge does not take webhooks any more"
            self.refused += 1
            time.sleep(AGAIN_S)
        self.acknowledged.add(uid)

    def _taken(self, body: dict[str, str]) -> bool:
        try:
            url = f"{self.stage.bridge_url}/webhooks/getfly"
            return 200 <= requests.post(url, data=body, timeout=ANSWER_S).status_code < 300
        except requests.RequestException:
            return False

    def _id(self, link: str, connection: str) -> str:
        return next(r.vendor_id for r in self.refs[link] if r.connection == connection)

    def _value(self, link: str, field: str, number: int) -> str:
        """Return what the field has not now: an edit that changes nothing is none."""
        if field in LISTS:
            values, now = LISTS[field], self._shown.get((link, field), STARTS.get(field))
            self._shown[link, field] = values[(values.index(now) + 1) % len(values) if now else 0]
            return self._shown[link, field]
        if field == "amount":
            return str(1000 + number)
        if field == "expected_close":
            return str(date(2027, 1, 1) + timedelta(days=number))
        return f"{field} of edit {number}"
