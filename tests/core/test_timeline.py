"""What a person reads of each entry of a journal, sentence by sentence."""

from __future__ import annotations

from typing import Any

import pytest

from bridge.core.fields import Choice, Day, Field, Money, Party, Percent, Phone, Text
from bridge.core.model import What
from bridge.core.speech import Known
from bridge.core.timeline import Line, because, timeline

AT = 1_793_610_000_000
HOOK = "01932d3f-0000-7000-8000-00000000000a"
PERSON = "01932d3f-0000-7000-8000-00000000000b"
TABLE: tuple[Field, ...] = (
    Text("name", "title"), Money("amount", "value", currency="USD"), Choice("stage", "s"), Choice("owner", "o"),
    Party("contact", "c"), Phone("contact_phone", "p"), Percent("probability", "x"), Day("expected_close", "d"),
    Text("custom.region", "cf_7"),
)  # fmt: skip
FIELDS = {f.name: f for f in TABLE}
KNOWN = Known(
    {"gf": FIELDS, "oo": FIELDS},
    {("oo", "stage", "5"): "Proposal", ("gf", "owner", "7"): "Hoa Le", ("oo", "stage", "2/9"): "Lead"},
    {PERSON: "gf:12 = oo:7"},
)


def entry(what: str, field: str = "stage", connection: str = "oo", at: int = AT, **rest: Any) -> dict[str, Any]:
    blank = {"old": None, "new": None, "version": 2, "delivery": "", "detail": ""}
    return {**blank, "what": what, "field": field, "connection": connection, "at": at, **rest}


CASES: list[tuple[dict[str, Any], str]] = [
    (entry("linked", "", detail="17"), "Record 17 of oo was linked."),
    (entry("unlinked", "", detail="17"), "Record 17 of oo was taken out of the link."),
    (entry("first", "amount", new="1000 USD", version=1), "oo was read and gave the first value: amount 1,000 USD."),
    (
        entry("met", "", detail="stage, name, custom.region"),
        "oo was read for the first time and says the same: name, stage and region.",
    ),
    (
        entry("differs", "amount", old="1000 USD", new="900 USD"),
        "oo was read for the first time: amount is 900 USD there and 1,000 USD here. Both stay.",
    ),
    (
        entry("overtaken", "amount", old="1000 USD", new=None),
        "oo was read for the first time: amount is nothing there;"
        " since it was linked, 1,000 USD was set elsewhere and is due there.",
    ),
    (
        entry("overtaken", "amount", old="1000 USD", new="1000 USD"),
        "oo was read for the first time: amount is 1,000 USD there, as it was set elsewhere since it was linked.",
    ),
    (
        entry("set", old="qualified", new="proposal", delivery=HOOK),
        "Stage was changed to proposal in oo (heard by a webhook); it replaced qualified.",
    ),
    (
        entry("set", old=None, new="proposal", detail="by Hoa over there", delivery="sweep"),
        "Stage was changed to proposal in oo by Hoa (found by a sweep); it replaced nothing, there's own edit:"
        " oo's edit stands by the rule.",
    ),
    (
        entry("set", "amount", old="1000 USD", new="1500.5 USD", detail="over gf (newest)"),
        "Amount was changed to 1,500.5 USD in oo; it replaced 1,000 USD, gf's own edit: oo's later edit stands.",
    ),
    (
        entry("set", "amount", old="1 USD", new="2 USD", detail="by Hoa over gf (source:oo)"),
        "Amount was changed to 2 USD in oo by Hoa; it replaced 1 USD, gf's own edit: amount follows oo.",
    ),
    (
        entry("lost", "amount", old="1500 USD", new="1400 USD", detail="gf wins (newest)"),
        "oo's own edit of amount to 1,500 USD lost: gf's later edit stands, 1,400 USD.",
    ),
    (
        entry("lost", "expected_close", old="2026-12-31", new="2027-01-05", detail="gf wins (source:gf)"),
        "oo's own edit of expected close to 31 December 2026 lost: expected close follows gf, 5 January 2027.",
    ),
    (
        entry("lost", "name", old="Mine", new="Theirs", detail="nobody wins (hold)"),
        "oo changed name to “Mine”, while it was “Theirs” here. Both stay until a person decides.",
    ),
    (
        entry("decided", "name", old="Mine", new="Theirs", detail="hoa"),
        "Name: hoa decided that oo's value stands, “Theirs”.",
    ),
    (entry("settled_equal", "probability", new=40), "Probability was changed to 40% in oo too."),
    (
        entry("understood", "owner", "gf", old="unknown:gf:7", new="hoa"),
        "Owner has its meaning now: Hoa Le (7) of gf is hoa.",
    ),
    (
        entry("understood", "contact", "gf", old="unknown:gf:12", new=PERSON),
        "Contact has its meaning now: 12 of gf is gf:12 = oo:7.",
    ),
    (
        entry("understood", "contact", "gf", old="another link", new=PERSON),
        "Contact is gf:12 = oo:7 now: two links of it became one.",
    ),
    (
        entry("sent", new="5", detail="which means won there"),
        "Stage was written to oo as Proposal (5), which means won there.",
    ),
    (entry("sent", new="2/9"), "Stage was written to oo as Lead (9)."),
    (entry("sent", "amount", new="1500"), "Amount was written to oo as 1,500 USD."),
    (entry("sent", "custom.region", new=""), "Region was written to oo as nothing."),
    (
        entry("in_doubt", new="5"),
        "Stage was sent to oo as Proposal (5), and no answer came. A later read will tell whether it arrived.",
    ),
    (entry("landed", new="5"), "Stage had arrived at oo though no answer came: Proposal (5)."),
    (entry("did_not_land", new="5"), "Stage had not arrived at oo; it is written again."),
    (
        entry("normalised", "contact_phone", old="+84912345678", new="+84 91 234 5678"),
        "oo keeps the contact phone as +84 91 234 5678; the same number.",
    ),
    (entry("normalised", "name", old="acme ", new="ACME"), "oo keeps the name as “ACME” instead of “acme”."),
    (
        entry("held", "name", new=AT + 900_000, detail="automations answer each other's changes"),
        "Name is not written anywhere until 2026-11-02 09:15:00 UTC: automations answer each other's changes.",
    ),
    (
        entry("held", "name", detail="two sides changed it"),
        "Name is not written anywhere until a person decides: two sides changed it.",
    ),
    (entry("released", "name", detail="the pause is over"), "Name goes on: the pause is over."),
    (
        entry("not_sent", new="proposal", detail="already says the same"),
        "oo already says proposal as its stage; nothing was written.",
    ),
    (
        entry("not_sent", "probability", new=40, detail="v2 ignores it on update"),
        "Probability 40% was not written to oo: v2 ignores it on update.",
    ),
    (
        entry(
            "waits", "owner", detail="can't say: no choice for owner \"it's\"", new="add a choice for owner 'hoa' at oo"
        ),
        "Owner waits at oo: can't say: no choice for owner “it's”. What to do: add a choice for owner “hoa” at oo.",
    ),
    (
        entry("waits", "owner", detail="nobody has said what owner 'gf:7' means", new=""),
        "Owner waits at oo: nobody has said what owner “gf: Hoa Le (7)” means.",
    ),
    (
        entry("waits", "contact", detail=f"no link for contact '{PERSON}'", new="add a link"),
        "Contact waits at oo: no link for contact gf:12 = oo:7. What to do: add a link.",
    ),
    (
        entry("waits", "", detail="HTTP 400: no", new="mend the cause"),
        "Everything waits at oo: HTTP 400: no. What to do: mend the cause.",
    ),
    (entry("freed", "owner", detail="no choice"), "Owner waits no longer at oo."),
    (entry("freed", "", detail="HTTP 400"), "Everything waits no longer at oo."),
    (
        entry("refused", "", detail="HTTP 400: no"),
        "oo could not be brought level, and it is not tried again by itself: HTTP 400: no.",
    ),
    (entry("replayed", "", detail="by hoa"), "Tried again by hoa: what oo refused."),
    (
        entry("discarded", new="5", detail="hoa: too old"),
        "Stage Proposal (5), which oo refused, is let be: hoa: too old.",
    ),
    (entry("gone", "", detail="two reads found nothing"), "The record is gone at oo: two reads found nothing."),
    (entry("back", ""), "The record is there again at oo."),
    (entry("something new", "name", detail="told so"), "oo: something new told so."),
]


