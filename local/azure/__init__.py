"""A local Azure: what a Managed HSM provisioner calls, on the real host names, over real TLS."""
