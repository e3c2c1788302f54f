from pathlib import Path
from typing import ClassVar

import pytest

from bridge.connectors.base import Option, Traits
from bridge.core.errors import Misconfigured
from bridge.core.rules import Habits
from bridge.settings import Settings, load


class Acme:
    secrets: ClassVar = {"api_key": "Settings, API", "hook_secret": "one of your own"}
    optional_secrets = frozenset({"hook_secret"})
    options = (
        Option("place", "id of the place", required=True),
        Option("rows", "rows a page", "int", 100),
        Option("notify", "send e-mail", "bool", False),
        Option("boards", "codes of boards", "list", []),
    )
    traits = Traits(lag_s=30.0, answer="stored")
    rate = (80, 10.0)
    hosts = (".acme.com",)


class Bare:
    """A vendor that is always self-hosted and has nothing of its own."""

    secrets: ClassVar[dict[str, str]] = {}
    optional_secrets = frozenset[str]()
    options = ()
    traits = Traits()
    rate = (2, 1.0)
    hosts = ()


VENDORS = {"acme": Acme, "bare": Bare}
ENV = {"KEY": "k-123", "HOOK": "h-456", "PATH_PART": "A" * 22, "EMPTY": " ", "LINES": "a\nb"}
GOOD = {"vendor": '"acme"', "base_url": '"https://api.acme.com"', "api_key": '"env:KEY"', "place": '"p1"'}


def a_load(tmp_path: Path, text: str, env: dict[str, str] | None = None) -> Settings:
    path = tmp_path / "bridge.toml"
    path.write_text(text, "utf-8")
    return load(path, ENV if env is None else env, VENDORS)


def lines(tmp_path: Path, text: str, env: dict[str, str] | None = None) -> list[str]:
    with pytest.raises(Misconfigured) as caught:
        a_load(tmp_path, text, env)
    return caught.value.detail.replace(f"{tmp_path}/", "").splitlines()


def connection(name: str = "a", **changed: str | None) -> str:
    keys = {key: value for key, value in {**GOOD, **changed}.items() if value is not None}
    return f"[connections.{name}]\n" + "".join(f"{key} = {value}\n" for key, value in keys.items())


# What comes out


def test_the_least_that_one_writes(tmp_path: Path) -> None:
    settings = a_load(tmp_path, connection())
    assert (settings.database, settings.threads, settings.retention_days) == ("data/bridge.db", 8, 14)
    assert (settings.body_bytes_max, settings.public_url, settings.policies) == (1_000_000, "", {})
    made = settings.connections["a"]
    assert (made.name, made.vendor, made.base_url, made.order) == ("a", "acme", "https://api.acme.com", 0)
    assert (made.secrets, made.options, made.custom, made.path_secret) == (
        {"api_key": "k-123"},
        {"place": "p1"},
        {},
        "",
    )
    assert (made.zone, made.currency, made.allow_private) == ("UTC", "", False)
    assert (made.rate_calls, made.rate_per_s, made.concurrency) == (80, 10.0, 4)
    assert made.habits == Habits(30_000, 60_000, 25_000, 33_000, 900_000, "stored")