@pytest.mark.parametrize(("e", "sentence"), CASES, ids=[sentence[:50] for _, sentence in CASES])
def test_each_entry_is_a_plain_sentence(e: dict[str, Any], sentence: str) -> None:
    assert [line.sentence for line in timeline([e], KNOWN)] == [sentence]


def test_every_word_of_the_journal_has_its_sentence() -> None:
    told = {e["what"] for e, _ in CASES}
    assert not set(What.__args__) - told  # type: ignore[attr-defined]


def test_a_line_says_where_it_belongs() -> None:
    entries = [entry("set", old="a", new="b", delivery=HOOK), entry("refused", "", delivery="sweep", detail="no")]
    assert [(x.what, x.connection, x.field, x.delivery, x.tone) for x in timeline(entries, KNOWN)] == [
        ("set", "oo", "stage", HOOK, "good"),
        ("refused", "oo", "", "", "bad"),
    ]


def test_what_a_side_brought_on_its_first_read_is_one_line() -> None:
    entries = [
        entry("first", "stage", new="new"),
        entry("first", "name", new="Acme"),
        entry("first", "name", "gf", new="Other"),
        entry("first", "amount", "gf", AT + 1, new=None),
    ]
    assert [line.sentence for line in timeline(entries, KNOWN)] == [
        "oo was read and gave the first values: name “Acme” and stage new.",
        "gf was read and gave the first value: name “Other”.",
        "gf was read and gave the first value: amount nothing.",
    ]


def test_one_field_alone_comes_with_what_concerns_the_whole_record() -> None:
    entries = [
        entry("first", "stage", new="new"),
        entry("first", "name", new="Acme"),
        entry("met", "", "gf", detail="name, stage"),
        entry("met", "", "gf", detail="amount"),
        entry("set", "name", old="Acme", new="Acme 2"),
        entry("gone", "", detail="two reads found nothing"),
    ]
    assert [line.sentence for line in timeline(entries, KNOWN, "stage")] == [
        "oo was read and gave the first value: stage new.",
        "gf was read for the first time and says the same: stage.",
        "The record is gone at oo: two reads found nothing.",
    ]
    assert timeline([], KNOWN) == list[Line]()


@pytest.mark.parametrize(
    ("delivery", "words"),
    [
        (HOOK, "heard by a webhook"),
        ("sweep", "found by a sweep"),
        ("again", "found by a look"),
        ("replay", "found by a replay"),
        ("", ""),
    ],
)
def test_what_made_us_look(delivery: str, words: str) -> None:
    assert because(delivery) == words
