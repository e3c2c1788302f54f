"""Plazbot, simulated: the CRM side of a WhatsApp platform, without any webhook (docs/vendors/plazbot.md)."""

from __future__ import annotations

from collections.abc import Mapping

from flask import Response

from bridge.sandbox.base import Card
from bridge.sandbox.plazbot import account as account
from bridge.sandbox.plazbot.account import SEGMENTATIONS, STAGES, USERS, WORKSPACE
from bridge.sandbox.plazbot.calls import Caller, agree, answer, argument, body_of_call, envelope, refused
from bridge.sandbox.plazbot.records import (
    OUTCOMES,
    PAGE_FIELDS,
    Refusal,
    Row,
    Rules,
    asked,
    fresh,
    invalid,
    merged,
    required,
    stamp,
    tidy,
    unknown,
    zoneless,
)
from bridge.sandbox.plazbot.workspace import ONE, PlazbotWorkspace

VERSIONS_MAX = 100  # of a deal, kept for late reads


class PlazbotSimulator(PlazbotWorkspace):
    """One Plazbot workspace, `wok_sandbox`, and its opportunities."""

    vendor = "plazbot"

    def seen(self, deal: str) -> Row | None:
        """Return a deal as reads show it now: late by `read_lag_s`; None when it is not, or no longer, to be seen."""
        before = self.clock() - float(self.switch["read_lag_s"])
        past = [row for at, row in self.versions.get(deal, []) if at <= before]
        if not past or (past[-1]["deletionDate"] and not self.switch["show_deleted"]):
            return None
        return past[-1]

    def shown(self, row: Row) -> Row:
        """Return a stored deal as the API writes it."""
        row = dict(row)
        if self.switch["expiration_zone"] and row["expirationDate"]:
            row["expirationDate"] += "Z"
        if not self.switch["custom_fields_shown"]:
            del row["customFields"]
        return row

    def list_deals(self, caller: Caller) -> Response:
        """Answer one page of deals; there is no filter and no sort (section 2.2)."""
        rows = [row for deal in self.deals if (row := self.seen(deal))]
        return self.page([self.shown(row) for row in rows])

    def get_deal(self, caller: Caller, deal: str) -> Response:
        """Answer one deal, by default a bare array (section 2.3)."""
        argument("workspaceId")
        if row := self.seen(deal):
            return answer(ONE[str(self.switch["get_shape"])](self.shown(row)))
        if self.switch["missing_as"] == "404":
            raise unknown("Opportunity")
        return answer([] if self.switch["missing_as"] == "empty" else None)

    def known(self, deal: str) -> Row:
        """Return a deal that can be written, or refuse (404)."""
        row = self.deals.get(deal)
        if row is None or row["deletionDate"]:
            raise unknown("Opportunity")
        return row

    def rules(self) -> Rules:
        """Return what the workspace asks of written values."""
        return Rules(
            stages=STAGES, contacts=self.contacts, users=USERS,
            custom_names=str(self.switch["custom_field_names"]).split(","),
            unknown_custom=str(self.switch["unknown_custom_field"]),
            foreign_stages=bool(self.switch["foreign_stages"]), normalise=bool(self.switch["normalise"]),
        )  # fmt: skip

    def soft_failure(self) -> Response | None:
        """Return the 200 with success false that this write gets, if it is its turn (section 1.2)."""
        self.counts["write"] += 1
        every = int(self.switch["soft_fail_every"])
        if every and self.counts["write"] % every == 0:
            return answer(envelope(None, "The operation could not be completed.", error="OPERATION_FAILED"))
        return None

    def keep(self, row: Row) -> None:
        """Store a deal, and what late reads need of its past; the oldest version kept stands for all before it."""
        self.deals[row["id"]] = row
        past = [*self.versions.get(row["id"], []), (self.clock(), row)]
        if len(past) > VERSIONS_MAX:
            past = [(past[0][0], past[1][1]), *past[2:]]
        self.versions[row["id"]] = past

    def change(self, row: Row, changes: Row, who: str, call: str, *, quiet: bool = False) -> Row:
        """Store changes to a deal and note them; `quiet` leaves updatedDate alone. Return the deal as stored."""
        really = [name for name, value in changes.items() if row[name] != value]
        after: Row = row | changes
        if not quiet:
            after["updatedDate"] = stamp(self.clock())
        if "stageId" in really:
            after |= {"orderInCards": 1 + max(each["orderInCards"] for each in self.deals.values()),
                      "orderInCardsLastUpdated": stamp(self.clock())}  # fmt: skip
        self.keep(after)
        self.note(who, row["id"], call, *really)
        return after

    def update_deal(self, caller: Caller) -> Response:
        """Change a deal in dialect A or B; `updatedDate` moves even when no value does (section 2.4)."""
        argument("workspaceId")
        row = self.known(argument("id"))
        key, wanted = asked(str(self.switch["put_dialects"]), body_of_call())
        rules = self.rules()
        changes: Row = {name: rules.value(name, raw) for name, raw in wanted.items()}
        if failure := self.soft_failure():
            return failure
        if "customFields" in changes and self.switch["custom_fields_write"] == "merge":
            changes["customFields"] = merged(row["customFields"], changes["customFields"])
        silent = key == "oportunity" and not wanted
        row = self.change(row, changes, caller.who, "PUT /api/opportunity", quiet=silent)
        return answer(envelope({"id": row["id"], key: self.shown(row)}, "Opportunity successfully updated."))

    def create_deal(self, caller: Caller) -> Response:
        """Make a deal; customFields and, by default, stageId are not taken (section 2.5)."""
        body = body_of_call()
        required(body, "workspaceId", "name", "description", "amount")
        agree(body["workspaceId"])
        self.filled(body)
        rules = self.rules()
        taken: Row = {name: rules.text(name, body[name]) for name in ("name", "description")}
        if self.switch["normalise"]:
            taken["name"] = tidy(taken["name"])
        taken["amount"] = rules.value("amount", body["amount"])
        optional = {"assignedComercialId": "assignedAgentId", "contactId": "contactId"}
        if self.switch["create_takes_stage"]:
            optional |= {"stageId": "stageId", "expirationDate": "expirationDate"}
        taken |= {name: rules.value(name, body[sent]) for sent, name in optional.items() if body.get(sent) is not None}
        if failure := self.soft_failure():
            return failure
        if self.switch["create_zeroes_amount"]:
            taken["amount"] = 0
        number = len(self.deals) + 1
        row = fresh(account.native("d", number), account.code(number), self.clock(), caller.user, WORKSPACE,
                    orderInCards=number, **taken)  # fmt: skip
        self.keep(row)
        self.note(caller.who, row["id"], "POST /api/opportunity", *taken)
        return answer(envelope({"id": row["id"], "opportunity": self.shown(row)}, "Opportunity successfully created."))

    def filled(self, body: Row) -> None:
        """Refuse an empty name or description on create (400)."""
        # assumption: "" counts as missing (section 2.5: unknown whether accepted); a description of one space does not.
        if self.switch["blank_text"] == "accept":
            return
        strict = self.switch["blank_text"] == "refuse_blank"
        for name in ("name", "description"):
            text = str(body[name])
            if not (text.strip() if strict or name == "name" else text):
                raise invalid(f"The field {name} is required.")

    def delete_deal(self, caller: Caller, deal: str | None = None) -> Response:
        """Delete a deal softly, on either of the two likely paths (section 2.6)."""
        # assumption: path, answer and softness are inferred; the vendor's page was not obtainable.
        argument("workspaceId")
        row = self.known(deal or argument("id"))
        if failure := self.soft_failure():
            return failure
        self.keep(row | {"deletionDate": stamp(self.clock()), "userDeletion": caller.user})
        self.note(caller.who, row["id"], "DELETE /api/opportunity", "deletionDate")
        return answer(envelope(None, "Opportunity successfully deleted."))

    # The vendor's own pages

    def columns(self) -> list[tuple[str, str]]:
        """Return the phases, after a column of deals that have none if there are any."""
        with self.lock:
            bare = any(row["stageId"] is None for row in self.live())
        return [*([("", "No phase")] if bare else []), *STAGES.items()]

    def cards(self) -> list[Card]:
        """Return every deal that was not deleted, in the order of the board."""
        with self.lock:
            rows = sorted(self.live(), key=lambda row: (row["orderInCards"], row["creationDate"]))
            return [Card(row["id"], row["name"], row["stageId"] or "", self.details(row)) for row in rows]

    def details(self, row: Row) -> dict[str, str]:
        """Return what a card says below its title."""
        owner, contact = USERS.get(row["assignedAgentId"]), self.contacts.get(row["contactId"])
        return {
            "Code": row["opportCode"],
            "Amount": f"{row['amount']}",
            "Owner": f"{owner[0]} {owner[1]}" if owner else "",
            "Status": OUTCOMES.get(row["winLossStatus"], f"unknown:{row['winLossStatus']}"),
            "Final amount": f"{row['finalAmount']}" if row["winLossStatus"] else "",
            "Description": row["description"],
            "Expected close": (row["expirationDate"] or "")[:10],
            "Contact": f"{contact['name']} {contact['lastname']}".strip() if contact else "",
            "Segmentation": SEGMENTATIONS.get(row["segmentationId"], ""),
        } | {item["name"]: item["value"] for item in row["customFields"]}

    def edit(self, deal: str, changes: Mapping[str, object], who: str = "board") -> None:
        """
        Change a deal in the vendor's pages, won and lost and deletion included (section 7).

        Setting only `stageId` is a drag. Setting `winLossStatus` also sets winLossDate and finalAmount, unless given.
        """
        with self.lock:
            row = self.deals[deal]
            lost = [name for name in changes if name not in PAGE_FIELDS]
            if row["deletionDate"] or lost or changes.get("stageId") not in (None, *STAGES):
                raise KeyError(", ".join(lost) or deal)
            quiet = set(changes) == {"stageId"} and bool(self.switch["quiet_drag"])
            self.change(row, self.completed(row, changes), who, "page", quiet=quiet)

    def completed(self, row: Row, changes: Mapping[str, object]) -> Row:
        """Return a person's changes as the vendor stores them, with what follows from them."""
        done: Row = dict(changes)
        if self.switch["normalise"] and "name" in done:
            done["name"] = tidy(done["name"])
        if done.get("expirationDate"):
            done["expirationDate"] = zoneless(done["expirationDate"])
        if done.get("winLossStatus", row["winLossStatus"]) != row["winLossStatus"]:
            # assumption: won and lost set both, reopening clears both (section 8 leaves it open).
            ended = done["winLossStatus"] != 0
            follows = {"winLossDate": stamp(self.clock()) if ended else None,
                       "finalAmount": done.get("amount", row["amount"]) if ended else 0}  # fmt: skip
            done = follows | done
        if done.get("deletionDate"):
            done["userDeletion"] = row["assignedAgentId"] or row["userCreation"]
        return done

    def move(self, deal: str, column: str) -> None:
        """Drag a card; no phase means won or lost, so only the phase and the place change (section 3.1)."""
        self.edit(deal, {"stageId": column or None})

    def throttled(self) -> Response:
        """Return 429 in the envelope; no header is documented (section 5)."""
        return refused(Refusal(429, "TOO_MANY_REQUESTS", "Too many requests."))

    def broken(self) -> Response:
        """Return 500 in the envelope."""
        return refused(Refusal(500, "INTERNAL_SERVER_ERROR", "An unexpected error occurred."))
