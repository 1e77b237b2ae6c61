"""The question to a workspace for what was done to an HSM, and not by this service."""

from typing import Final

# Columns that were never written are not there. Which request it was is told by its address: Microsoft documents that
# it is logged (Managed HSM logging, `requestUri`), but not what the operations are called. Whose it was is told by the
# claims alone, for everything else in a record can be written by whoever calls. A 401 is how an SDK begins.
_QUERY: Final = """\
AzureDiagnostics
| where Category == "AuditEvent" and _ResourceId =~ "{hsm}"
| extend Path = tolower(tostring(parse_url(tostring(column_ifexists("requestUri_s", ""))).Path))
| extend IsDomain = Path startswith "/securitydomain/" and Path !endswith "/pending"
| extend IsRole = Path contains "/roleassignments/" or Path contains "/roledefinitions/"
| where IsDomain or (IsRole and not(OperationName matches regex "(?i)(get|list|read)"))
| extend Claims = parse_json(tostring(column_ifexists("identity_s", ""))).claim
| extend Caller = coalesce(
    tostring(Claims.http_schemas_microsoft_com_identity.claims.objectidentifier),
    tostring(column_ifexists("identity_claim_http_schemas_microsoft_com_identity_claims_objectidentifier_g", "")))
| where Caller !~ "{own}" and toint(column_ifexists("httpStatusCode_d", 0)) != 401
"""


def find_unexplained(hsm_id: str, own_object_id: str) -> str:
    """Ask for downloads and uploads of the security domain and changes of local roles by anybody else."""
    return _QUERY.format(hsm=hsm_id, own=own_object_id)
