"""The Key Vault data plane: certificates, and the keys and secrets that belong to them."""
