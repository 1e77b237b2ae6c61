"""The security domain that an HSM has already: what is stored as asked is not exported again."""

from clients import archive, resource_manager
from domain.records import Plan, Receipt


def find_confirmed(plan: Plan) -> Receipt | None:
    """Find a security domain that an operation before this one had confirmed, for the same keys and quorum."""
    record = archive.find_hsm_record(plan.hsm)
    receipt = record.security_domain if record else None
    hsm = resource_manager.find_hsm(plan.request.subscription_id, plan.request.resource_group, plan.hsm)
    if hsm is None or not hsm.active:
        return None
    same = receipt is not None and (receipt.thumbprints, receipt.quorum) == (
        plan.thumbprints,
        plan.whole_request.security_domain.quorum,
    )
    # What a record says is stored is looked for: what is gone, or is not what it was, is downloaded again.
    return receipt if same and receipt is not None and archive.is_kept(receipt) else None
