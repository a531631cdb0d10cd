"""The tutorial, done as it says: `make test-tutorial`."""
