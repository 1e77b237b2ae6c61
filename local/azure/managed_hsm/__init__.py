"""The Managed HSM data plane: its security domain."""
