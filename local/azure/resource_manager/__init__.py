"""Resource Manager: subscriptions, groups, roles, locks, Managed HSMs, networks, monitoring, identities, the graph.

Leaves out: role assignments as resources (the control API gives roles), keys of an HSM,
vaults, and what differs between API versions: any is taken.

Assumes: how long a page of a list is; a lock refuses before it is known whether there is anything to delete or to
change; times in `systemData` have microseconds, recordings show milliseconds.
"""
