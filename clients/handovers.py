"""What an HSM of ours is to have around it."""

from domain.handover.request import Handover, resolve
from domain.requests import HsmSpecification
from domain.settings import deployment_policy


def wanted_handover_of(request: HsmSpecification) -> Handover:
    """Give what an HSM is to have around it, by what was asked for and by the policy as it is now."""
    environment = deployment_policy().environments.get(request.environment)
    return resolve(request.handover, environment.handover if environment else Handover())
