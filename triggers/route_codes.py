"""With which error codes a call can be answered: the route's own, and those of what the gateway checks for it."""

from typing import Final

from domain.error_catalogue import status_of
from triggers.routes import Route

_EVERY_CALL: Final = ("invalid_header", "settings_invalid", "unexpected_failure")
_CALLER: Final = ("unauthenticated", "role_missing", "keys_unavailable")
_QUERY: Final = ("api_version_missing", "api_version_unsupported", "invalid_parameter")
_BODY: Final = (
    *("body_missing", "body_not_utf8", "body_not_json", "body_too_large", "content_type_unsupported"),
    "invalid_field",
)
_OPERATIONS: Final = ("claim_contested", "not_started", "engine_unavailable")
_REPEATS: Final = ("idempotency_key_reused", "request_in_progress")
_AZURE: Final = (
    *("azure_unavailable", "azure_unreachable", "azure_unreadable", "azure_throttled", "azure_forbidden"),
    *("azure_conflict", "azure_refused", "azure_not_found", "azure_sign_in_failed", "record_changed"),
)
_BY_PARAMETER: Final = {
    "name": ("hsm_name_invalid",),
    "id": ("operation_not_found",),
    "check": ("share_check_not_found",),
}

_WRAPPING: Final = (
    *("quorum_out_of_range", "wrapping_key_count", "wrapping_key_source", "certificate_id_invalid"),
    *("private_key_sent", "wrapping_key_unreadable", "wrapping_key_not_rsa", "wrapping_key_size"),
    *("wrapping_key_expired", "wrapping_key_not_yet_valid", "wrapping_key_duplicated", "wrapping_key_not_allowed"),
)
# What the policy can say of whatever is asked for: of a new HSM, of changes, of one that is taken over.
_POLICY: Final = (
    *("retention_out_of_range", "requested_by_missing", "requested_by_not_you"),
    *("team_missing", "team_not_yours", "environment_unknown", "subscription_not_allowed", "location_not_allowed"),
    *("sku_not_allowed", "name_not_allowed", "tag_required", "tag_not_allowed", "retention_too_short"),
    *("purge_protection_required", "network_must_deny", "network_too_open", "administrator_not_allowed"),
    "expiry_required",
    "identity_not_allowed",
    *("expiry_too_far", "expiry_in_past", "creation_stopped", "subscription_not_ours", "provider_not_registered"),
    *("location_unsupported", "resource_not_allowed", "local_role_not_allowed", "local_role_unknown"),
)
# What the policy can say of what an HSM is to have around it.
_HANDOVER: Final = (
    *("resource_not_allowed", "alert_without_workspace", "temporary_opening_not_allowed"),
    *("backup_place_not_allowed", "handover_alone"),
)
_BY_BODY: Final = {
    "domain.requests:HsmRequest": (*_WRAPPING, *_POLICY, *_HANDOVER),
    "domain.changes:HsmChange": (*_POLICY, "property_immutable"),
    "domain.adoption:AdoptionRequest": _POLICY,
    "domain.rewrapping:RewrapRequest": (
        *_WRAPPING,
        *("requested_by_missing", "requested_by_not_you", "environment_unknown", "subscription_not_allowed"),
    ),
    "domain.restores:RestoreRequest": (*_POLICY, *_HANDOVER),
}


def codes_of(route: Route) -> list[str]:
    """List the codes, each once, the route's own last."""
    codes = [*_EVERY_CALL]
    if route.roles:
        codes += [*_CALLER, *_QUERY, *_AZURE]
        codes += ["too_many_requests", "audit_unavailable"] if route.changes else []
    if route.changes and route.owned:
        codes += _OPERATIONS
    if route.body:
        codes += [*_BODY, *_BY_BODY.get(route.body, ())]
    if route.method == "POST":
        codes += _REPEATS
    for parameter in route.parameters:
        codes += _BY_PARAMETER.get(parameter, ())
    return list(dict.fromkeys([*codes, *route.codes]))


def codes_by_status(route: Route) -> dict[int, list[str]]:
    """Group them by the HTTP status of the answer."""
    groups: dict[int, list[str]] = {}
    for code in codes_of(route):
        groups.setdefault(status_of(code), []).append(code)
    return dict(sorted(groups.items()))
