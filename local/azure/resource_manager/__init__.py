"""Resource Manager: subscriptions, resource groups, permissions, Managed HSMs and user-assigned identities.

Leaves out: locks, diagnostic settings, role assignments as resources (the control API gives roles), keys of an HSM,
vaults, a next page of a list, and what differs between API versions: any is taken.

Assumes: times in `systemData` have microseconds; recordings show milliseconds.
"""
