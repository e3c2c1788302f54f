"""The opportunity bridge: one sales opportunity, level in several CRMs."""
