"""Blob storage: Azurite, behind a layer that does what Azurite does not."""
