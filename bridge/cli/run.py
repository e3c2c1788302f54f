"""What keeps running: `bridge serve`, `work`, `sandbox` and `demo`."""

from __future__ import annotations

import ctypes
import logging
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import FrameType

import click

from bridge.assembly import Assembled
from bridge.cli.parts import assembled, with_tables
from bridge.core.errors import BridgeError, Disconnected, Misconfigured, Transient
from bridge.desk import connections
from bridge.log import configure_logging, log_event

# what a person needs to know of the simulated accounts
ACCOUNTS = (
    "getfly         {url}/getfly         API key sandbox-bridge-key",
    "onlyoffice     {url}/onlyoffice     token sandbox-bridge-key",
    "leadsquared    {url}/leadsquared    access key sandbox-bridge-key, secret key sandbox-secret",
    "plazbot        {url}/plazbot        API key sandbox-bridge-key, workspace wok_sandbox",
    "leadconnector  {url}/leadconnector  token sandbox-bridge-key, location 3jJ0coeqWCZMAosyGQ6K",
    "Their webhooks carry the secret sandbox-hook-secret; where they go is set there: Habits and faults, Webhooks.",
)

GUNICORN = Path("config/gunicorn.py")
STOP_S = 28.0
PR_SET_PDEATHSIG = 1  # linux/prctl.h


@click.command()
@click.pass_context
def work(context: click.Context) -> None:
    """Run the worker: it reads and writes the CRMs. SIGTERM ends it within 25 seconds, nothing half done."""
    bridge = with_tables(context)
    bridge.store.db.prove()
    configure_logging([*bridge.secret_values, *bridge.path_secrets.values()])
    worker = bridge.worker()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: worker.stop.set())
    if bridge.settings.warning:
        log_event("worker.warned", level=logging.WARNING, detail=bridge.settings.warning)
    _check_connections(bridge)
    log_event("worker.started", count=worker.threads)
    in_time = worker.run()
    log_event("worker.stopped", outcome="clean" if in_time else "late")
    logging.shutdown()
    os._exit(0 if in_time else 1)


def _check_connections(bridge: Assembled) -> None:
    """Try each connection once; what is wrong pauses that connection and leaves the others alone."""
    for name in bridge.connectors:
        error: BridgeError | None
        try:
            error = connections.test(bridge.desk, name).error
        except Transient as failed:  # the store's: its threads wait for it, each by itself
            error = failed
        if isinstance(error, Disconnected | Misconfigured):
            bridge.store.pause(name, str(error))
            log_event("connection.paused", connection=name, reason=error.reason, detail=error.detail)
        elif error is not None:
            log_event("connection.unchecked", connection=name, reason=error.reason)


@click.command()
@click.option("--port", envvar="PORT", default=8080, show_default=True, help="Where webhooks come in.")
@click.pass_context
def serve(context: click.Context, port: int) -> None:
    """Run everything on one machine: the web processes and the worker. If one of them ends, all end."""
    bridge = assembled(context)
    bridge.store.migrate()
    bridge.store.db.close()
    env = {**os.environ, "PORT": str(port), "BRIDGE_CONFIG": context.find_root().obj}
    web = [sys.executable, "-m", "gunicorn", "-c", str(GUNICORN), "bridge.web:create_app()"]
    if not GUNICORN.exists():
        raise Misconfigured(str(GUNICORN), "there is no such file here", "run `bridge serve` in the project's folder")
    work = [sys.executable, "-m", "bridge.cli", "work"]
    started = [subprocess.Popen(command, env=env, preexec_fn=_end_with_parent) for command in (web, work)]

    told: list[int] = []

    def stop(number: int, frame: FrameType | None) -> None:
        """Tell each process once: a second SIGTERM may hit one whose handler is gone already."""
        for process in started if not told else ():
            process.terminate()
        told.append(number)

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, stop)
    while all(process.poll() is None for process in started):
        time.sleep(0.2)
    stop(signal.SIGTERM, None)
    deadline = time.monotonic() + STOP_S
    for process in started:
        try:
            process.wait(max(0.1, deadline - time.monotonic()))
        except subprocess.TimeoutExpired:
            process.kill()
    sys.exit(max(abs(process.returncode or 0) for process in started))


def _end_with_parent() -> None:
    """Ask the kernel for a SIGTERM when `serve` is killed: else web keeps the port, and no new `serve` can start."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)


@click.command()
@click.option("--port", default=8090, show_default=True)
@click.option("--host", default="127.0.0.1", show_default=True)
@click.option(
    "--bridge", "bridge_url", default="http://127.0.0.1:8080", show_default=True, help="Who hears its webhooks."
)
@click.option("--unconnected", is_flag=True, help="As new accounts: no webhook is set up, docs/first-hour.md does it.")
@click.option("--rough", is_flag=True, help="With duplicates, reordering, delays, tidied values, timeouts and errors.")
@click.option("--seed", default=1, show_default=True, help="For the dice of --rough.")
def sandbox(port: int, host: str, bridge_url: str, unconnected: bool, rough: bool, seed: int) -> None:
    """Run the five simulated CRMs, with their boards at / and their APIs at /<vendor>."""
    from bridge.sandbox.faults import Faults  # here, so that the worker does not carry a web server
    from bridge.sandbox.server import Sandbox

    targets = {v: f"{bridge_url}/webhooks/{v}" for v in ("getfly", "leadsquared", "leadconnector")}
    switches: dict[str, dict[str, bool | int | float | str]] = {"plazbot": {"put_dialects": "both"}}
    if unconnected:
        targets = {}
        switches |= {"leadsquared": {"hooked": False}, "leadconnector": {"workflow": True}}
    if rough:
        for vendor in ("getfly", "onlyoffice", "leadsquared", "plazbot", "leadconnector"):
            switches.setdefault(vendor, {})["normalise"] = True
    simulated = Sandbox(Faults.rough(seed) if rough else None, switches=switches, targets=targets)
    click.echo(f"boards: http://{host}:{port}/")
    for line in ACCOUNTS if unconnected else ():
        click.echo(line.format(url=f"http://{host}:{port}"))
    simulated.serve(host, port)


@click.command()
@click.option("--stay", is_flag=True, help="Make one edit in GetFly, show it arrive, and stay up with the boards.")
@click.option("--rough", is_flag=True, help="With duplicates, reordering, delays, tidied values, timeouts and errors.")
@click.option("--seed", default=1, show_default=True, help="For the dice of --rough.")
def demo(stay: bool, rough: bool, seed: int) -> None:
    """Start the sandbox and the bridge, edit deals as people do, and show the five sides becoming level."""
    from bridge.demo import run

    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    sys.exit(run(stay=stay, rough=rough, seed=seed))
