"""Auditing: what is stored, held against the events; what differs is named, kept as a finding, and derived anew."""
