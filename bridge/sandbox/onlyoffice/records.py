"""What an ONLYOFFICE portal stores, and the sample of it."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from decimal import Decimal

SELECT, HEADING = 2, 4  # field types of 4.3
OPEN, WON, LOST = 0, 1, 2  # stage types of 3.2
NO_SHARE, READ_WRITE, READ = 0, 1, 2  # share types of 5

FIELD_TYPES = ("TextField", "TextArea", "SelectBox", "CheckBox", "Heading", "Date")
BID_TYPES = ("FixedBid", "PerHour", "PerDay", "PerWeek", "PerMonth", "PerYear")
STAGE_TYPES = ("Open", "ClosedAndWon", "ClosedAndLost")
SHARE_TYPES = ("None", "ReadWrite", "Read")
INFO_TYPES = ("Phone", "Email", "Website", "Skype")
EMAIL_CATEGORIES = ("Home", "Work", "Other")
PHONE_CATEGORIES = ("Home", "Work", "Mobile", "Fax", "Direct", "Other")

LOST_USER = "4a515a15-d4d6-4b8e-828e-e0586f18f3a3"
BRIDGE = "c0a3f1de-5b27-4d8e-8a11-2f9d6e4b7c05"
HOA = "293bb997-28d8-4be0-8547-6eb50add1f3c"
MINH = "7d1a4c52-0b6e-4f0e-9a4b-3c8f5d2e6b71"


@dataclass(frozen=True)
class User:
    """A portal user. who: the ledger's name for calls under this account."""

    id: str
    first: str
    last: str
    who: str
    job: str | None = None
    portal_admin: bool = False
    crm_admin: bool = False

    @property
    def login(self) -> str:
        """Return the user name, which is the part of the e-mail before the sign."""
        return self.first.lower()

    @property
    def email(self) -> str:
        """Return the e-mail, which is also the login."""
        return f"{self.login}@example.com"

    @property
    def display(self) -> str:
        """Return the name that answers show."""
        return f"{self.first} {self.last}".strip()


@dataclass(frozen=True)
class Stage:
    """A deal milestone (4.1)."""

    id: int
    title: str
    probability: int
    type: int
    color: str


@dataclass(frozen=True)
class Currency:
    """A currency of the portal (4.2)."""

    code: str
    title: str
    symbol: str
    culture: str
    basic: bool = False


@dataclass(frozen=True)
class Field:
    """A custom field definition of opportunities (4.3)."""

    id: int
    label: str
    type: int
    position: int
    mask: str = ""


@dataclass(frozen=True)
class Info:
    """An e-mail, phone or other way to reach a contact (5)."""

    id: int
    type: int
    category: int
    data: str
    primary: bool = True


@dataclass(frozen=True)
class Contact:
    """A person or a company (5). share: one of SHARE_TYPES; managers see it whatever it says."""

    id: int
    first: str = ""
    last: str = ""
    company_name: str = ""
    company: int = 0
    job: str = ""
    about: str = ""
    share: int = READ_WRITE
    managers: tuple[str, ...] = ()
    infos: tuple[Info, ...] = ()
    create_by: str = HOA
    created: datetime = datetime(2026, 1, 5, 2, 0, tzinfo=UTC)

    @property
    def is_company(self) -> bool:
        """Tell a company from a person."""
        return bool(self.company_name)

    @property
    def display(self) -> str:
        """Return the name that answers show."""
        return self.company_name or f"{self.first} {self.last}".strip()


@dataclass(frozen=True)
class Deal:
    """An opportunity as the tables hold it; description None only in the answer to its own POST (3.3)."""

    id: int
    title: str
    responsible: str
    stage: int
    currency: str
    description: str | None = ""
    bid_type: int = 0
    bid_value: Decimal = Decimal(0)
    per_period: int = 0
    probability: int = 0
    contact: int = 0
    actual: datetime | None = None
    expected: datetime | None = None
    members: tuple[int, ...] = ()
    access: tuple[str, ...] = ()
    custom: dict[int, str] = field(default_factory=dict)
    create_by: str = HOA
    created: datetime = datetime(2026, 1, 5, 2, 14, 5, tzinfo=UTC)


# The vendor's input names beside ours: what the ledger lists and what a person's edit may name.
COLUMNS = {
    "title": "title",
    "description": "description",
    "responsibleid": "responsible",
    "stageid": "stage",
    "bidCurrencyAbbr": "currency",
    "bidType": "bid_type",
    "bidValue": "bid_value",
    "perPeriodValue": "per_period",
    "successProbability": "probability",
    "contactid": "contact",
    "actualCloseDate": "actual",
    "expectedCloseDate": "expected",
    "members": "members",
    "accessList": "access",
}


