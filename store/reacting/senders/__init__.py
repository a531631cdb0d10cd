"""Senders: how a command, a message or a flow run leaves. Begin with `sender`; a module for each way."""
