"""The wheel with each extra, each in an environment of its own: `make test-extras`."""
