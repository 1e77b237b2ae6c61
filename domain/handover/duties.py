"""What the team must now do with an HSM that is handed over to it: what this service cannot do in its place."""

from collections.abc import Callable, Iterator
from typing import Final

from domain.handover.giving_up import revoke_command
from domain.handover.record import HandoverRecord
from domain.handover.request import gives_up
from domain.model import Model


class Duty(Model):
    """One thing to do."""

    name: str
    """What it is: a stable name."""
    title: str
    """What it is, in words for people."""
    reason: str
    """Why, and how one sees that it is done."""
    commands: list[str]
    """The commands that do it, in this order; what is in capitals is the team's own."""


def duties_of(record: HandoverRecord) -> list[Duty]:
    """Name what is to be done, the most urgent first."""
    return [duty for find in _FINDERS for duty in find(record)]


def _finish(record: HandoverRecord) -> Iterator[Duty]:
    failed = [item.part for item in record.parts if item.state in ("Failed", "NotReached")]
    if not failed:
        return
    advice = f" {record.error.message} {record.error.advice}" if record.error else ""
    yield Duty(
        name="finish",
        title=f"Have the rest built: {', '.join(failed)}",
        reason=f"The operation ended before that.{advice} Send the same PUT again: it goes on from what there is.",
        commands=[],
    )


def _end_service(record: HandoverRecord) -> Iterator[Duty]:
    if record.state_of("administration") == "Built":
        return
    meant = "" if gives_up(record.asked) else " The request or the policy has it so."
    yield Duty(
        name="end_service",
        title="Know that the service still administers the HSM",
        reason=f"It can give itself any right on its keys.{meant} An administrator of the HSM can end that:",
        commands=[revoke_command(record.hsm, record.service)],
    )


def _add_administrators(record: HandoverRecord) -> Iterator[Duty]:
    listed = f"az keyvault role assignment list --hsm-name {record.hsm} --scope /"
    yield Duty(
        name="check_administrators",
        title="See who administers it, and that they are a group",
        reason="Without an administrator an HSM is lost. A group with two or more members outlives whoever leaves.",
        commands=[
            f'{listed} --role "Managed HSM Administrator"',
            _assign(record.hsm, "Managed HSM Administrator", "/", "GROUP_OBJECT_ID", "Group"),
        ],
    )


def _keep_keys(record: HandoverRecord) -> Iterator[Duty]:
    receipt = record.security_domain
    if receipt is None:
        return
    yield Duty(
        name="keep_wrapping_keys",
        title=f"Keep the custodians' keys: {receipt.quorum} of {len(receipt.thumbprints)} restore the HSM",
        reason="With fewer it can never be restored, and all its keys may be lost. Each custodian proves once a year "
        "that they can open their share: GET /api/hsms/NAME/security-domain/share-checks shows when each last did.",
        commands=["python -m custodian check-share security-domain.json --key CUSTODIAN.p12"],
    )


def _test_key(record: HandoverRecord) -> Iterator[Duty]:
    key = f"--hsm-name {record.hsm} --name test-key"
    how = "--algorithm RSA-OAEP-256 --data-type base64"
    yield Duty(
        name="test_key",
        title="Make a key and use it",
        reason="Whoever administers the HSM may use no key until they have a role for that. RESULT is what the "
        "encryption prints; the decryption prints aGVsbG8= again.",
        commands=[
            _assign(record.hsm, "Managed HSM Crypto User", "/keys", "YOUR_OBJECT_ID", "User"),
            f"az keyvault key create {key} --kty RSA-HSM --size 2048 --ops encrypt decrypt",
            f"az keyvault key encrypt {key} {how} --value aGVsbG8=",
            f"az keyvault key decrypt {key} {how} --value RESULT",
            f"az keyvault key delete {key}",
        ],
    )


