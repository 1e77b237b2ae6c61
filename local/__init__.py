"""Runs the app without Azure: never imported by it, never deployed."""
