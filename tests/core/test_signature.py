"""Secrets and signatures: what counts as the same, and what as signed."""

from __future__ import annotations

import base64

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from bridge.core.public_keys import load_keys, signed
from bridge.core.signature import same_secret

PRIVATE = Ed25519PrivateKey.from_private_bytes(b"k" * 32)
PEM = PRIVATE.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()
BODY = b'{"id": "x"}'
GIVEN = base64.b64encode(PRIVATE.sign(BODY)).decode()


@pytest.mark.parametrize(
    ("given", "wanted", "same"),
    [
        ("s", "s", True),
        ("s", "t", False),
        ("", "", False),
        (None, "s", False),
        ("s", None, False),
        ("\ud800", "s", False),
        ("mật khẩu", "mật khẩu", True),
    ],
)
def test_an_empty_or_missing_secret_never_matches(given: str | None, wanted: str | None, same: bool) -> None:
    assert same_secret(given, wanted) is same


@pytest.mark.parametrize(
    ("given", "body", "fine"),
    [
        (GIVEN, BODY, True),
        (GIVEN, BODY + b" ", False),
        (GIVEN + "=", BODY, False),
        (" " + GIVEN, BODY, False),
        (GIVEN[:-4], BODY, False),
        ("", BODY, False),
        (base64.b64encode(bytes(64)).decode(), BODY, False),
    ],
)
def test_a_signature_is_of_the_raw_bytes_in_its_one_spelling(given: str, body: bytes, fine: bool) -> None:
    [key] = load_keys([PEM], rsa=False)
    assert signed(key, given, body) is fine


def test_what_is_no_key_is_named() -> None:
    with pytest.raises(ValueError, match="not a public key in PEM"):
        load_keys(["nonsense"], rsa=False)
