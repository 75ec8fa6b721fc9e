"""The soak test: runs that are disturbed at random, gone on with, and held to undisturbed ones."""
