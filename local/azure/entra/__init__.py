"""Entra ID: sign-in of applications, managed identities and persons, published keys, and Graph: who somebody is.

Leaves out: passwords, consent, continuous access evaluation, assignment of persons to applications, and Graph's
permissions: any principal of the tenant reads all of it. At login.microsoftonline.com an endpoint that is not here
answers a plain 404.

Assumes: an API asks for the claim `idtyp`, which only applications' tokens have; a person's `sub` in an access token
depends on the API.
"""