def test_everything_that_one_may_write(tmp_path: Path) -> None:
    text = """
[bridge]
database = "/srv/b.db"
public_url = "https://bridge.example.com/"
threads = 3
retention_days = 30
body_bytes_max = 2_000_000
[connections.b-1]
vendor = "bare"
base_url = "http://10.0.0.5:8080/crm/"
allow_private = true
[connections.a]
vendor = "acme"
base_url = "https://eu.acme.com"
api_key = "env:KEY"
hook_secret = "env:HOOK"
path_secret = "env:PATH_PART"
place = "p1"
rows = 5
notify = true
boards = ["x", "y"]
zone = "Asia/Ho_Chi_Minh"
currency = "VND"
rate_calls = 3
rate_per_s = 2
concurrency = 1
lag_s = 90
timeout_s = 12.5
react_s = 1
scan_s = 60
answer = "none"
[connections.a.custom]
budget = 17
tier = "tier_c"
[fields]
amount = "authority:b-1"
stage = "hold"
owner = "newest"
custom.budget = "off"
"custom.tier" = "hold"
"""
    settings = a_load(tmp_path, text)
    assert (settings.database, settings.public_url) == ("/srv/b.db", "https://bridge.example.com")
    assert (settings.threads, settings.retention_days, settings.body_bytes_max) == (3, 30, 2_000_000)
    assert [(c.name, c.order) for c in settings.connections.values()] == [("b-1", 0), ("a", 1)]
    assert settings.connections["b-1"].base_url == "http://10.0.0.5:8080/crm"
    made = settings.connections["a"]
    assert made.options == {"place": "p1", "rows": 5, "notify": True, "boards": ["x", "y"]}
    assert (made.zone, made.currency, made.custom) == ("Asia/Ho_Chi_Minh", "VND", {"budget": "17", "tier": "tier_c"})
    assert (made.rate_calls, made.rate_per_s, made.concurrency) == (3, 2.0, 1)
    assert made.habits == Habits(90_000, 180_000, 12_500, 1_000, 60_000, "none")
    assert settings.policies == {
        "amount": "source:b-1", "stage": "hold", "owner": "newest", "custom.budget": "off", "custom.tier": "hold",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("keys", "suspect_ms"), [({}, 60_000), ({"lag_s": "0"}, 0), ({"suspect_s": "7"}, 7_000), ({"suspect_s": "0"}, 0)]
)
def test_how_long_a_value_is_suspect_follows_from_the_lag_unless_given(
    tmp_path: Path, keys: dict[str, str], suspect_ms: int
) -> None:
    assert a_load(tmp_path, connection(**keys)).connections["a"].habits.suspect == suspect_ms


def test_the_environment_moves_the_database(tmp_path: Path) -> None:
    settings = a_load(tmp_path, connection(), {**ENV, "BRIDGE_DATABASE": "/data/x.db"})
    assert settings.database == "/data/x.db"


@pytest.mark.parametrize("scheme", ["postgres", "postgresql"])
def test_the_database_that_a_host_provides_is_used(tmp_path: Path, scheme: str) -> None:
    url = f"{scheme}://u:p@db.example.com/x"
    assert a_load(tmp_path, connection(), {**ENV, "DATABASE_URL": url}).database == url
    by_hand = {**ENV, "DATABASE_URL": url, "BRIDGE_DATABASE": "/data/x.db"}
    assert a_load(tmp_path, connection(), by_hand).database == "/data/x.db"


def test_a_database_of_another_make_is_refused(tmp_path: Path) -> None:
    assert lines(tmp_path, connection(), {**ENV, "DATABASE_URL": "mysql://u:p@db/x"}) == [
        "bridge.toml: DATABASE_URL: is not the address of a PostgreSQL database. set it to "
        "postgresql://<user>:<password>@<host>/<database>, or set BRIDGE_DATABASE to a file"
    ]


def test_the_environment_allows_private_hosts(tmp_path: Path) -> None:
    settings = a_load(tmp_path, connection(base_url='"http://localhost:1"'), {**ENV, "ALLOW_PRIVATE_HOSTS": "1"})
    assert settings.connections["a"].allow_private


def test_a_file_from_a_windows_editor_is_read(tmp_path: Path) -> None:
    (tmp_path / "w.toml").write_bytes(b"\xef\xbb\xbf" + connection().replace("\n", "\r\n").encode())
    assert load(tmp_path / "w.toml", ENV, VENDORS).connections.keys() == {"a"}


def test_secrets_are_known_for_redaction_and_shown_nowhere(tmp_path: Path) -> None:
    text = connection(hook_secret='"env:HOOK"', path_secret='"env:PATH_PART"')
    settings = a_load(tmp_path, text, {**ENV, "DATABASE_URL": "postgres://u:p%40ss@db/x"})
    secrets = {"k-123", "h-456", "A" * 22, "postgres://u:p%40ss@db/x", "p%40ss", "p@ss"}
    assert settings.secret_values() == secrets
    assert not [secret for secret in secrets if secret in repr(settings)]
    by_hand = {**ENV, "DATABASE_URL": "postgres://u:one-pw@db/x", "BRIDGE_DATABASE": "postgres://u:two-pw@[bad/x"}
    assert {"one-pw", "two-pw"} <= a_load(tmp_path, connection(), by_hand).secret_values()
    in_query = {**ENV, "DATABASE_URL": "postgres://db/x?user=u&password=p%40ss&sslmode=require"}
    assert {"p%40ss", "p@ss"} <= a_load(tmp_path, connection(), in_query).secret_values()


