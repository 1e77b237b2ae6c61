"""Create the resource group that the HSM goes to."""

from activities.context import MAKING, approved_plan_of
from clients import archive, resource_manager
from domain.outcomes import Outcome, Work, done


def create_resource_group(work: Work) -> Outcome:
    """Create the resource group where there is none; one that exists is left as it is."""
    request = approved_plan_of(work, (*MAKING, "recover"), cancelable=True).request
    # Idempotent: a group that exists, ours or not, satisfies the step; a PUT would overwrite its tags.
    if not resource_manager.resource_group_exists(request.subscription_id, request.resource_group):
        resource_manager.create_resource_group(
            request.subscription_id, request.resource_group, request.location, request.tags
        )
        # Afterwards: killed between the two it is never taken for ours, and never deleted.
        archive.note_resource_group(request.subscription_id, request.resource_group, work.operation_id)
    return done()
