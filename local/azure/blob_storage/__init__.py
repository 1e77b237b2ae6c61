"""Blob storage: Azurite, behind our TLS and our interference."""
