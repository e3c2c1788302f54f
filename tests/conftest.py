"""How long property tests look."""

from __future__ import annotations

from hypothesis import settings

# no deadline: a busy machine is no failure
settings.register_profile("bridge", deadline=None, database=None, max_examples=60)
settings.load_profile("bridge")
