"""The security domain, version 2 of its format: what it is made of, what can be said of it, and how it is opened.

`EncData` holds the HSM's secrets as JWEs under keys derived from a master key; `SharedKeys` holds the master key's
Shamir shares, each a JWE to one wrapping certificate, found by its `x5t_256` (source: azure-cli,
command_modules/keyvault, security_domain/ and custom.py). The service reads `document` and `checks`, which need no
private key; `shares` and `opening` are the custodians'; `restoring` is of both.
"""
