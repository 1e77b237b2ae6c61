"""Every call of the API, as one table: functions, authorisation, the OpenAPI document and the matrix are made of it.

Light: handlers and models are named, and load when they are first needed.
"""

import importlib
import re
from typing import Any, Final, NamedTuple

from domain.caller import APPROVE_ROLE, AUDIT_ROLE, OPERATE_ROLE, READ_ROLE, REQUEST_ROLE

READERS: Final = (READ_ROLE, REQUEST_ROLE, APPROVE_ROLE, OPERATE_ROLE)
REQUESTERS: Final = (REQUEST_ROLE, OPERATE_ROLE)
API_VERSION: Final = "2026-11-01"


class Route(NamedTuple):
    """One call: `name` is its OpenAPI operation's; `handler`, `body` and `query` are `module:name`.

    `roles` are the app roles of which the caller needs one; none for what is open to all. `answers` maps statuses to
    models, None where there is no body; `codes` are the error codes besides those of `triggers/route_codes.py`.
    """

    name: str
    method: str
    path: str
    handler: str
    summary: str
    roles: tuple[str, ...]
    answers: dict[int, str | None]
    codes: tuple[str, ...] = ()
    body: str | None = None
    query: str | None = None

    @property
    def function_name(self) -> str:
        """The name of its function, of which an app has one: activities are named after what they do as well."""
        return f"api_{self.name}"

    @property
    def changes(self) -> bool:
        """Whether the call may change something."""
        return self.method != "GET"

    @property
    def replaces(self) -> bool:
        """Whether it says what is to be, so that the same call twice is the same as once."""
        return self.method in ("PUT", "PATCH")

    @property
    def media_types(self) -> tuple[str, ...]:
        """As what its body may be sent."""
        return ("application/merge-patch+json", "application/json") if self.method == "PATCH" else ("application/json",)

    @property
    def owned(self) -> bool:
        """Whether what it is about belongs to a team."""
        return self.tag in ("hsms", "operations")

    @property
    def parameters(self) -> list[str]:
        """The names of what its path leaves open."""
        return re.findall(r"\{(\w+)\}", self.path)

    @property
    def tag(self) -> str:
        """What it belongs to, for whoever reads the OpenAPI document."""
        return self.path.partition("/")[0].partition(".")[0]


def load(name: str) -> Any:
    """Load what a route names."""
    module, _, attribute = name.partition(":")
    return getattr(importlib.import_module(module), attribute)


def model_name(route: Route, status: int) -> str:
    """Name the model of an answer; empty where it has none."""
    return (route.answers.get(status) or "").rpartition(":")[2]


_MODELS: Final = "triggers.representations"

_DECISION_CODES: Final = (
    *("approver_not_a_person", "operation_not_found", "approver_is_requester", "approval_not_needed", "plan_changed"),
    *("operation_ended", "approval_expired", "approval_decided"),
)