# Mistakes

COMMON = [
    ("threads = 0", "bridge.threads: must be at least 1. write how many links to work on at a time, from 1 to 64"),
    (
        'threads = "8"',
        "bridge.threads: must be a whole number. write how many links to work on at a time, from 1 to 64",
    ),
    (
        "threads = true",
        "bridge.threads: must be a whole number. write how many links to work on at a time, from 1 to 64",
    ),
    ('database = ""', 'bridge.database: is empty. write a path, such as "data/bridge.db"'),
    (
        'database = "postgres://u:p@db/x"',
        "bridge.database: is the address of a server. set it as DATABASE_URL in the environment, because its password "
        "belongs into no file",
    ),
    ("retention = 3", "bridge.retention: unknown key. did you mean retention_days?"),
    (
        "zzz = 3",
        "bridge.zzz: unknown key. known here: database, public_url, threads, retention_days, body_bytes_max",
    ),
    ('public_url = "x"', 'bridge.public_url: is not an address. write it as in "https://crm.example.com"'),
]


@pytest.mark.parametrize(("line", "said"), COMMON)
def test_mistakes_of_the_bridge(tmp_path: Path, line: str, said: str) -> None:
    assert lines(tmp_path, f"[bridge]\n{line}\n{connection()}") == [f"bridge.toml: {said}"]


OWN = "or allow_private = true for a server of your own network"
SET_KEY = 'set A_API_KEY and write api_key = "env:A_API_KEY"'
KEYS: list[tuple[dict[str, str | None], str]] = [
    ({"vendor": None}, "vendor: missing. write one of: acme, bare"),
    ({"vendor": '"acne"'}, "vendor: unknown vendor. did you mean acme?"),
    ({"vendor": "7"}, "vendor: unknown vendor. known here: acme, bare"),
    ({"base_url": None}, 'base_url: missing. write it as in base_url = "https://crm.acme.com"'),
    ({"base_url": '"api.acme.com"'}, 'base_url: is not an address. write it as in "https://crm.example.com"'),
    ({"base_url": '"https://a.acme.com:x"'}, 'base_url: is not an address. write it as in "https://crm.example.com"'),
    ({"base_url": '"https://a\\\\.acme.com"'}, 'base_url: is not an address. write it as in "https://crm.example.com"'),
    ({"base_url": '"http://api.acme.com"'}, f"base_url: does not begin with https://. write https, {OWN}"),
    (
        {"base_url": '"https://169.254.169.254"'},
        "base_url: 169.254.169.254 is a link-local or metadata address. "
        f"write the vendor's public host, {OWN}",
    ),
    (
        {"base_url": '"https://acme.com.evil.com"'},
        f"base_url: acme.com.evil.com is not the vendor's. write a host that ends with .acme.com, {OWN}",
    ),
    (
        {"base_url": '"https://u:p@api.acme.com"'},
        "base_url: holds a user name. write the host alone; secrets belong into environment variables",
    ),
    ({"base_url": '"https://a.acme.com?x=1"'}, "base_url: holds more than a host and a path. end it before the ? or #"),
    (
        {"api_key": None},
        'api_key: missing. write api_key = "env:A_API_KEY" and set that variable to: Settings, API',
    ),
    ({"api_key": '"s3cret"'}, f"api_key: must name an environment variable, not hold the secret. {SET_KEY}"),
    ({"api_key": '"$KEY"'}, f"api_key: must name an environment variable, not hold the secret. {SET_KEY}"),
    (
        {"api_key": "12345"},
        'api_key: must be text in quotes. write api_key = "env:A_API_KEY" and set that variable to: Settings, API',
    ),
    (
        {"api_key": '"env:NO"'},
        "api_key: the environment variable NO is not set. set it to: Settings, API",
    ),
    ({"api_key": '"env:EMPTY"'}, "api_key: the environment variable EMPTY is not set. set it to: Settings, API"),
    (
        {"api_key": '"env:LINES"'},
        "api_key: the environment variable LINES holds a line break or another control character. "
        "set it again, on one line",
    ),
    (
        {"hook_secret": '"env:NO"'},
        "hook_secret: the environment variable NO is not set. set it to: one of your own, or delete this line",
    ),
    (
        {"path_secret": '"env:KEY"'},
        "path_secret: the environment variable KEY has the wrong form. set it to: 22 or more of A-Z a-z 0-9 _ -",
    ),
    ({"zone": '"Asia/Kolkatta"'}, 'zone: no such zone. did you mean "Asia/Kolkata"?'),
    ({"zone": '"/etc/passwd"'}, 'zone: no such zone. write it as in "Asia/Kolkata"'),
    ({"currency": '"usd"'}, 'currency: has the wrong form. write three capital letters, such as "EUR"'),
    ({"rate_calls": "0"}, "rate_calls: must be at least 1. write how many calls may start in rate_per_s"),
    ({"rate_per_s": "0"}, "rate_per_s: must be more than 0. write in how many seconds rate_calls may start"),
    ({"rate_per_s": "nan"}, "rate_per_s: must be a finite number. write in how many seconds rate_calls may start"),
    (
        {"concurrency": "65"},
        "concurrency: must be at most 64. write how many calls may run at a time, from 1 to 64",
    ),
    ({"lag_s": '"1"'}, "lag_s: must be a number. write how many seconds old a read by id may be"),
    (
        {"answer": '"record"'},
        "answer: must be one of 'stored', 'unknown' or 'none'. write what the vendor's answer to a write shows",
    ),
    ({"allow_private": '"no"'}, "allow_private: must be true or false. "
     "write true for a server of your own network, else leave it out"),
    ({"place": None}, 'place: missing. write place = "...": id of the place'),
    ({"place": "7"}, 'place: must be text in quotes. write place = "...": id of the place'),
    ({"rows": '"9"'}, "rows: must be a whole number. write rows = 1: rows a page"),
    ({"rows": "true"}, "rows: must be a whole number. write rows = 1: rows a page"),
    ({"notify": "1"}, "notify: must be true or false. write notify = true: send e-mail"),
    ({"boards": '"x"'}, 'boards: must be a list. write boards = ["..."]: codes of boards'),
    ({"boards": '["x", 1]'}, 'boards.1: must be text in quotes. write boards = ["..."]: codes of boards'),
    ({"apikey": '"s3cret"'}, "apikey: unknown key. did you mean api_key?"),
    ({"custom": "1"}, 'custom: must be a table. write canonical = "vendor\'s field", such as budget = "budget_c"'),
    (
        {"custom": '{ Budget = "x" }'},
        'custom.Budget: has the wrong form. write canonical = "vendor\'s field", such as budget = "budget_c"',
    ),
    (
        {"custom": "{ budget = true }"},
        'custom.budget: must be text in quotes. write canonical = "vendor\'s field", such as budget = "budget_c"',
    ),
]  # fmt: skip


