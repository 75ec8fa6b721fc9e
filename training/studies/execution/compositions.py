"""Other markets, that warm starts are fitted to: how they differ from rmsc04 and rmsc03."""

STARTS: dict[str, dict[str, float]] = {
    "rmsc04": {
        "value_agents": 50,
        "momentum_agents": 24,
        "noise_agents": 2000,
        "volatility_per_root_ns": 1e-4,
        "observation_variance": 4000.0,
        "maker_wake_ns": 30e9,
    },
    "rmsc03": {
        "value_agents": 40,
        "momentum_agents": 60,
        "noise_agents": 2000,
        "volatility_per_root_ns": 4e-4,
        "lot_low": 40,
        "lot_high": 89,
        "maker_wake_ns": 20e9,
    },
}
"""Preset -> parameters of the market that a world of it begins with."""
FEWER_VALUE_AGENTS: dict[str, float] = {"value_agents": 70}
