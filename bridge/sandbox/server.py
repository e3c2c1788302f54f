"""The sandbox: the simulated CRMs, each under its own path, with the boards page and the control API around them."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterable, Mapping
from types import TracebackType

from werkzeug.middleware.dispatcher import DispatcherMiddleware

from bridge.sandbox.base import Clock, Simulator
from bridge.sandbox.control import build
from bridge.sandbox.courier import Courier
from bridge.sandbox.faults import Dice, Faults, Faulty
from bridge.sandbox.getfly import GetflySimulator
from bridge.sandbox.leadconnector import LeadconnectorSimulator
from bridge.sandbox.leadsquared import LeadsquaredSimulator
from bridge.sandbox.listener import Listener
from bridge.sandbox.onlyoffice import OnlyofficeSimulator
from bridge.sandbox.plazbot import PlazbotSimulator

SIMULATORS: Mapping[str, type[Simulator]] = {
    "getfly": GetflySimulator,
    "onlyoffice": OnlyofficeSimulator,
    "leadsquared": LeadsquaredSimulator,
    "plazbot": PlazbotSimulator,
    "leadconnector": LeadconnectorSimulator,
}


class Sandbox:
    """
    Simulated CRM accounts, with people, faults and webhooks, as one WSGI app (`app`) that can also serve itself.

    switches: values other than the default, by vendor and name. targets: where each vendor's webhooks go, by vendor.
    only: the vendors to simulate; all when None. Use it as a context manager to start it on a free port and stop it.
    """

    def __init__(
        self,
        faults: Faults | None = None,
        *,
        clock: Clock = time.time,
        switches: Mapping[str, Mapping[str, bool | int | float | str]] | None = None,
        targets: Mapping[str, str | None] | None = None,
        only: Iterable[str] | None = None,
        kinds: Mapping[str, type[Simulator]] = SIMULATORS,
    ) -> None:
        switches = switches or {}
        wanted = list(kinds if only is None else only)
        if unknown := ({*wanted, *switches, *(targets or {})}) - kinds.keys():
            raise ValueError(f"no simulated CRM called {', '.join(sorted(unknown))}; there are {', '.join(kinds)}")
        self.dice = Dice(faults or Faults())
        self.simulators = {vendor: kinds[vendor](clock=clock, **switches.get(vendor, {})) for vendor in wanted}
        self.doors = {vendor: Faulty(one.app, one, self.dice) for vendor, one in self.simulators.items()}
        self.courier = Courier(self.dice, {vendor: one.settle for vendor, one in self.simulators.items()})
        for vendor, simulator in self.simulators.items():
            simulator.send = self.courier.sender(vendor)
        self.courier.aim({vendor: url for vendor, url in (targets or {}).items() if vendor in self.simulators})
        self.closing = threading.Event()
        self.app = DispatcherMiddleware(build(self), {f"/{vendor}": door for vendor, door in self.doors.items()})
        self._listener: Listener | None = None
        self._thread: threading.Thread | None = None

    @property
    def url(self) -> str:
        """The address of the boards page, without a slash at its end; a vendor's API is at url + "/getfly" etc."""
        if self._listener is None:
            raise RuntimeError("the sandbox is not started")
        return f"http://{self._listener.host}:{self._listener.port}"

    def start(self, host: str = "127.0.0.1", port: int = 0) -> Sandbox:
        """Serve in threads and return at once. Port 0 takes a free one; see `url`."""
        self.closing.clear()
        self._listener = Listener(host, port, self.app)
        self._thread = threading.Thread(
            target=self._listener.serve_forever, kwargs={"poll_interval": 0.05}, name="sandbox", daemon=True
        )
        self._thread.start()
        self.courier.start()
        return self

    def stop(self) -> None:
        """Stop serving and hang up on every caller. Repeating is safe."""
        self.closing.set()
        if self._listener is None or self._thread is None:
            return
        self._listener.shutdown()
        self._thread.join()
        self._listener.hang_up()
        self._listener = self._thread = None
        self.courier.stop()

    def serve(self, host: str = "127.0.0.1", port: int = 8090) -> None:
        """Serve until interrupted."""
        self.start(host, port)
        try:
            self.closing.wait()
        except KeyboardInterrupt:
            pass
        finally:
            self.stop()

    def __enter__(self) -> Sandbox:
        return self.start()

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.stop()
