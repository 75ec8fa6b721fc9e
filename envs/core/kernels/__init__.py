"""Which files compiled loops are made of, and where they are kept."""
