"""Key Vault: the data plane, with certificates, and the keys and secrets that belong to them.

Leaves out: merging, contacts, backups.

Assumes: the words of `BadParameter`; a vault that does not exist is 404 `VaultNotFound` (in reality its name does not
resolve).
"""
