"""A dry run of a PUT: every check that the operation would go through, and what would come of it."""

from collections.abc import Collection
from datetime import UTC, datetime
from typing import Final, Literal

from pydantic import Field

from clients import resource_manager
from clients.exports import is_stored_as_requested
from clients.preflight import CHECKS, Candidate, Check, key_checks
from domain.custody import find_custody_warnings
from domain.errors import ErrorDetail, ServiceError
from domain.model import Model
from domain.policy_rules import monthly_cost
from domain.requests import HsmRequest, parse_request
from domain.settings import deployment_policy
from triggers.door.calls import Answer, Call
from triggers.hsms.permissions import choose_team, settle_team
from triggers.hsms.resource import hsm_name


class CheckView(Model):
    """One check."""

    name: str
    """Its stable name."""
    title: str
    """What is checked, in words for people."""
    verdict: Literal["Passed", "Failed", "Warning", "Skipped"]
    """How it came out. One is skipped where it does not apply, or makes no sense because another did not pass."""
    message: str | None = None
    """What is wrong, or why it was skipped. Absent where it passed."""
    code: str | None = None
    """The stable code of what is wrong. Absent where nothing is."""
    field: str | None = None
    """The first field of the request at fault. Absent where none is."""
    advice: str | None = None
    """What a person can do about it. Absent where nothing is to be done."""


class Creation(Model):
    """Something that would be created."""

    type: str
    """Its Azure resource type, or `SecurityDomain` for the blob that holds one."""
    name: str
    """Its name; that of the HSM for a security domain."""


class ApprovalForecast(Model):
    """Whether the operation would need approval, and why."""

    required: bool
    """Whether it would need approval."""
    reasons: list[str] = Field(default_factory=list)
    """Why, a sentence for each reason; empty where it would need none."""


class Preflight(Model):
    """What a PUT would meet and make."""

    verdict: Literal["Passed", "Failed"]
    """Whether the PUT would be carried out."""
    checks: list[CheckView]
    """Every check, in the order in which they are made."""
    would_create: list[Creation]
    """What would be created; empty where a check failed."""
    monthly_cost_usd: float | None = None
    """What the HSM would cost in a month from its creation on, in US dollars. Absent where nobody knows."""
    approval: ApprovalForecast
    """Whether it would need approval."""


def preflight_hsm(call: Call) -> Answer:
    """Check a request as a PUT and its operation would, and change nothing."""
    name = hsm_name(call)
    request = parse_request(call.body)
    candidate = _candidate(call, name, request)
    checks = _run([*CHECKS, *key_checks(candidate)], candidate)
    passed = {check.name for check in checks if check.verdict == "Passed"}
    checks += _warn(candidate, passed)
    failed = any(check.verdict == "Failed" for check in checks)
    policy = deployment_policy()
    reasons = candidate.find_approval_reasons(candidate.reason if "administrators" in passed else None)
    forecast = Preflight(
        verdict="Failed" if failed else "Passed",
        checks=checks,
        would_create=[] if failed else _list_creations(candidate),
        monthly_cost_usd=monthly_cost(policy, request.sku, request.additional_regions),
        approval=ApprovalForecast(required=bool(reasons), reasons=reasons),
    )
    return Answer(200, forecast)


def _candidate(call: Call, name: str, request: HsmRequest) -> Candidate:
    return Candidate(
        hsm=name,
        team=_settle_team(call, name, request.team),
        requester=call.caller.principal,
        grant=call.grant,
        by_operator=call.caller.operates,
        kind="provision",
        request=request,
        now=datetime.now(UTC),
    )


def _settle_team(call: Call, name: str, asked: str | None) -> str:
    try:
        return settle_team(call, name, asked)
    except ServiceError as error:
        # Of another team's HSM the check of the name tells, beside all others.
        if error.detail.code != "hsm_exists":
            raise
        return choose_team(call, asked)


