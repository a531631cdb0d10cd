"""Domains that tests work with, each a package as a user would write it: orders, a bank, a ledger, people, permits."""
