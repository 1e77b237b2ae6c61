"""Every error code: with which HTTP status the API answers, whether a retry helps, and what it means.

The catalogue is what portals build on: a code keeps its meaning. `docs/error-codes.md` is made of it.
"""

from typing import Final, NamedTuple


class ErrorKind(NamedTuple):
    """One code: `status` is None where only an operation ends with it.

    `retryable` says whether the same request may help later.
    """

    status: int | None
    retryable: bool
    meaning: str
    advice: str


_CORRECT: Final = "Correct the fields named in errors and send the request again."
_OPERATORS: Final = "Ask the platform's operators: the policy of the deployment decides this."
_AGAIN: Final = "Nothing is lost. Send the same request again."
_RESUME: Final = "What was done stays: the HSM may exist and be billed. Send the request again to go on."

_ANOTHER_BLOB: Final = "Store another restore blob in its place: it is still waited for."


def _field(meaning: str) -> ErrorKind:
    return ErrorKind(400, retryable=False, meaning=meaning, advice=_CORRECT)


def _policy(meaning: str) -> ErrorKind:
    return ErrorKind(403, retryable=False, meaning=meaning, advice=_OPERATORS)


def _conflict(meaning: str, advice: str, *, retryable: bool = False) -> ErrorKind:
    return ErrorKind(409, retryable=retryable, meaning=meaning, advice=advice)


def _unavailable(meaning: str, advice: str = _AGAIN) -> ErrorKind:
    return ErrorKind(503, retryable=True, meaning=meaning, advice=advice)


def _failure(meaning: str, advice: str = _RESUME) -> ErrorKind:
    return ErrorKind(None, retryable=False, meaning=meaning, advice=advice)