def _run(checks: list[Check], candidate: Candidate) -> list[CheckView]:
    views: list[CheckView] = []
    for check in checks:
        passed = {view.name for view in views if view.verdict == "Passed"}
        missing = check.find_missing(candidate, passed)
        if missing is not None:
            views.append(_skipped(check.name, check.title, _unknown_without(missing)))
        else:
            views.append(_ask(check, candidate))
    return views


def _ask(check: Check, candidate: Candidate) -> CheckView:
    try:
        check.run(candidate)
    except ServiceError as error:
        return _failed(check, error.detail)
    return CheckView(name=check.name, title=check.title, verdict="Passed")


def _failed(check: Check, error: ErrorDetail) -> CheckView:
    # All that is wrong is told; `code` and `field` are the first's.
    told = [f"{item.field}: {item.message}" for item in error.errors]
    return CheckView(
        name=check.name,
        title=check.title,
        verdict="Failed",
        message=" ".join(told) or error.message,
        code=error.code,
        field=error.errors[0].field if error.errors else None,
        advice=error.advice,
    )


_WARNINGS: Final = (
    ("administrator", "The service may download the security domain", "service_not_administrator"),
    ("custody", "The wrapping keys do not all lie in one vault", "wrapping_keys_in_one_vault"),
    ("quorum", "The quorum can do without one of the keys", "quorum_is_all_keys"),
    ("principals", "Those who are given local roles are in the directory", "principal_not_found"),
)


def _warn(candidate: Candidate, passed: Collection[str]) -> list[CheckView]:
    """Check what is accepted all the same, and a person may want otherwise."""
    inapplicable = _find_inapplicable(candidate, passed)
    notices = find_custody_warnings(candidate.whole_request) + candidate.principal_warnings
    if "administrator" not in inapplicable:
        notices += candidate.administration_warnings
    messages = {notice.code: notice.message for notice in notices}
    views = []
    for name, title, code in _WARNINGS:
        if name in inapplicable:
            views.append(_skipped(name, title, inapplicable[name]))
        elif code in messages:
            views.append(CheckView(name=name, title=title, verdict="Warning", message=messages[code], code=code))
        else:
            views.append(CheckView(name=name, title=title, verdict="Passed"))
    return views


def _find_inapplicable(candidate: Candidate, passed: Collection[str]) -> dict[str, str]:
    """Say of each warning that does not apply why."""
    reasons = {}
    if "name" not in passed:
        reasons["administrator"] = _unknown_without("name")
    elif candidate.existing is not None and candidate.existing.active:
        reasons["administrator"] = "This does not apply: the HSM is activated, and only it knows its administrators."
    if all(key.certificate_id is None for key in candidate.whole_request.security_domain.wrapping_keys):
        reasons["custody"] = "This does not apply: the certificates were sent as PEM, whose keys lie in no vault."
    if not candidate.principals:
        reasons["principals"] = "This does not apply: nobody is given a local role."
    elif candidate.found_principals is None:
        reasons["principals"] = "This cannot be checked: the service may not read the directory."
    return reasons


def _unknown_without(check: str) -> str:
    return f"This cannot be checked while the check {check} does not pass."


def _skipped(name: str, title: str, message: str) -> CheckView:
    return CheckView(name=name, title=title, verdict="Skipped", message=message)


def _list_creations(candidate: Candidate) -> list[Creation]:
    request, record = candidate.request, candidate.record
    creations = []
    if candidate.existing is None:
        if not resource_manager.resource_group_exists(request.subscription_id, request.resource_group):
            creations.append(Creation(type="Microsoft.Resources/resourceGroups", name=request.resource_group))
        creations.append(Creation(type="Microsoft.KeyVault/managedHSMs", name=candidate.hsm))
    if record is None or candidate.existing is None or not is_stored_as_requested(record):
        creations.append(Creation(type="SecurityDomain", name=candidate.hsm))
    return creations
