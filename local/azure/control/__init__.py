"""The control API: what only a test or a curious person may do to Azure."""
