"""Encryption: a key for each person, and personal fields of payloads encrypted with it.

Destroying a key is crypto-shredding; what else erasing a person takes is in `acci.store.maintenance`. A `KeyStore` is
made from the settings (`configured`) and handed in with a connection. Begin with `payload_encryption`.
"""
