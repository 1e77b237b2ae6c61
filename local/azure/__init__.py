"""A local, faithful stand-in for the parts of Azure that provision a Managed HSM; README.md says which."""