def differences(old: Deal, new: Deal) -> tuple[str, ...]:
    """Return the vendor's names of what differs, custom fields as customField_<id>."""
    names = [name for name, ours in COLUMNS.items() if getattr(old, ours) != getattr(new, ours)]
    if bool(old.access) != bool(new.access):
        names.append("isPrivate")
    keys = sorted(old.custom.keys() | new.custom.keys())
    return (*names, *(f"customField_{key}" for key in keys if old.custom.get(key, "") != new.custom.get(key, "")))


# 4.1: the stages that a new portal is seeded with
STAGES = (
    Stage(1, "Initial contact", 1, OPEN, "#e795c1"),
    Stage(2, "Application of initial fit criteria", 2, OPEN, "#df7895"),
    Stage(3, "Suspect", 3, OPEN, "#f48454"),
    Stage(4, "Need assessment", 20, OPEN, "#b58fd6"),
    Stage(5, "Qualified prospect", 50, OPEN, "#d28cc8"),
    Stage(6, "Proposal", 75, OPEN, "#ffb45e"),
    Stage(7, "Negotiations", 90, OPEN, "#ffd267"),
    Stage(8, "Closure/Transaction", 100, WON, "#6bbd72"),
    Stage(9, "Unsuccessfully closed", 0, LOST, "#f2a9be"),
)

# assumption: 4.2 names 22 of about 75 seeded codes; the others are unknown here
CURRENCIES = (
    Currency("AUD", "Australian Dollar", "$", "AU"),
    Currency("BRL", "Brazilian Real", "R$", "BR"),
    Currency("CAD", "Canadian Dollar", "$", "CA"),
    Currency("CHF", "Swiss Franc", "Fr", "CH", basic=True),
    Currency("CNY", "Chinese Yuan", "¥", "CN"),
    Currency("EUR", "Euro", "€", "EU", basic=True),
    Currency("GBP", "Pound Sterling", "£", "GB", basic=True),
    Currency("HKD", "Hong Kong Dollar", "$", "HK"),
    Currency("IDR", "Indonesian Rupiah", "Rp", "ID"),
    Currency("INR", "Indian Rupee", "₹", "IN"),
    Currency("JPY", "Japanese Yen", "¥", "JP", basic=True),
    Currency("KRW", "South Korean Won", "₩", "KR"),
    Currency("MXN", "Mexican Peso", "$", "MX"),
    Currency("MYR", "Malaysian Ringgit", "RM", "MY"),
    Currency("NZD", "New Zealand Dollar", "$", "NZ"),
    Currency("PHP", "Philippine Peso", "₱", "PH"),
    Currency("PLN", "Polish Zloty", "zł", "PL"),
    Currency("RUB", "Russian Ruble", "₽", "RU", basic=True),
    Currency("SGD", "Singapore Dollar", "$", "SG"),
    Currency("THB", "Thai Baht", "฿", "TH"),
    Currency("USD", "US Dollar", "$", "US", basic=True),
    Currency("VND", "Vietnamese Dong", "₫", "VN"),
)

USERS = (
    User(BRIDGE, "Bridge", "Service", "bridge"),
    User(HOA, "Hoa", "Tran", "person", "Manager", portal_admin=True, crm_admin=True),
    User(MINH, "Minh", "Le", "person"),
)

FIELDS = (
    Field(4, "Details", HEADING, 0),
    Field(5, "Source", SELECT, 1, '["Fair","Web","Ads","Referral"]'),
    Field(6, "Foreign id", 0, 2, '{"size":40}'),
)

CONTACTS = (
    Contact(101, company_name="Acme Hotels"),
    Contact(
        102,
        first="Lan",
        last="Pham",
        company=101,
        infos=(Info(1, 1, 1, "lan@acme.example"), Info(2, 0, 1, "+84901234567")),
    ),
    Contact(103, company_name="Blue Shop"),
    Contact(
        104,
        first="Binh",
        last="Vo",
        company=103,
        infos=(Info(3, 1, 1, "binh@blue.example"), Info(4, 0, 1, "+84907654321")),
    ),
)

_FIRST = Deal(
    17,
    "Lan Pham - Acme Hotels",
    HOA,
    stage=1,
    currency="USD",
    description="Forty rooms, two years",
    bid_value=Decimal(1500),
    probability=20,
    contact=102,
    expected=datetime(2026, 12, 31),  # noqa: DTZ001  a day; the portal gives it its zone
    members=(102,),
    custom={5: "Fair"},
)
DEALS = (
    _FIRST,
    replace(
        _FIRST,
        id=18,
        title="Binh Vo - Blue Shop",
        description="",
        responsible=MINH,
        stage=2,
        bid_value=Decimal(900),
        probability=2,
        contact=104,
        expected=datetime(2027, 2, 15),  # noqa: DTZ001  a day; the portal gives it its zone
        members=(104,),
        custom={5: "Web"},
    ),
    replace(
        _FIRST,
        id=19,
        title="Lan Pham - Acme Hotels, renewal",
        description="",
        stage=3,
        bid_value=Decimal(2400),
        probability=3,
        expected=None,
        members=(101, 102, 104),
        access=(HOA, MINH),
        custom={},
    ),
)
