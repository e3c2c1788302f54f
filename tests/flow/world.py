"""The migrated database by its former name: tests/sim/test_wire.py still asks for it here."""

from tests.sim.stepped import template

__all__ = ["template"]
