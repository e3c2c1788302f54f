"""Hosts that wipe their disk: a SQLite file there goes, and the map of links with it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

# variable that the host sets -> its name; what is mounted there stays, the rest goes at each deploy
MOUNTED_STAYS: Mapping[str, str] = {"RENDER": "Render", "RAILWAY_ENVIRONMENT_NAME": "Railway", "FLY_APP_NAME": "Fly"}


def refusal(env: Mapping[str, str]) -> tuple[str, str] | None:
    """Return why SQLite cannot be used here and the cure, or None. Only a dyno is certain to lose it."""
    if "DYNO" not in env or _allowed(env):
        return None
    what = "this host wipes its disk at least once a day (DYNO is set), and SQLite there loses the map of links with it"
    cure = "set DATABASE_URL; heroku addons:create heroku-postgresql:essential-0 makes a database and sets it"
    if env.get("DATABASE_URL"):
        cure = "unset BRIDGE_DATABASE, so that DATABASE_URL is used"
    kept = "or set ALLOW_EPHEMERAL=1: to try it out, or because the disk stays (Dokku with mounted storage)"
    return what, f"{cure}, {kept}"


def warning(database: str, env: Mapping[str, str]) -> str:
    """Return that the host may wipe this SQLite file, with the cure; "" when nothing says so. database: its path."""
    hosts = [host for variable, host in MOUNTED_STAYS.items() if variable in env]
    if not hosts or _allowed(env) or _mounted(Path(database)):
        return ""
    return (
        f"{hosts[0]} wipes its disk at each deploy, and {database} is on no mounted one: the map of links would go "
        "with it. Mount a disk that stays and set BRIDGE_DATABASE to a file there, or set DATABASE_URL"
    )


def _allowed(env: Mapping[str, str]) -> bool:
    return env.get("ALLOW_EPHEMERAL") == "1"


def _mounted(file: Path) -> bool:
    """Tell whether a folder above the file is a mount of its own, the root left aside."""
    return any(folder.is_mount() for folder in file.absolute().parents if folder != folder.parent)
