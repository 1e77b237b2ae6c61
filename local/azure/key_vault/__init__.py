"""The Key Vault data plane: certificates."""
