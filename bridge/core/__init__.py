"""Values and decisions. No clock, network, disk, environment, logging or randomness."""
