"""Managed HSM: the data plane, with its security domain, local RBAC, settings, keys, and full backup and restore.

Leaves out: import, export, release, rotation and attestation of keys.

Assumes:
- An HSM that is unknown, deleted or still being provisioned answers 404; in reality its name does not resolve.
- All but the security domain is 403 `HsmNotActivated` before activation.
- During a full restore every other call than for its status is 409 `Conflict`.
- A wrong token is refused with the code `Unauthorized`; that the answer says why is the service's.
- Who comes from a virtual network to a private endpoint that is not approved, or to a name without a record, meets a
  connection that breaks; in reality it is refused or times out, or the name does not resolve. All virtual networks
  reach each other, and what makes an HSM's public name an alias into the private link's zone is any connection.
- The firewall refuses with the code `Forbidden`; the text is the service's.
"""