ROUTES: Final = (
    Route(
        name="get_health",
        method="GET",
        path="health",
        handler="triggers.health:get_health",
        summary="Say that the app runs",
        roles=(),
        answers={200: f"{_MODELS}:Health"},
    ),
    Route(
        name="list_hsms",
        method="GET",
        path="hsms",
        handler="triggers.hsms.listing:list_hsms",
        summary="List the HSMs of the caller's teams, page by page, with what Azure says of each",
        roles=READERS,
        query="triggers.lists.queries:HsmListQuery",
        answers={200: f"{_MODELS}:HsmPage"},
    ),
    Route(
        name="get_openapi",
        method="GET",
        path="openapi.json",
        handler="triggers.openapi.document:get_openapi",
        summary="Read this document",
        roles=(),
        answers={200: f"{_MODELS}:ApiDescription", 304: None},
    ),
    Route(
        name="get_readiness",
        method="GET",
        path="health/ready",
        handler="triggers.readiness:get_readiness",
        summary="Say whether the app can do its work, and which dependency it lacks",
        roles=(),
        answers={200: "triggers.readiness:Readiness", 503: "triggers.readiness:Readiness"},
    ),
    Route(
        name="put_hsm",
        method="PUT",
        path="hsms/{name}",
        handler="triggers.hsms.resource:put_hsm",
        summary="Ask for an HSM: 202 with the operation that makes it, 200 with the HSM that is as asked already",
        roles=REQUESTERS,
        body="domain.requests:HsmRequest",
        answers={200: f"{_MODELS}:HsmView", 202: f"{_MODELS}:OperationView"},
        codes=("operation_in_progress", "hsm_exists", "hsm_differs", "hsm_soft_deleted", "precondition_failed"),
    ),
    Route(
        name="get_hsm",
        method="GET",
        path="hsms/{name}",
        handler="triggers.hsms.resource:get_hsm",
        summary="Read an HSM: what Azure says of it, where its security domain is, its last operation",
        roles=READERS,
        answers={200: f"{_MODELS}:HsmView"},
        codes=("hsm_not_found",),
    ),
    Route(
        name="preflight_hsm",
        method="POST",
        path="hsms/{name}/preflight",
        handler="triggers.hsms.preflight:preflight_hsm",
        summary="Try a PUT: every check with its verdict, what would be created, what it costs; changes nothing",
        roles=REQUESTERS,
        body="domain.requests:HsmRequest",
        answers={200: "triggers.hsms.preflight:Preflight"},
        codes=("team_missing", "team_not_yours"),
    ),
    Route(
        name="get_handover",
        method="GET",
        path="hsms/{name}/handover",
        handler="triggers.hsms.handover:get_handover",
        summary="Read how an HSM was handed over: what it was given, where that is, and what its team must now do",
        roles=READERS,
        answers={200: "triggers.hsms.handover:HandoverSheet"},
        codes=("hsm_not_found", "handover_not_found"),
    ),
    Route(
        name="get_security_domain",
        method="GET",
        path="hsms/{name}/security-domain",
        handler="triggers.hsms.security_domain:get_security_domain",
        summary="Read what is known of an HSM's security domain: where it is, whose keys open it; never a byte of it",
        roles=READERS,
        answers={200: "triggers.hsms.security_domain:SecurityDomainView"},
        codes=("hsm_not_found", "security_domain_not_found"),
    ),
    Route(
        name="verify_security_domain",
        method="POST",
        path="hsms/{name}/security-domain/verify",
        handler="triggers.hsms.security_domain:verify_security_domain",
        summary="Verify the stored security domain, and see what became of the wrapping keys",
        roles=REQUESTERS,
        answers={200: "domain.verifications:Verification"},
        codes=("hsm_not_found", "security_domain_not_found"),
    ),
    Route(
        name="list_share_checks",
        method="GET",
        path="hsms/{name}/security-domain/share-checks",
        handler="triggers.hsms.share_checks:list_share_checks",
        summary="Read when each custodian last proved that they can open their share, and of which bytes",
        roles=READERS,
        answers={200: "domain.share_check_records:ShareChecks"},
        codes=("hsm_not_found", "security_domain_not_found"),
    ),
    Route(
        name="ask_share_check",
        method="POST",
        path="hsms/{name}/security-domain/share-checks",
        handler="triggers.hsms.share_checks:ask_share_check",
        summary="Ask a custodian to prove that they can open their share: a challenge that only their key reads",
        roles=REQUESTERS,
        body="domain.share_check_records:ShareCheckRequest",
        answers={201: "domain.share_checks:ShareChallenge"},
        codes=("hsm_not_found", "security_domain_not_found", "thumbprint_unknown", "plan_damaged"),
    ),
    Route(
        name="answer_share_check",
        method="POST",
        path="hsms/{name}/security-domain/share-checks/{check}/answer",
        handler="triggers.hsms.share_checks:answer_share_check",
        summary="Send a custodian's answer to a challenge: once, and soon enough",
        roles=REQUESTERS,
        body="domain.share_checks:ShareAnswer",
        answers={200: "domain.share_check_records:AnswerAccepted"},
        codes=(
            *("hsm_not_found", "security_domain_not_found", "share_check_expired", "share_check_answered"),
            *("share_check_of_another_domain", "share_check_wrong_proof", "share_check_exhausted"),
        ),
    ),
    Route(
        name="get_policy",
        method="GET",
        path="policy",
        handler="triggers.policy:get_policy",
        summary="Read what the caller may ask for",
        roles=READERS,
        answers={200: "triggers.policy:PolicyView"},
    ),
    Route(
        name="get_verification_runs",
        method="GET",
        path="security-domains/verification",
        handler="triggers.verification_runs:get_verification_runs",
        summary="Read how the scheduled verification of all stored security domains goes, and what it found last",
        roles=(OPERATE_ROLE, AUDIT_ROLE),
        answers={200: "domain.verification_runs:VerificationRuns"},
        codes=("engine_unavailable",),
    ),
    Route(
        name="get_cleanup_reports",
        method="GET",
        path="reports/cleanup",
        handler="triggers.cleanup:get_cleanup_reports",
        summary="Read what the last clean-up found, did and saved, and what still costs money for nothing",
        roles=(OPERATE_ROLE, AUDIT_ROLE),
        answers={200: "domain.cleanup_reports:CleanupReports"},
        codes=("engine_unavailable",),
    ),
    Route(
        name="get_reconciliation_reports",
        method="GET",
        path="reports/reconciliation",
        handler="triggers.reconciliation:get_reconciliation_reports",
        summary="Read what the last reconciliation found that is not as recorded, and what is done about it",
        roles=(OPERATE_ROLE, AUDIT_ROLE),
        answers={200: "domain.drift_findings:ReconciliationReports"},
        codes=("engine_unavailable",),
    ),
    Route(
        name="list_audit",
        method="GET",
        path="audit",
        handler="triggers.audit:list_audit",
        summary="Read the audit log: who did what to which HSM, and what was refused",
        roles=(AUDIT_ROLE,),
        query="triggers.audit:AuditQuery",
        answers={200: "triggers.audit:AuditPage"},
    ),
    Route(
        name="list_operations",
        method="GET",
        path="operations",
        handler="triggers.operations.listing:list_operations",
        summary="List the operations of the caller's teams, page by page, the newest first",
        roles=READERS,
        query="triggers.lists.queries:OperationListQuery",
        answers={200: f"{_MODELS}:OperationPage"},
    ),
    Route(
        name="patch_hsm",
        method="PATCH",
        path="hsms/{name}",
        handler="triggers.hsms.resource:patch_hsm",
        summary="Change an HSM in place: 202 with the operation that does, 200 with the HSM that is as asked already",
        roles=REQUESTERS,
        body="domain.changes:HsmChange",
        answers={200: f"{_MODELS}:HsmView", 202: f"{_MODELS}:OperationView"},
        codes=("hsm_not_found", "operation_in_progress", "precondition_failed"),
    ),
    Route(
        name="adopt_hsm",
        method="POST",
        path="hsms/{name}/adopt",
        handler="triggers.hsms.adoption:adopt_hsm",
        summary="Take over an HSM that this service did not make: 202 with the operation, which needs approval",
        roles=REQUESTERS,
        body="domain.adoption:AdoptionRequest",
        answers={202: f"{_MODELS}:OperationView"},
        codes=("hsm_not_found", "hsm_ours_already", "hsm_exists", "operation_in_progress", "precondition_failed"),
    ),
    Route(
        name="rewrap_security_domain",
        method="POST",
        path="hsms/{name}/security-domain/rewrap",
        handler="triggers.hsms.rewrapping:rewrap_security_domain",
        summary="Export the security domain again, for other custodians: 202 with the operation, which needs approval",
        roles=REQUESTERS,
        body="domain.rewrapping:RewrapRequest",
        answers={202: f"{_MODELS}:OperationView"},
        codes=(
            *("hsm_not_found", "security_domain_missing", "destruction_and_export_stopped"),
            *("operation_in_progress", "precondition_failed"),
        ),
    ),
    Route(
        name="restore_hsm",
        method="POST",
        path="hsms/{name}/restore",
        handler="triggers.hsms.restoring:restore_hsm",
        summary="Restore another HSM's security domain into a new HSM: 202 with the operation, which needs approval",
        roles=REQUESTERS,
        body="domain.restores:RestoreRequest",
        answers={202: f"{_MODELS}:OperationView"},
        codes=(
            *("hsm_not_found", "security_domain_not_found", "operation_in_progress", "hsm_exists", "hsm_differs"),
            *("hsm_ours_already", "hsm_soft_deleted", "hsm_limit_reached"),
        ),
    ),
    Route(
        name="delete_hsm",
        method="DELETE",
        path="hsms/{name}",
        handler="triggers.hsms.decommissioning:delete_hsm",
        summary="Delete an HSM: 202 with the operation that does, 200 with the HSM that is deleted as asked already",
        roles=REQUESTERS,
        query="triggers.hsms.decommissioning:DecommissionQuery",
        answers={200: f"{_MODELS}:HsmView", 202: f"{_MODELS}:OperationView"},
        codes=(
            *("hsm_not_found", "operation_in_progress", "precondition_failed", "hsm_locked", "purge_protected"),
            *("hsm_held", "purge_not_allowed", "hsm_not_deleted", "destruction_and_export_stopped"),
            *("backup_place_not_allowed", "backup_not_possible"),
            *("team_not_yours", "environment_unknown", "subscription_not_allowed"),
            *("requested_by_missing", "requested_by_not_you"),
        ),
    ),
    Route(
        name="put_hold",
        method="PUT",
        path="hsms/{name}/hold",
        handler="triggers.hsms.holds:put_hold",
        summary="Put an HSM on hold: it is neither deleted nor purged, by nobody, until the hold is lifted",
        roles=REQUESTERS,
        body="domain.holds:HoldRequest",
        answers={200: f"{_MODELS}:HsmView"},
        codes=("hsm_not_found", "hold_too_late", "precondition_failed"),
    ),
    Route(
        name="delete_hold",
        method="DELETE",
        path="hsms/{name}/hold",
        handler="triggers.hsms.holds:delete_hold",
        summary="Lift the hold on an HSM",
        roles=REQUESTERS,
        answers={200: f"{_MODELS}:HsmView"},
        codes=("hsm_not_found", "precondition_failed"),
    ),
    Route(
        name="recover_hsm",
        method="POST",
        path="hsms/{name}/recover",
        handler="triggers.hsms.recovering:recover_hsm",
        summary="Bring a deleted HSM back as it was: 202 with the operation that does, 200 with the HSM that is there",
        roles=REQUESTERS,
        body="domain.recovering:RecoverRequest",
        answers={200: f"{_MODELS}:HsmView", 202: f"{_MODELS}:OperationView"},
        codes=(
            *("hsm_not_found", "operation_in_progress", "precondition_failed", "hsm_exists"),
            *("hsm_not_deleted", "hsm_being_purged", "hsm_purged"),
            *("team_not_yours", "environment_unknown", "subscription_not_allowed"),
            *("requested_by_missing", "requested_by_not_you"),
        ),
    ),
    Route(
        name="get_operation",
        method="GET",
        path="operations/{id}",
        handler="triggers.operations.resource:get_operation",
        summary="Read an operation with all its steps; from its 202 on, whether or not its instance still exists",
        roles=READERS,
        answers={200: f"{_MODELS}:OperationView"},
        codes=("operation_not_found",),
    ),
    Route(
        name="approve_operation",
        method="POST",
        path="operations/{id}/approve",
        handler="triggers.operations.decisions:approve_operation",
        summary="Approve the pinned plan of an operation: by a person, who did not ask for it",
        roles=(APPROVE_ROLE,),
        body="domain.approvals:DecisionRequest",
        answers={200: f"{_MODELS}:OperationView"},
        codes=_DECISION_CODES,
    ),
    Route(
        name="reject_operation",
        method="POST",
        path="operations/{id}/reject",
        handler="triggers.operations.decisions:reject_operation",
        summary="Reject the pinned plan of an operation, which ends: by a person, who did not ask for it",
        roles=(APPROVE_ROLE,),
        body="domain.approvals:DecisionRequest",
        answers={200: f"{_MODELS}:OperationView"},
        codes=_DECISION_CODES,
    ),
    Route(
        name="announce_restore_blob",
        method="POST",
        path="operations/{id}/restore-blob",
        handler="triggers.operations.restoring:announce_restore_blob",
        summary="Say that the restore blob is stored, so that it is looked for at once",
        roles=REQUESTERS,
        answers={202: f"{_MODELS}:OperationView"},
        codes=("operation_not_found", "operation_ended", "restore_blob_not_awaited"),
    ),
    Route(
        name="cancel_operation",
        method="POST",
        path="operations/{id}/cancel",
        handler="triggers.operations.cancellation:cancel_operation",
        summary="Cancel an operation, until its security domain is downloaded; what exists stays",
        roles=REQUESTERS,
        answers={202: f"{_MODELS}:OperationView"},
        codes=("operation_not_found", "operation_ended", "cancel_too_late", "claim_contested", "not_started"),
    ),
)