@pytest.mark.parametrize(("changed", "said"), KEYS)
def test_mistakes_of_a_connection(tmp_path: Path, changed: dict[str, str | None], said: str) -> None:
    assert lines(tmp_path, connection(**changed)) == [f"bridge.toml: connections.a.{said}"]


def test_a_private_host_may_be_anything(tmp_path: Path) -> None:
    for url in ("http://localhost:8080", "https://10.0.0.1", "https://crm.example.org"):
        a_load(tmp_path, connection(base_url=f'"{url}"', allow_private="true"))


RULES = [
    ('amuont = "hold"', "fields.amuont: unknown field. did you mean amount?"),
    ('custom.x = "hold"', "fields.custom.x: no connection has this custom field. "
     "add x to a table [connections.<name>.custom]"),
    ('amount = "latest"', 'fields.amount: is not a rule. write "newest", "authority:<connection>", "hold" or "off"'),
    ('amount = "source:a"', 'fields.amount: is not a rule. write "newest", "authority:<connection>", "hold" or "off"'),
    ("amount = 1", 'fields.amount: is not a rule. write "newest", "authority:<connection>", "hold" or "off"'),
    ("amount = []", 'fields.amount: is not a rule. write "newest", "authority:<connection>", "hold" or "off"'),
    ('amount = "authority:getfly2"', "fields.amount: there is no connection 'getfly2'. did you mean getfly?"),
    ('amount = "authority:"', "fields.amount: there is no connection ''. known here: getfly"),
]  # fmt: skip


@pytest.mark.parametrize(("line", "said"), RULES)
def test_mistakes_of_field_rules(tmp_path: Path, line: str, said: str) -> None:
    assert lines(tmp_path, f"{connection('getfly')}\n[fields]\n{line}\n") == [f"bridge.toml: {said}"]


