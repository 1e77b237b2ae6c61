"""The events that tell a platform what becomes of its HSMs; `docs/events.md` describes them for who takes them.

Each is a CloudEvent 1.0. Its type has a version: members may be added within one, anything else makes a new one.
"""
