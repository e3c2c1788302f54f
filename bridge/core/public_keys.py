"""Whether a webhook carries a signature of a vendor's key, over its raw bytes. Only who verifies one loads this."""

from __future__ import annotations

import base64
from collections.abc import Iterable

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import load_pem_public_key

Key = Ed25519PublicKey | RSAPublicKey


def load_keys(pems: Iterable[str], *, rsa: bool) -> tuple[Key, ...]:
    """Return the Ed25519 keys among `pems`, with `rsa` the RSA keys too; raises ValueError for anything else."""
    keys = tuple(_load(pem) for pem in pems)
    return tuple(key for key in keys if rsa or isinstance(key, Ed25519PublicKey))


def _load(pem: str) -> Key:
    try:
        key = load_pem_public_key(pem.encode())
    except (UnsupportedAlgorithm, ValueError) as error:
        raise ValueError("not a public key in PEM") from error
    if not isinstance(key, Ed25519PublicKey | RSAPublicKey):
        raise ValueError("neither an Ed25519 nor an RSA key")
    return key


def signed(key: Key, given: str, body: bytes) -> bool:
    """Tell whether `given`, in base64, is the signature of `body` by `key`; RSA: PKCS 1.5 with SHA-256."""
    size = 64 if isinstance(key, Ed25519PublicKey) else key.key_size // 8
    signature = _strict(given)
    if signature is None or len(signature) != size:
        return False
    try:
        if isinstance(key, Ed25519PublicKey):
            key.verify(signature, body)
        else:
            key.verify(signature, body, PKCS1v15(), SHA256())
    except InvalidSignature:
        return False
    return True


def _strict(text: str) -> bytes | None:
    """Return what base64 text holds, or None when it is not the one right spelling of it."""
    try:
        raw = base64.b64decode(text, validate=True)
    except ValueError:
        return None
    return raw if base64.b64encode(raw).decode() == text else None
