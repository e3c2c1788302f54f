"""Who calls: the token of a request, for the admin API and for scrapers."""

from __future__ import annotations

from flask import Response, request

from bridge.desk import Desk
from bridge.desk.tokens import Known, who
from bridge.web.lockout import Lockout
from bridge.web.problems import problem


def admitted(desk: Desk, lockout: Lockout) -> Known | Response:
    """Return whose Bearer token came with the request, or what they hear who may not. Raises what the store raises."""
    if wait_s := lockout.wait_s(request.remote_addr):
        return problem(429, headers={"Retry-After": str(wait_s)})
    given = request.authorization
    if given is None or given.type != "bearer" or not given.token:
        return problem(401, headers={"WWW-Authenticate": "Bearer"})
    known = who(desk, given.token)
    if known is None:
        lockout.wrong(request.remote_addr)
        return problem(401, headers={"WWW-Authenticate": 'Bearer error="invalid_token"'})
    return known
