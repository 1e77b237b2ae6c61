"""What the templates let the service do."""

from pathlib import Path
from typing import Any, Final

from tests.infra.bicep import parse

_ROLES: Final = Path("infra/modules/roles.bicep")
# Managed Identity Operator, which is given on each identity that the policy names.
ON_IDENTITIES: Final = (
    "Microsoft.ManagedIdentity/userAssignedIdentities/assign/action",
    "Microsoft.ManagedIdentity/userAssignedIdentities/read",
)


def permissions() -> dict[str, dict[str, Any]]:
    """Give what each custom role permits, by the role's name in the template."""
    resources = parse(_ROLES.read_text())["resources"]
    return {name: role["config"]["properties"]["permissions"][0] for name, role in resources.items()}