CATALOGUE: Final[dict[str, ErrorKind]] = {
    # The request itself.
    "api_version_missing": _field("The query has no api-version."),
    "api_version_unsupported": _field("This api-version is not served."),
    "invalid_parameter": _field("A parameter of the query is unknown or has a wrong value."),
    "invalid_header": _field("A header has a wrong value."),
    "body_missing": _field("The request has no body."),
    "body_not_utf8": _field("The body is not UTF-8."),
    "body_not_json": _field("The body is not JSON."),
    "body_too_large": ErrorKind(413, retryable=False, meaning="The body is larger than 256 KB.", advice=_CORRECT),
    "content_type_unsupported": ErrorKind(
        415,
        retryable=False,
        meaning="The body is not said to be of a media type that the call takes.",
        advice="Send Content-Type: application/json, or application/merge-patch+json with a PATCH.",
    ),
    "invalid_field": _field("A field is unknown, missing, or has a wrong value."),
    "alert_without_workspace": _field("There are to be alerts on an audit log that is sent to no workspace."),
    "hsm_name_invalid": _field("The name is not one that an HSM can have."),
    "quorum_out_of_range": _field("The quorum is not 2 to the number of wrapping keys."),
    "retention_out_of_range": _field("Deleted HSMs are kept 7 to 90 days."),
    "property_immutable": _field("Azure, or this service, never changes this of an HSM that is there."),
    "identity_not_found": _field("There is no such user-assigned identity."),
    "wrapping_key_count": _field("There are not 3 to 10 wrapping keys."),
    "wrapping_key_source": _field("A wrapping key has not exactly one of certificateId and pem."),
    "certificate_id_invalid": _field("A certificate id is not the URL of a Key Vault certificate of this cloud."),
    "private_key_sent": ErrorKind(
        400,
        retryable=False,
        meaning="A PEM holds a private key, which is exposed now.",
        advice="Make a new key pair, and send its certificate only.",
    ),
    "wrapping_key_unreadable": _field("A wrapping key is not one X.509 certificate."),
    "wrapping_key_not_rsa": _field("A wrapping key is not an RSA key that may encrypt."),
    "wrapping_key_size": _field("A wrapping key has not 2048, 3072 or 4096 bits."),
    "wrapping_key_expired": _field("A wrapping key's certificate has expired."),
    "wrapping_key_not_yet_valid": _field("A wrapping key's certificate is not valid yet."),
    "wrapping_key_duplicated": _field("A public key comes twice: whoever holds it would hold two shares."),
    "wrapping_key_not_found": _field("Key Vault has no such certificate."),
    "wrapping_key_disabled": _field("The certificate is disabled in its Key Vault."),
    "administrator_required": _failure(
        "The service gave its administration of the HSM up, and the operation needs it.",
        "An administrator of the HSM runs the command that the error names; then send the request again.",
    ),
    "no_other_administrator": _failure(
        "Nobody else is known to administer the HSM, so the service stays its administrator.",
        "Give Managed HSM Administrator to an enabled account or a group with one in it, then send the request again.",
    ),
    "still_administrator": _failure(
        "The service's roles are removed, and it still administers the HSM.",
        "Take the service out of the group that administers the HSM, then send the request again.",
    ),
    "key_differs": _failure(
        "The HSM has a key of that name that is not as it was asked for: it was left as it is.",
        "Ask for a key of another name, or for what is there.",
    ),
    "key_deleted": _failure(
        "The HSM has a deleted key of that name.",
        "Have a Managed HSM Crypto Officer recover or purge it, or ask for a key of another name.",
    ),
    "local_role_differs": _failure(
        "The HSM has a local role of that name, made by somebody else, that is not as it was asked for.",
        "Ask for a role of another name, or have that one deleted.",
    ),
    "wrapping_key_withdrawn": _failure("A pinned certificate was deleted or disabled after it was pinned."),
    "wrapping_key_changed": _failure("Key Vault gives another certificate than the pinned one."),
    "subscription_not_ours": _field("The subscription is not one of the tenant that the service can read."),
    "provider_not_registered": _field("The subscription is not registered for Microsoft.KeyVault."),
    "location_unsupported": _field("Azure has no Managed HSMs in this region."),
    "handover_alone": _field("The hand-over of a finished HSM is changed by a request that changes nothing else."),
    "administrator_not_found": _field("The tenant has nobody with this object id, and the HSM would be left to them."),
    "administrator_without_account": _field(
        "The HSM would be left to nobody: to a disabled account, or a group that has no enabled one but the service's."
    ),
    "local_role_unknown": _field("The hand-over assigns a local role that there is not."),
    "requested_by_missing": _field("This needs approval, so the application must name the person who asks."),
    "requested_by_not_you": _field("A person asks for themselves: requestedBy names somebody else."),
    # Who is calling.
    "unauthenticated": ErrorKind(
        401, retryable=False, meaning="There is no access token that is valid here.", advice="Get a token for the API."
    ),
    "role_missing": ErrorKind(
        403,
        retryable=False,
        meaning="The caller has none of the app roles that the call needs.",
        advice="Have an administrator assign the role in Entra, then get a new token.",
    ),
    "too_many_requests": ErrorKind(
        429, retryable=True, meaning="The caller sends more requests than the policy allows.", advice="Wait as told."
    ),
    # The deployment's policy.
    "team_missing": _field("The caller is of several teams, so the request must name one."),
    "team_not_yours": _policy("The caller is not of that team, or of no team at all."),
    "environment_unknown": _policy("The policy has no such environment."),
    "subscription_not_allowed": _policy("The caller may not use this subscription."),
    "resource_not_allowed": _policy("The hand-over names a resource that the policy does not list."),
    "linked_resource_missing": ErrorKind(
        400,
        retryable=False,
        meaning="The hand-over names a resource that does not exist.",
        advice="Name one that exists. Nothing was made.",
    ),
    "local_role_not_allowed": _policy(
        "The hand-over assigns a local role that the policy does not let a request assign, or defines one that allows "
        "too much."
    ),
    "location_not_allowed": _policy("HSMs may not be made in this region."),
    "sku_not_allowed": _policy("HSMs of this SKU may not be made."),
    "name_not_allowed": _policy("The name does not follow the deployment's pattern."),
    "tag_required": _policy("A tag that every HSM must have is missing."),
    "tag_not_allowed": _policy("A tag's value does not follow the deployment's pattern."),
    "retention_too_short": _policy("Deleted HSMs must be kept longer."),
    "purge_protection_required": _policy("HSMs of this environment must have purge protection."),
    "temporary_opening_not_allowed": _policy("HSMs of this environment may not be opened for a while."),
    "network_must_deny": _policy("HSMs of this environment must deny by default who may reach them."),
    "network_too_open": _policy(
        "HSMs of this environment may let in no more addresses than a /8 has, and no service tag that holds everybody."
    ),
    "identity_not_allowed": _policy("This user-assigned identity may not be attached to an HSM."),
    "administrator_not_allowed": _policy("The caller may not name this administrator."),
    "expiry_required": _policy("HSMs of this environment must say when they expire."),
    "expiry_too_far": _policy("HSMs of this environment must expire sooner."),
    "expiry_in_past": _field("The HSM would have expired already."),
    "wrapping_key_not_allowed": _policy("The caller may not use this wrapping key."),
    "backup_place_not_allowed": _policy("Full backups may not lie in this container."),
    "hsm_limit_reached": _policy("There are as many HSMs as the policy allows."),
    "creation_stopped": _policy("The operators have stopped the creation of HSMs."),
    "destruction_and_export_stopped": _policy("The operators have stopped destruction and export."),
    # What there is.
    "path_not_found": ErrorKind(
        404,
        retryable=False,
        meaning="This API has no such path.",
        advice="GET /api/openapi.json lists all paths.",
    ),
    "method_not_allowed": ErrorKind(
        405,
        retryable=False,
        meaning="The path does not take this method.",
        advice="Use a method that Allow names; GET /api/openapi.json describes each.",
    ),
    "hsm_not_found": ErrorKind(
        404, retryable=False, meaning="There is no HSM of that name, or it is another team's.", advice="Check the name."
    ),
    "operation_not_found": ErrorKind(
        404, retryable=False, meaning="There is no such operation, or it is another team's.", advice="Check the id."
    ),
    "handover_not_found": ErrorKind(
        404,
        retryable=False,
        meaning="No hand-over of this HSM is recorded.",
        advice="It is once an operation that makes the HSM has ended. An HSM that was taken over has none.",
    ),
    "security_domain_not_found": ErrorKind(
        404,
        retryable=False,
        meaning="No security domain of this HSM is stored.",
        advice="Send the PUT of the HSM again: it is downloaded.",
    ),
    "thumbprint_unknown": _field("No share of the stored security domain is for this certificate."),
    "share_check_not_found": ErrorKind(
        404, retryable=False, meaning="The HSM has no such share check.", advice="Check the id, or ask for a new one."
    ),
    "share_check_expired": _conflict("The time to answer the share check is over.", "Ask for another one."),
    "share_check_answered": _conflict(
        "The share check was answered already, by somebody else or otherwise.", "Nothing is left to do."
    ),
    "share_check_of_another_domain": _conflict(
        "The answer is of other bytes than the challenge, or the HSM has another security domain by now.",
        "Open the share of what is stored now. If it was downloaded again, ask for another share check.",
    ),
    "share_check_wrong_proof": ErrorKind(
        422,
        retryable=False,
        meaning="The proof is not the one that the challenge's nonce gives.",
        advice="Answer with the private key of this certificate, with few tries.",
    ),
    "share_check_exhausted": _conflict("The share check was answered wrongly too often.", "Ask for another one."),
    "operation_in_progress": _conflict(
        "Another operation changes this HSM.", "Wait until that operation has ended.", retryable=True
    ),
    "hsm_exists": _conflict("An HSM of this name exists that is not this team's.", "Choose another name."),
    "hsm_ours_already": _conflict("The HSM is this team's already.", "Read it; PUT and PATCH change it."),
    "security_domain_missing": _conflict(
        "This service has no security domain of the HSM.", "Send a PUT with wrapping keys: it exports one."
    ),
    "hsm_differs": _conflict("The HSM exists, and what differs cannot be changed.", "See errors for what differs."),
    "hsm_soft_deleted": _conflict(
        "A deleted HSM still has the name, and is still billed.",
        "POST /api/hsms/{name}/recover brings one of yours back; or purge it, or choose another name.",
    ),
    "operation_ended": _conflict("The operation has ended.", "Nothing is left to do."),
    "hsm_locked": _conflict("A lock in Azure keeps the HSM from being deleted.", "Have the lock removed first."),
    "hsm_held": _conflict("The HSM is on hold: it is neither deleted nor purged.", "Have the hold lifted first."),
    "hold_too_late": _conflict(
        "The HSM is on hold, but an operation may have asked Azure to delete or purge it already.",
        "See that operation. Recover the HSM once it is deleted: while it is on hold, nothing more is asked for.",
    ),
    "purge_protected": _conflict(
        "The HSM has purge protection: nobody can purge it.", "Leave purge out: Azure purges it by itself one day."
    ),
    "backup_not_possible": _conflict(
        "The HSM cannot back itself up before it is deleted: it is not active, or deleted already.",
        "Leave backupTo out; or activate or recover the HSM first.",
    ),
    "purge_not_allowed": _policy("HSMs of this environment may not be purged by request."),
    "hsm_lives_again": _failure(
        "An HSM that was to be purged is there again: it was not touched.",
        "Find out who needs it. If nobody does, send the request again.",
    ),
    "hsm_not_deleted": _conflict(
        "Our record does not show that this HSM was deleted.",
        "Somebody else may have deleted it: its owner can recover it in Azure, or purge it.",
    ),
    "hsm_being_purged": _conflict(
        "Azure is purging the HSM, and does not bring it back.",
        "Look at the HSM again in a quarter of an hour, and send the request again if it is still SoftDeleted.",
        retryable=True,
    ),
    "hsm_purged": _conflict(
        "The HSM was purged: it is gone for good.",
        "Ask for another HSM, and restore the stored security domain and a backup into it.",
    ),
    "cancel_too_late": _conflict(
        "The step that cannot be left alone has begun: a download or an upload, or what changes or takes over the HSM.",
        "Wait for the end.",
    ),
    "restore_blob_not_awaited": _conflict(
        "The operation does not wait for a restore blob (yet, or any more).", "Read the operation.", retryable=True
    ),
    "approval_not_needed": _conflict("The operation does not wait for approval.", "Nothing is left to do."),
    "approval_decided": _conflict("The approval was decided already, otherwise.", "See the operation's approval."),
    "plan_changed": _conflict(
        "The approval is for another plan than the one that is pinned.",
        "Read the operation, and decide on what it says.",
    ),
    "approver_is_requester": ErrorKind(
        403, retryable=False, meaning="Nobody approves what they asked for.", advice="Ask another approver."
    ),
    "approver_not_a_person": ErrorKind(
        403,
        retryable=False,
        meaning="Only a person approves.",
        advice="Sign in as a person, and decide with that token.",
    ),
    "precondition_failed": ErrorKind(
        412, retryable=False, meaning="What is there is not what If-Match names.", advice="Read it, and send again."
    ),
    "idempotency_key_reused": ErrorKind(
        422,
        retryable=False,
        meaning="The Idempotency-Key was used for another request.",
        advice="Use a new key for a new request.",
    ),
    "request_in_progress": _conflict(
        "The first request with this Idempotency-Key is being carried out.", "Send it again.", retryable=True
    ),
    "settings_invalid": ErrorKind(
        503, retryable=False, meaning="The deployment's settings are wrong.", advice="Tell the operators: see the log."
    ),
    "unexpected_failure": ErrorKind(
        500, retryable=False, meaning="Something failed that nobody expected.", advice="Tell the operators when."
    ),
    # Azure and our store.
    "azure_unavailable": _unavailable("Azure is busy or broken."),
    "azure_unreachable": _unavailable("The connection to Azure failed."),
    "azure_unreadable": _unavailable("Azure's answer could not be read."),
    "azure_throttled": _unavailable("Azure asks for patience."),
    "azure_forbidden": _unavailable("The service's identity may not do this in Azure (yet)."),
    "azure_conflict": _unavailable("Something else is changing the resource."),
    "azure_refused": ErrorKind(503, retryable=False, meaning="Azure refused.", advice="See the message for its code."),
    "azure_not_found": ErrorKind(503, retryable=False, meaning="Azure has no such thing.", advice="See the message."),
    "azure_sign_in_failed": _unavailable("The service's identity got no token."),
    "keys_unavailable": _unavailable("Entra's published keys cannot be read, so no token can be validated."),
    "engine_unavailable": _unavailable("The engine that carries out operations does not answer."),
    "not_started": _unavailable("The request was accepted, but its operation could not be started."),
    "claim_contested": _unavailable("Other requests were faster."),
    "record_changed": _unavailable("A record was changed by somebody else meanwhile."),
    "audit_unavailable": _unavailable("What was to be done could not be recorded, so it was not done."),
    # How operations end.
    "diagnostics_elsewhere": _failure(
        "Another diagnostic setting of the HSM sends the same to the same place, and Azure allows one.",
        "Delete the other setting, or leave that place out of diagnostics, then send the request again.",
    ),
    "private_endpoint_differs": _failure(
        "A private endpoint of that name is in another subnet, of another resource, or of others: in another zone, or "
        "connected to nothing any more.",
        "Give the private endpoint another name, then send the request again.",
    ),
    "private_endpoint_failed": _failure(
        "Azure could not make a private endpoint of the HSM, or enter its name in the zone.",
        "See in Azure what is wrong with the subnet and the zone, then send the request again: it tries anew.",
    ),
    "private_endpoint_replaced": _failure(
        "A private endpoint connects to nothing any more, and was not deleted in time to be made anew.",
        "See in Azure what keeps the endpoint from being deleted, then send the request again.",
    ),
    "private_endpoint_not_approved": _failure(
        "Nobody approved the connection of a private endpoint in time, or somebody rejected it.",
        "Have the connection approved on the HSM, by the commands of the error; then send the request again.",
    ),
    "data_plane_unreachable": _failure(
        "The service cannot reach the HSM; one that it made is not activated.",
        "Make a way to it, as the error says; then send the request again: it goes on with the same HSM.",
    ),
    "temporary_opening_over": _failure(
        "The time was over for which the HSM's firewall could be opened.",
        "It is closed, and what was done stays. Send the request again, with more minutes where they were too few.",
    ),
    "permission_missing": _failure("The service's identity lacks permissions on the subscription."),
    "quota_exceeded": _failure("Azure allows no more HSMs in this subscription and region."),
    "region_without_capacity": _failure("Azure makes no new HSMs in this region for now."),
    "provisioning_failed": _failure("Azure could not provision the HSM."),
    "hsm_changed": _failure(
        "The HSM is not any more what was found there.", "Nothing was taken over. Send the request again."
    ),
    "update_failed": _failure(
        "Azure could not change the HSM.", "See in Azure what is wrong with it, then send the request again."
    ),
    "region_failed": _failure(
        "Azure could not extend the HSM to another region.",
        "The HSM is there in its own region. Change additionalRegions to [] with a PATCH, then try again.",
    ),
    "hsm_gone": _failure("The HSM does not exist, or not any more."),
    "hsm_not_active": _failure(
        "The HSM is not active, so that it is neither exported again nor extended to another region."
    ),
    "rewrap_changes_nothing": _failure(
        "The stored security domain is encrypted to exactly these certificates already.", "Nothing is to be done."
    ),
    "export_failed": _failure("The HSM did not confirm the export of its security domain, several times."),
    "export_refused": _failure("The HSM refused to hand out its security domain because an export was under way."),
    "export_ambiguous": _failure("The HSM was asked for its security domain by somebody else as well, several times."),
    "security_domain_conflict": _failure("Two downloads under one number gave different bytes, several times."),
    "security_domain_invalid": _failure("What is stored is not what it must be.", "Keep it. Send the PUT again."),
    "deadline_exceeded": _failure("Azure did not come to an end in time."),
    "transfer_key_unreadable": _failure("What the HSM gave is no transfer key."),
    "transfer_key_changed": _failure(
        "The HSM has another transfer key than the one that custodians were shown.",
        "Find out who asked the HSM for a key. Then send the request again: it begins with the new key.",
    ),
    "restore_blob_late": _failure(
        "No restore blob that can be uploaded came in time.", "The HSM is billed. Send the request again."
    ),
    "restore_blob_missing": _failure("There is no restore blob.", _ANOTHER_BLOB),
    "restore_blob_too_large": _failure("What was stored is larger than any restore blob.", _ANOTHER_BLOB),
    "restore_blob_malformed": _failure("What was stored is no restore blob.", _ANOTHER_BLOB),
    "restore_blob_for_another_key": _failure("The restore blob is for another transfer key.", _ANOTHER_BLOB),
    "restore_blob_is_security_domain": _failure(
        "A security domain itself was stored where a restore blob belongs.", "Take it away from there. Store another."
    ),
    "restore_blob_refused": _failure("The HSM could not open the restore blob.", _ANOTHER_BLOB),
    "restored_by_others": _failure(
        "Somebody else gave the HSM a security domain.",
        "Restore into another one; delete this one only when you know who.",
    ),
    "upload_unconfirmed": _failure(
        "The HSM has a security domain, and never said whether it is the one that this service uploaded.",
        "See in the HSM's audit log who uploaded it. If it was this service, send the request again.",
    ),
    "restore_failed": _failure(
        "The HSM did not take the security domain in.", "Send the request again, and have another restore blob made."
    ),
    "backup_identity_missing": _failure(
        "The user-assigned identity that the policy names for full backups does not exist.", _OPERATORS
    ),
    "backup_failed": _failure(
        "The HSM could not back itself up: Azure wants that before a full restore, a request before a deletion.",
        "See that the container exists and that the policy's identity has its role there. Send the request again.",
    ),
    "backup_not_permitted": _failure(
        "The service has no role on the HSM with which it may have it back itself up.",
        "An administrator of the HSM runs the command that the error names.",
    ),
    "backup_restore_failed": _failure(
        "The HSM did not restore the full backup.",
        "The HSM is active, without the keys. Correct what the message says, and send the request again.",
    ),
    "backup_restore_unknown": _failure(
        "Nobody knows whether the full backup was restored: the HSM did not say, or the service may not ask any more.",
        "Look at the HSM's keys and roles before anything else.",
    ),
    "recovery_failed": _failure(
        "Azure did not bring the deleted HSM back.", "Nothing is lost while it is kept. Send the request again."
    ),
    "approval_rejected": _failure("An approver rejected it.", "Nothing was made. Ask again when it can be approved."),
    "approval_expired": ErrorKind(
        409, retryable=False, meaning="Nobody approved it in time.", advice="Nothing was made. Send the request again."
    ),
    "not_due": _failure(
        "What a schedule began is not due any more: the HSM is needed, on hold, not as it was, or the policy says so.",
        "Nothing was deleted or changed. The next run judges it again.",
    ),
    "approval_needed": _failure(
        "The policy wants approval by now, and the operation was planned without.",
        "Send the request again: its plan then waits for approval.",
    ),
    "hsm_used_meanwhile": _failure(
        "The HSM was used clearly more than whoever approved its deletion was shown.",
        "Nothing was deleted. Find out who uses it; the same request again shows the use by now.",
    ),
    "approval_missing": _failure("The plan needs approval, and nobody approved exactly this one."),
    "operation_canceled": _failure("The operation was canceled."),
    "operation_interrupted": _failure("The operation was ended from outside, or broke, before it could be recorded."),
    "record_missing": _failure("Our record of the HSM is gone.", "Restore the container hsm-records first."),
    "plan_damaged": _failure("The plan holds an unreadable certificate."),
    "not_planned": _failure("The operation has no plan."),
    "subscription_not_wanted": _failure(
        "A new subscription has not opted in any more.",
        "Nothing was done in it. Opting in again is an event, too.",
    ),
    "not_claimed": _failure(
        "The operation does not hold the claim on its HSM.", "Operations are started by the API only."
    ),
}


def status_of(code: str) -> int:
    """Give the HTTP status that the API answers with for a code; 503 for what usually only ends an operation."""
    return CATALOGUE[code].status or 503
