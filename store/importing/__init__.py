"""Importing: lines of a file become events, by a mapping, each checked against its event's class."""