def _back_up(record: HandoverRecord) -> Iterator[Duty]:
    backup = record.asked.full_backup
    if backup is None:
        yield Duty(
            name="back_up",
            title="Have it backed up",
            reason="The security domain restores an empty HSM: without a full backup its keys are gone. Nobody asked "
            "for one; fullBackup in the request does, or:",
            commands=[
                (
                    f"az keyvault backup start --hsm-name {record.hsm} --use-managed-identity true "
                    "--storage-account-name ACCOUNT --blob-container-name CONTAINER"
                )
            ],
        )
        return
    again = f"every {backup.every_hours} hours" if backup.every_hours else "by nobody: it was the only one"
    yield Duty(
        name="watch_backup",
        title="Watch the backup, and restore one for practice",
        reason=f"It goes to {backup.container}, and is made again {again}. Only a restore shows that a backup is good.",
        commands=[],
    )


def _rotate_keys(record: HandoverRecord) -> Iterator[Duty]:
    still = [key.name for key in record.asked.keys or [] if key.rotate_after_days is None]
    if still:
        yield Duty(
            name="rotate_keys",
            title="Decide when its keys are rotated",
            reason="These have no rotation policy:",
            commands=[
                f"az keyvault key rotation-policy update --hsm-name {record.hsm} --name {name} --value POLICY.json"
                for name in still
            ],
        )


def _enter_names(record: HandoverRecord) -> Iterator[Duty]:
    if any(endpoint.private_dns_zone is None for endpoint in record.asked.private_endpoints or []):
        yield Duty(
            name="enter_names",
            title="Enter the addresses of its private endpoints in DNS",
            reason="No DNS zone was named for one or more of them: whoever runs the network enters "
            f"{record.hsm}.managedhsm.azure.net.",
            commands=["az network private-endpoint show --ids PRIVATE_ENDPOINT_ID --query customDnsConfigs"],
        )


def _watch(record: HandoverRecord) -> Iterator[Duty]:
    if record.asked.diagnostics is None:
        yield Duty(
            name="send_logs",
            title="Have its audit log kept",
            reason="Nobody asked for it: who used which key is not written down anywhere.",
            commands=[
                (
                    f"az monitor diagnostic-settings create --name hsm --resource {record.resource_id} "
                    '--workspace WORKSPACE_ID --logs \'[{"category": "AuditEvent", "enabled": true}]\''
                )
            ],
        )
    if record.asked.alerts is not None:
        yield Duty(
            name="test_alerts",
            title="See that its alerts reach somebody",
            reason=f"They go to {record.asked.alerts.action_group}: send a test notification from there.",
            commands=[],
        )


def _assign(hsm: str, role: str, scope: str, who: str, kind: str) -> str:
    to = f"--assignee-object-id {who} --assignee-principal-type {kind}"
    return f'az keyvault role assignment create --hsm-name {hsm} --role "{role}" --scope {scope} {to}'


def _lock(record: HandoverRecord) -> Iterator[Duty]:
    if record.asked.lock is None:
        yield Duty(
            name="lock",
            title="Lock it against deletion by mistake",
            reason="Nobody asked for a lock. The service deletes no HSM with a lock of somebody else's.",
            commands=[f"az lock create --name hsm --lock-type CanNotDelete --resource {record.resource_id}"],
        )


def _expire(record: HandoverRecord) -> Iterator[Duty]:
    if record.expires_at is not None:
        yield Duty(
            name="extend",
            title=f"Say until {record.expires_at:%Y-%m-%d} whether it is still needed",
            reason="Then it expires, and is deleted where the policy has it so. PATCH /api/hsms/NAME with a later "
            "expiresAt keeps it.",
            commands=[],
        )


_FINDERS: Final[tuple[Callable[[HandoverRecord], Iterator[Duty]], ...]] = (
    *(_finish, _end_service, _add_administrators, _keep_keys, _test_key, _back_up, _rotate_keys, _enter_names),
    *(_watch, _lock, _expire),
)
