"""Every vendor that the bridge speaks to: one line each."""

from __future__ import annotations

from collections.abc import Mapping

from bridge.connectors.base import Connector
from bridge.connectors.getfly import Getfly
from bridge.connectors.leadconnector import Leadconnector
from bridge.connectors.leadsquared import Leadsquared
from bridge.connectors.onlyoffice import Onlyoffice
from bridge.connectors.plazbot import Plazbot

VENDORS: Mapping[str, type[Connector]] = {
    c.vendor: c for c in (Getfly, Onlyoffice, Leadsquared, Plazbot, Leadconnector)
}
