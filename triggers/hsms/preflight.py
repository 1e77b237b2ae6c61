"""A dry run of a PUT: every check that the operation would go through, and what would come of it."""

from datetime import UTC, datetime
from typing import Literal

from pydantic import Field

from clients import archive, resource_manager
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
    """One check. `field` is the first field at fault; a check is skipped where one before it left it without sense."""

    name: str
    title: str
    verdict: Literal["Passed", "Failed", "Warning", "Skipped"]
    message: str | None = None
    code: str | None = None
    field: str | None = None
    advice: str | None = None


class Creation(Model):
    """Something that would be created: its Azure resource type, or SecurityDomain for the blob that holds one."""

    type: str
    name: str


class ApprovalForecast(Model):
    """Whether the operation would need approval, and why."""

    required: bool
    reasons: list[str] = Field(default_factory=list)


class Preflight(Model):
    """What a PUT would meet and make; what is refused makes nothing. `monthlyCostUsd` is from its creation on."""

    verdict: Literal["Passed", "Failed"]
    checks: list[CheckView]
    would_create: list[Creation]
    monthly_cost_usd: float | None = None
    approval: ApprovalForecast


def preflight_hsm(call: Call) -> Answer:
    """Check a request as a PUT and its operation would, and change nothing."""
    name = hsm_name(call)
    request = parse_request(call.body, datetime.now(UTC))
    candidate = _candidate(call, name, request)
    checks = _run([*CHECKS, *key_checks(candidate)], candidate) + _warn(request)
    failed = any(check.verdict == "Failed" for check in checks)
    policy = deployment_policy()
    reasons = candidate.approval_reasons
    forecast = Preflight(
        verdict="Failed" if failed else "Passed",
        checks=checks,
        would_create=[] if failed else _list_creations(candidate),
        monthly_cost_usd=monthly_cost(policy, request.sku),
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
            message = f"This cannot be checked while the check {missing} does not pass."
            views.append(CheckView(name=check.name, title=check.title, verdict="Skipped", message=message))
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


def _warn(request: HsmRequest) -> list[CheckView]:
    warnings = {warning.code: warning.message for warning in find_custody_warnings(request)}
    return [
        CheckView(name=name, title=title, verdict="Warning", message=warnings[code], code=code)
        if code in warnings
        else CheckView(name=name, title=title, verdict="Passed")
        for name, title, code in (
            ("custody", "The wrapping keys lie in more than one vault", "wrapping_keys_in_one_vault"),
            ("quorum", "The quorum can do without one of the keys", "quorum_is_all_keys"),
        )
    ]


def _list_creations(candidate: Candidate) -> list[Creation]:
    request, record = candidate.request, candidate.record
    creations = []
    if candidate.existing is None:
        if not resource_manager.resource_group_exists(request.subscription_id, request.resource_group):
            creations.append(Creation(type="Microsoft.Resources/resourceGroups", name=request.resource_group))
        creations.append(Creation(type="Microsoft.KeyVault/managedHSMs", name=candidate.hsm))
    receipt = record.security_domain if record and candidate.existing else None
    if receipt is None or not archive.is_kept(receipt, receipt.origin):
        creations.append(Creation(type="SecurityDomain", name=candidate.hsm))
    return creations
