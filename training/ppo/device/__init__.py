"""PPO whose every array stays on one torch device: see `sampler` and `trainee`."""
