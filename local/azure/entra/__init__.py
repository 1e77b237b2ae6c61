"""Entra ID: sign-in of applications and managed identities, published keys, and Graph: who somebody is.

Leaves out: sign-in of persons (their tokens are minted by the control API), consent, continuous access evaluation, and
Graph's permissions: any principal of the tenant reads all of it. At login.microsoftonline.com an endpoint that is not
here answers a plain 404.
"""
