"""What LeadConnector signs: the published keys, and whether a webhook carries a signature of one of them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

from bridge.core.errors import Forged

if TYPE_CHECKING:
    from bridge.core.public_keys import Key

# The vendor's webhook guide, 2026-08: the same keys for every app; a rotation is announced by e-mail.
PUBLISHED = """-----BEGIN PUBLIC KEY-----
MCowBQYDK2VwAyEAi2HR1srL4o18O8BRa7gVJY7G7bupbN3H9AwJrHCDiOg=
-----END PUBLIC KEY-----
"""
PUBLISHED_RSA = """-----BEGIN PUBLIC KEY-----
MIICIjANBgkqhkiG9w0BAQEFAAOCAg8AMIICCgKCAgEAokvo/r9tVgcfZ5DysOSC
Frm602qYV0MaAiNnX9O8KxMbiyRKWeL9JpCpVpt4XHIcBOK4u3cLSqJGOLaPuXw6
dO0t6Q/ZVdAV5Phz+ZtzPL16iCGeK9po6D6JHBpbi989mmzMryUnQJezlYJ3DVfB
csedpinheNnyYeFXolrJvcsjDtfAeRx5ByHQmTnSdFUzuAnC9/GepgLT9SM4nCpv
uxmZMxrJt5Rw+VUaQ9B8JSvbMPpez4peKaJPZHBbU3OdeCVx5klVXXZQGNHOs8gF
3kvoV5rTnXV0IknLBXlcKKAQLZcY/Q9rG6Ifi9c+5vqlvHPCUJFT5XUGG5RKgOKU
J062fRtN+rLYZUV+BjafxQauvC8wSWeYja63VSUruvmNj8xkx2zE/Juc+yjLjTXp
IocmaiFeAO6fUtNjDeFVkhf5LNb59vECyrHD2SQIrhgXpO4Q3dVNA5rw576PwTzN
h/AMfHKIjE4xQA1SZuYJmNnmVZLIZBlQAF9Ntd03rfadZ+yDiOXCCs9FkHibELhC
HULgCsnuDJHcrGNd5/Ddm5hxGQ0ASitgHeMZ0kcIOwKDOzOU53lDza6/Y09T7sYJ
PQe7z0cvj7aE4B+Ax1ZoZGPzpJlZtGXCsu9aTEGEnKzmsFqwcSsnw3JB31IGKAyk
T1hhTiaCeIY/OwwwNUY2yvcCAwEAAQ==
-----END PUBLIC KEY-----
"""
NO_SIGNATURE = "N/A"  # the vendor writes it where it has not signed


def keys_of(pems: Iterable[str], *, rsa: bool) -> tuple[Key, ...]:
    """Return the keys of texts in PEM; raises ValueError. What it takes is 7 MB, and a worker verifies nothing."""
    from bridge.core.public_keys import load_keys

    return load_keys(pems, rsa=rsa)


def verify_signature(body: bytes, headers: Mapping[str, str], keys: Iterable[Key]) -> None:
    """
    Raise Forged unless `body`, the raw bytes, is signed with one of the keys.

    An Ed25519 signature that is there decides alone. The older RSA header counts only without it, and only when
    `keys` holds an RSA key.
    """
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

    from bridge.core.public_keys import signed

    for header, kind in (("x-ghl-signature", Ed25519PublicKey), ("x-wh-signature", RSAPublicKey)):
        mine = [key for key in keys if isinstance(key, kind)]
        given = headers.get(header, NO_SIGNATURE)
        if given == NO_SIGNATURE:
            continue
        if not any(signed(key, given, body) for key in mine):
            raise Forged("bad_signature", header)
        return
    raise Forged("unsigned", "neither a signature of the vendor nor the secret of a workflow")
