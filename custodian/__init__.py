"""The key custodians' tool: makes wrapping keys, checks what is stored, opens shares, and writes the restore blob.

It imports of `domain` the security domain's format and the checks of shares, nothing else of the app; an Azure SDK only
where a key lies in a Key Vault.
"""
