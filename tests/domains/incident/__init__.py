"""A domain in two states of its code, `before` and `after` a fix, for an incident from its beginning to its end."""
