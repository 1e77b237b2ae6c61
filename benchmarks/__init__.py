"""Measurements: programs, never assertions in a test."""
