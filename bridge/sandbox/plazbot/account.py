"""Plazbot's sample account: workspace, phases, users, contacts and opportunities, and how its lists are shown."""

from __future__ import annotations

from collections.abc import Mapping

from bridge.sandbox.plazbot.records import Row, fresh, invalid, pairs, required, stamp, tidy, unprocessable

WORKSPACE = "wok_sandbox"
PASSWORD = "sandbox-secret"
DAY_S = 86_400


def native(kind: str, number: int) -> str:
    """Return an id of the account: kind "a" agent, "b" segmentation, "c" contact, "d" opportunity, "e" phase."""
    return f"{kind}0000000-0000-4000-8000-{number:012d}"


HOA, MINH = native("a", 1), native("a", 2)
LAN, BINH = native("c", 1), native("c", 2)
HOTELS, RETAIL = native("b", 1), native("b", 2)

STAGES: Mapping[str, str] = {
    native("e", number): name for number, name in enumerate(("New", "Qualified", "Proposal", "Won", "Lost"), start=1)
}
SEGMENTATIONS: Mapping[str, str] = {HOTELS: "Hotels", RETAIL: "Retail"}
USERS: Mapping[str, tuple[str, str, str]] = {
    HOA: ("Hoa", "Tran", "hoa@example.com"),
    MINH: ("Minh", "Le", "minh@example.com"),
}
PEOPLE: Mapping[str, tuple[str, str, str, str, str]] = {
    LAN: ("Lan", "Pham", "lan@acme.example", "84901234567", "Acme Hotels"),
    BINH: ("Binh", "Vo", "binh@blue.example", "84907654321", "Blue Shop"),
}
PLATFORMS = {1: "webchat", 2: "whatsapp", 3: "messenger", 4: "instagram", 5: "telegram", 6: "portal", 7: "code"}

# Section 2.1; deal 2 carries an activity as an object, the schema's strings notwithstanding.
CALL = {"id": "f0000000-0000-4000-8000-000000000001", "categoryType": "Calls", "content": "Asked for a quote",
        "date": "2026-10-01T09:00:00Z", "createdBy": MINH}  # fmt: skip
DEALS: tuple[Row, ...] = (
    {"name": "Lan Pham - Acme Hotels", "description": "Forty rooms, two years", "amount": 1500, "contactId": LAN,
     "stageId": native("e", 1), "assignedAgentId": HOA, "segmentationId": HOTELS,
     "expirationDate": "2026-12-31T00:00:00", "customFields": pairs({"Source": "Fair"})},
    {"name": "Binh Vo - Blue Shop", "description": "Till and stock", "amount": 900, "contactId": BINH,
     "stageId": native("e", 2), "assignedAgentId": MINH, "segmentationId": RETAIL,
     "expirationDate": "2027-02-15T00:00:00", "customFields": pairs({"Source": "Web"}), "activities": [CALL]},
    {"name": "Lan Pham - Acme Hotels, renewal", "description": "Third year", "amount": 2400, "contactId": LAN,
     "stageId": native("e", 3), "assignedAgentId": HOA, "segmentationId": HOTELS},
)  # fmt: skip


def deals(opened: float, filler: int) -> list[Row]:
    """Return the three deals and `filler` plain ones, created from `opened` (epoch seconds) on, a minute apart."""
    plain = [{"name": f"Filler {n}", "description": "Filler", "amount": 100, "stageId": native("e", 1)}
             for n in range(1, filler + 1)]  # fmt: skip
    return [
        fresh(native("d", number), code(number), opened + 60 * number, HOA, WORKSPACE, orderInCards=number, **values)
        for number, values in enumerate((*DEALS, *plain), start=1)
    ]


def code(number: int) -> str:
    """Return an opportunity's human code."""
    # assumption: only the reseller shows a format (section 2.1).
    return f"OPP-2026-{number:04d}"


def contacts(opened: float) -> list[Row]:
    """Return the two customers; Plazbot has no accounts, so the company is a custom field of the contact."""
    return [
        contact(
            number, opened + number, name=first, lastname=last, email=email, platformId=2,
            platformSenderPhone=phone, platformSenderEmail=email, stageId=native("e", 1), internalWhatsappNumber=phone,
            customFields=[{"code": "company", "value": company}],
        )
        for number, (first, last, email, phone, company) in enumerate(PEOPLE.values(), start=1)
    ]  # fmt: skip