WHOLE = [
    ("", "connections: there is none. write a table [connections.<name>] for each CRM"),
    ("connections = 3", "connections: there is none. write a table [connections.<name>] for each CRM"),
    (f"[conections]\n{connection()}", "conections: unknown table. did you mean connections?"),
    (f"bridge = 1\n{connection()}", "bridge: must be a table. write [bridge] and its keys below"),
    (f"fields = 1\n{connection()}", "fields: must be a table. write [fields] and its keys below"),
    (connection() + "[connections]\nb = 1", "connections.b: must be a table. write [connections.b] and its keys below"),
    (
        connection() + connection('"B 1"'),
        "connections.B 1: is not a name for a connection. "
        "write small letters, digits, - and _, beginning with a letter",
    ),
]


@pytest.mark.parametrize(("text", "said"), WHOLE)
def test_mistakes_of_the_whole(tmp_path: Path, text: str, said: str) -> None:
    assert lines(tmp_path, text) == [f"bridge.toml: {said}"]


def test_every_mistake_is_told_at_once(tmp_path: Path) -> None:
    text = (
        '[bridge]\nthreads = 0\n[fields]\nx = "hold"\n' + connection(api_key='"env:NO"', zone='"x"') + connection("b")
    )
    assert [line.split(": ")[1] for line in lines(tmp_path, text.replace('"p1"', "1"))] == [
        "bridge.threads", "connections.a.zone", "connections.a.api_key", "connections.a.place", "connections.b.place",
        "fields.x",
    ]  # fmt: skip


def test_no_mistake_ever_shows_a_value(tmp_path: Path) -> None:
    given = {"api_key": '"hunter2"', "hook_secret": "['hunter2']", "apikey": '"hunter2"', "path_secret": '"hunter2"'}
    with pytest.raises(Misconfigured) as caught:
        a_load(tmp_path, connection(**given))
    assert len(caught.value.detail.splitlines()) == 4
    assert "hunter2" not in str(caught.value)
    assert caught.value.__cause__ is None and caught.value.__context__ is None


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[bridge\n", "line 1: Expected ']' at the end of a table declaration"),
        ("[bridge]\nthreads = eight\n", "line 2: Invalid value"),
        ("[bridge]\n[bridge]\n", "line 2: Cannot declare ('bridge',) twice"),
        ('[bridge]\ndatabase = "', "end of document: Unterminated string"),
    ],
)
def test_a_file_that_is_not_toml_names_its_line(tmp_path: Path, text: str, said: str) -> None:
    cure = 'texts stand in "quotes", each key on a line of its own, each table once'
    assert lines(tmp_path, text) == [f"bridge.toml: {said}. {cure}"]


def test_a_missing_file_says_what_to_copy(tmp_path: Path) -> None:
    path = tmp_path / "bridge.toml"
    with pytest.raises(Misconfigured) as caught:
        load(path, ENV, VENDORS)
    cure = f"copy config/bridge.toml of the source tree to {path} and edit it; `bridge demo` works without one"
    assert caught.value.detail == f"{path}: there is no such file. {cure}"


def test_a_folder_and_foreign_bytes_are_refused(tmp_path: Path) -> None:
    with pytest.raises(Misconfigured, match="cannot be read"):
        load(tmp_path, ENV, VENDORS)
    (tmp_path / "x.toml").write_bytes(b"\xff\xfe")
    with pytest.raises(Misconfigured, match="is not UTF-8"):
        load(tmp_path / "x.toml", ENV, VENDORS)


def test_a_host_that_wipes_its_disk_is_refused_unless_told_otherwise(tmp_path: Path) -> None:
    said = (
        "bridge.toml: bridge.database: this host wipes its disk at least once a day (DYNO is set), and SQLite there "
        "loses the map of links with it. {}, or set ALLOW_EPHEMERAL=1: to try it out, or because the disk stays "
        "(Dokku with mounted storage)"
    )
    attach = "set DATABASE_URL; heroku addons:create heroku-postgresql:essential-0 makes a database and sets it"
    assert lines(tmp_path, connection(), {**ENV, "DYNO": "web.1"}) == [said.format(attach)]
    a_load(tmp_path, connection(), {**ENV, "DYNO": "web.1", "ALLOW_EPHEMERAL": "1"})
    with_server = {**ENV, "DYNO": "web.1", "DATABASE_URL": "postgres://db/x"}
    assert a_load(tmp_path, connection(), with_server).database == "postgres://db/x"
    own_file = {**with_server, "BRIDGE_DATABASE": "data/x.db"}
    assert lines(tmp_path, connection(), own_file) == [
        said.format("unset BRIDGE_DATABASE, so that DATABASE_URL is used")
    ]


