"""Managed HSM: the data plane, with its security domain, local RBAC, settings, keys, and full backup and restore.

Leaves out: import, export, release, rotation and attestation of keys.

Assumes:
- An HSM that is unknown, deleted or still being provisioned answers 404; in reality its name does not resolve.
- All but the security domain is 403 `HsmNotActivated` before activation.
- During a full restore every other call than for its status is 409 `Conflict`.
- A wrong token is refused with the code `Unauthorized`; that the answer says why is the service's.
- The firewall refuses with the code `Forbidden`; the text is the service's.
"""
