"""Entra ID: discovery, published keys, client credentials, managed identity."""