@pytest.mark.parametrize(
    ("variable", "host"), [("RENDER", "Render"), ("RAILWAY_ENVIRONMENT_NAME", "Railway"), ("FLY_APP_NAME", "Fly")]
)
def test_a_host_that_keeps_only_mounted_disks_is_warned_of(tmp_path: Path, variable: str, host: str) -> None:
    def warned(database: str, **more: str) -> str:
        env = {**ENV, variable: "production", "BRIDGE_DATABASE": database, **more}
        return a_load(tmp_path, connection(), env).warning

    assert warned("/not-mounted/bridge.db") == (
        f"{host} wipes its disk at each deploy, and /not-mounted/bridge.db is on no mounted one: the map of links "
        "would go with it. Mount a disk that stays and set BRIDGE_DATABASE to a file there, or set DATABASE_URL"
    )
    assert not warned("/not-mounted/bridge.db", ALLOW_EPHEMERAL="1")
    assert not warned("postgres://db/x")
    assert not a_load(tmp_path, connection(), {**ENV, "BRIDGE_DATABASE": "/not-mounted/bridge.db"}).warning
    if Path("/dev").is_mount():
        assert not warned("/dev/bridge.db")


# Alerts

ALERT_ENV = {**ENV, "ALERT_URL": "https://hooks.example.com/T0/B0?x=1", "ALERT_TOKEN": "tok"}


def alerts(*keys: str) -> str:
    return connection() + "\n".join(["[alerts]", *keys]) + "\n"


def test_without_an_address_nobody_is_told(tmp_path: Path) -> None:
    assert a_load(tmp_path, connection()).alerts is None
    assert a_load(tmp_path, alerts("lag_s = [60]")).alerts is None


def test_alerts_have_safe_levels_and_their_address_is_a_secret(tmp_path: Path) -> None:
    settings = a_load(tmp_path, alerts('url = "env:ALERT_URL"', 'token = "env:ALERT_TOKEN"', "holds = [5]"), ALERT_ENV)
    made = settings.alerts
    assert made is not None and (made.url, made.token) == (ALERT_ENV["ALERT_URL"], "tok")
    assert made.levels == {
        "lag": [300, 1800, 14_400], "holds": [5], "dead": [1, 10, 100], "refused": [1], "breaker": [300]
    }  # fmt: skip
    assert {made.url, made.token} <= settings.secret_values() and "hooks.example" not in repr(settings)


@pytest.mark.parametrize(
    ("key", "url", "told"),
    [
        ('url = "https://hooks.example.com"', "", "alerts.url: must name an environment variable, not hold the secret"),
        ('url = "env:NONE"', "", "alerts.url: the environment variable NONE is not set"),
        ('url = "env:ALERT_URL"', "http://hooks.example.com", "alerts.url: the address does not begin with https://"),
        (
            'url = "env:ALERT_URL"',
            "https://10.0.0.7/x",
            "the address leads to a private or reserved address",
        ),
        ('url = "env:ALERT_URL"', "hooks.example.com", "alerts.url: is not an address"),
        ("lag_s = [300, 60]", "", "alerts.lag_s: does not rise"),
        ("holds = []", "", "alerts.holds: does not rise"),
        ("dead = 3", "", "alerts.dead: must be a list"),
        ("breaker = [3]", "", "alerts.breaker: unknown key. did you mean breaker_s?"),
    ],
)
def test_a_mistake_in_alerts_is_named(tmp_path: Path, key: str, url: str, told: str) -> None:
    [line] = lines(tmp_path, alerts(key), {**ENV, "ALERT_URL": url} if url else ENV)
    assert told in line


def test_alerts_may_go_into_the_own_network_when_that_is_said(tmp_path: Path) -> None:
    env = {**ENV, "ALERT_URL": "http://10.0.0.7/x"}
    made = a_load(tmp_path, alerts("allow_private = true", 'url = "env:ALERT_URL"'), env).alerts
    assert made is not None and made.allow_private
