"""The webhooks of LeadConnector: which events a change raises, their flat body and their Ed25519 signature."""

from __future__ import annotations

import base64
import json
import uuid
from collections.abc import Collection
from datetime import UTC, datetime
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from bridge.sandbox.base import Hook

APP_ID = "6878cec452e7c8d29d4dd3d9"
HOOK_SECRET = "sandbox-hook-secret"
PRIVATE_KEY = Ed25519PrivateKey.from_private_bytes(b"leadconnector sandbox signs this")
PUBLIC_KEY = PRIVATE_KEY.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()

# The event that a change of one field raises besides OpportunityUpdate (document, 5.2).
EVENT_OF = {
    "pipelineStageId": "OpportunityStageUpdate",
    "status": "OpportunityStatusUpdate",
    "monetaryValue": "OpportunityMonetaryValueUpdate",
    "assignedTo": "OpportunityAssignedToUpdate",
}
CREATED = ("OpportunityCreate", "OpportunityUpdate")
DELETED = ("OpportunityDelete", "OpportunityUpdate")
LEFT_OUT_WHEN_UNSET = ("monetaryValue", "source")


def events(changed: Collection[str]) -> tuple[str, ...]:
    """Return the events of a change, OpportunityUpdate first (document, 5.2)."""
    return ("OpportunityUpdate", *(event for name, event in EVENT_OF.items() if name in changed))


def iso(at: float) -> str:
    """Return epoch seconds as the vendor writes times: ISO 8601, milliseconds, Z."""
    return datetime.fromtimestamp(at, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def signed_hook(event: str, record: dict[str, Any], at: float, serial: int, *, signed: bool, sparse: bool) -> Hook:
    """
    Return one Marketplace webhook (document, 5.2 and 5.4).

    serial: tells this message from all others, so that its webhookId is its own and the same on every retry.
    signed: False sends the literal signature `N/A`. sparse: leaves out all but the envelope and the id (7, #332).
    """
    body = {"type": event, "locationId": record["locationId"], "versionId": APP_ID, "appId": APP_ID, "id": record["id"]}
    if not sparse:
        body |= _payload(record)
    body |= {"timestamp": iso(at), "webhookId": str(uuid.uuid5(uuid.NAMESPACE_OID, f"leadconnector webhook {serial}"))}
    raw = _raw(body)
    signature = base64.b64encode(PRIVATE_KEY.sign(raw)).decode() if signed else "N/A"
    return Hook("POST", {}, {"Content-Type": "application/json", "X-GHL-Signature": signature}, raw)


def _payload(record: dict[str, Any]) -> dict[str, Any]:
    names = ("name", "assignedTo", "contactId", "monetaryValue", "pipelineId", "pipelineStageId", "source", "status")
    found = {name: record[name] for name in names}
    unset = [name for name in LEFT_OUT_WHEN_UNSET if found[name] is None]
    return {k: v for k, v in found.items() if k not in unset} | {"dateAdded": iso(record["createdAt"])}


def workflow_hook(record: dict[str, Any]) -> Hook:
    """Return the unsigned hook of a customer's own workflow (document, 5.7)."""
    raw = _raw({"type": "OpportunityUpdate", "locationId": record["locationId"], "id": record["id"]})
    return Hook("POST", {}, {"Content-Type": "application/json", "x-bridge-secret": HOOK_SECRET}, raw)


def _raw(body: dict[str, Any]) -> bytes:
    return json.dumps(body, ensure_ascii=False, separators=(",", ":")).encode()
