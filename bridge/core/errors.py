"""The errors that tell a caller what to do next. Everything else that is raised is a defect of the bridge."""

from __future__ import annotations

from typing import Literal


class BridgeError(Exception):
    """
    reason: a short fixed label, fit for a metric. detail: what a person reads; never a secret or a field's value.
    answer: what the vendor said, for the one who mends it: "", or JSON with method, path, status and body; no secrets.
    """

    answer = ""

    def __init__(self, reason: str, detail: str = "") -> None:
        super().__init__(f"{reason}: {detail}" if detail else reason)
        self.reason = reason
        self.detail = detail


class Transient(BridgeError):
    """
    Try again, not before `after_s` seconds (None: the caller's own back-off).

    in_doubt: the vendor may have applied the call. whole: the limit is the connection's, so all its calls wait.
    """

    def __init__(
        self,
        reason: str,
        detail: str = "",
        *,
        after_s: float | None = None,
        in_doubt: bool = False,
        whole: bool = False,
    ) -> None:
        super().__init__(reason, detail)
        self.after_s = after_s
        self.in_doubt = in_doubt
        self.whole = whole


class Permanent(BridgeError):
    """This will never work as it is: dead-letter it."""


class Disconnected(BridgeError):
    """The credentials are refused: pause the connection and keep its deliveries waiting."""


class Forged(BridgeError):
    """The delivery is not from the vendor: answer as the vendor wants and store nothing."""


class Misconfigured(BridgeError):
    """
    Refuse to start. where: file and key. cure: what to write there instead.
    """

    def __init__(self, where: str, detail: str, cure: str = "") -> None:
        super().__init__("misconfigured", f"{where}: {detail}" + (f". {cure}" if cure else ""))
        self.where = where
        self.cure = cure


class Unsayable(Exception):
    """
    A canonical value that a connection has no native value for. The field is held until the cure is done.

    kind: of the hold; what is missing, or `value` when the connection cannot hold such a value.
    """

    def __init__(self, reason: str, cure: str, kind: Literal["choice", "meaning", "link", "value"] = "value") -> None:
        super().__init__(reason)
        self.reason = reason
        self.cure = cure
        self.kind = kind
