import pytest

from bridge.core.address import belongs, inside


@pytest.mark.parametrize(
    "host",
    [
        "api.plazbot.com",
        "API.Plazbot.COM.",
        "8.8.8.8",
        "2606:4700:4700::1111",
        "my-portal.onlyoffice.com",
        "lan.example",
    ],
)
def test_hosts_of_the_public_internet(host: str) -> None:
    assert inside(host) == ""


@pytest.mark.parametrize(
    ("host", "why"),
    [
        ("127.0.0.1", "a loopback address"),
        ("::1", "a loopback address"),
        ("::ffff:127.0.0.1", "a loopback address"),
        ("64:ff9b::7f00:1", "a loopback address"),
        ("2002:7f00:1::", "a loopback address"),
        ("169.254.169.254", "a link-local or metadata address"),
        ("168.63.129.16", "a link-local or metadata address"),
        ("fe80::1%eth0", "a link-local or metadata address"),
        ("10.1.2.3", "a private or reserved address"),
        ("192.168.0.9", "a private or reserved address"),
        ("100.100.100.200", "a private or reserved address"),
        ("0.0.0.0", "a private or reserved address"),
        ("fd00:ec2::254", "a private or reserved address"),
        ("224.0.0.1", "a private or reserved address"),
        ("localhost", "a name of the local network"),
        ("localhost.", "a name of the local network"),
        ("crm.local", "a name of the local network"),
        ("metadata.google.internal", "a name of the local network"),
        ("onlyoffice", "a name without a dot, so of the local network"),
        ("127.1", "neither a plain address nor a name in ASCII"),
        ("2130706433", "neither a plain address nor a name in ASCII"),
        ("0x7f.0x1", "neither a plain address nor a name in ASCII"),
        ("１２７.0.0.1", "neither a plain address nor a name in ASCII"),
        ("evil.com%2f.acme.com", "neither a plain address nor a name in ASCII"),
        ("", "neither a plain address nor a name in ASCII"),
    ],
)
def test_hosts_that_may_be_inside(host: str, why: str) -> None:
    assert inside(host) == why


@pytest.mark.parametrize(
    ("host", "endings", "yes"),
    [
        ("api.acme.com", (".acme.com",), True),
        ("acme.com", (".acme.com",), True),
        ("API.ACME.COM.", ("acme.com",), True),
        ("evilacme.com", ("acme.com",), False),
        ("acme.com.evil.com", (".acme.com",), False),
        ("api.acme.eu", (".acme.com", ".acme.eu"), True),
    ],
)
def test_a_host_belongs_to_a_vendor_by_whole_labels(host: str, endings: tuple[str, ...], yes: bool) -> None:
    assert belongs(host, endings) is yes