def contact(number: int, at: float, **values: object) -> Row:
    """Return a contact with the fields of section 3.3."""
    row: Row = {
        "id": native("c", number), "creationDate": stamp(at), "assignedAgentId": None, "assignedAgentName": None,
        "segmentationId": None, "lastMessage": None, "lastMessageDate": None, "platformSenderId": None,
        "platformSenderName": None, "platformSenderPhone": None, "platformSenderEmail": None, "isRead": True,
        "isBotEnabled": False, "isManuallyAdded": True, "avatarColor": "#4b7bec", "orderInCards": number,
        "orderInCardsLastUpdated": stamp(at + 1), "tags": [], "customFields": [], "files": [], "isSolved": False,
        "workspaceId": WORKSPACE, "name": "", "lastname": "", "email": "", "platformId": 1, "stageId": None,
        "internalWhatsappNumber": None, "blocked": False,
    }  # fmt: skip
    return row | values


def new_contact(body: Mapping[str, object], number: int, at: float, normalise: bool) -> Row:
    """Return the contact that a create call asks for, or refuse it (section 3.3)."""
    # assumption: a name is required; the page marks only the channel's own field.
    required(body, "workspaceId", "name", "platformId")
    platform = body["platformId"]
    if isinstance(platform, bool) or not isinstance(platform, int) or platform not in PLATFORMS:
        raise unprocessable("The field platformId must be a known platform.")
    required(body, "internalWhatsappNumber" if platform == 2 else "email")
    given = {name: body.get(name) for name in ("name", "lastname", "email", "internalWhatsappNumber", "stageId")}
    for name, value in given.items():
        if value is not None and not isinstance(value, str):
            raise unprocessable(f"The field {name} must be a string.")
    if given["stageId"] is not None and given["stageId"] not in STAGES:
        raise unprocessable("The field stageId is not a phase of this workspace.")
    texts = {name: str(value) for name, value in given.items() if value is not None}
    if normalise:
        texts |= {name: tidy(texts[name]) for name in ("name", "lastname") if name in texts}
        if "internalWhatsappNumber" in texts:
            texts["internalWhatsappNumber"] = digits(texts["internalWhatsappNumber"])
    # assumption: the number given is the contact's own, found again by searchByCellphone.
    phone = texts.get("internalWhatsappNumber")
    return contact(number, at, platformId=platform, platformSenderPhone=phone and digits(phone),
                   platformSenderEmail=texts.get("email"), **texts)  # fmt: skip


def digits(phone: str) -> str:
    """Return a phone as Plazbot keeps it: digits only, with the country code."""
    return "".join(sign for sign in phone if sign in "0123456789")


def cellphone(text: str) -> str:
    """Return a search's phone, or refuse one with other signs than digits (section 3.3)."""
    if not text or digits(text) != text:
        raise invalid("The parameter cellphone must hold digits only, with the country code.")
    return text


def user(user_id: str) -> Row:
    """Return a user as sections 1.1 and 3.2 show one."""
    first, last, email = USERS[user_id]
    return {"id": user_id, "name": first, "lastName": last, "email": email, "avatar": None, "role": "Comercial",
            "creationDate": "2025-04-08T03:52:53.377Z", "company": "plazbot"}  # fmt: skip


def workspace() -> Row:
    """Return the workspace with its phases and segmentations (section 3.1)."""
    states = [
        {"id": stage, "color": "#ffffff", "name": name, "stateCode": name.lower(),
         "creationDate": "2019-08-24T14:15:22Z", "isDefault": place == 0}
        for place, (stage, name) in enumerate(STAGES.items())
    ]  # fmt: skip
    projects = [{"id": key, "color": "#ffffff", "name": name} for key, name in SEGMENTATIONS.items()]
    return {"id": WORKSPACE, "userId": HOA, "name": "Main", "urlAvatar": "", "status": 0, "deletionDate": None,
            "lastOpenView": "", "masterOfStates": states, "masterOfProjects": projects}  # fmt: skip


def reseller_workspace() -> Row:
    """Return the workspace in the other shape, that of the reseller's page (section 3.1)."""
    phases = [{"id": stage, "name": name, "order": place} for place, (stage, name) in enumerate(STAGES.items(), 1)]
    return {"id": WORKSPACE, "name": "Main", "phases": phases, "tags": [],
            "segmentations": [{"id": key, "name": name} for key, name in SEGMENTATIONS.items()],
            "settings": {"defaultStageId": next(iter(STAGES))}}  # fmt: skip
