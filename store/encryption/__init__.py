"""Encryption: a key a person, and personal fields of payloads encrypted with it; destroying a key is crypto-shredding.

Begin with `payload_encryption`; erasing a person is in `acci.store.maintenance`.
"""
