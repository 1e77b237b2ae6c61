"""What the login endpoints have in common: forms, and the tenant in the path."""

from urllib.parse import parse_qs

from starlette.requests import Request

from local.azure.core.errors import ServiceFault
from local.azure.entra.models import Directory


async def read_form(request: Request) -> dict[str, str]:
    """Read a form; of a field that comes several times the first counts."""
    return {name: values[0] for name, values in parse_qs((await request.body()).decode(errors="replace")).items()}


def check_tenant(request: Request, directory: Directory) -> None:
    """Refuse another tenant than ours; raises ServiceFault 400 with Entra's code."""
    if request.path_params["tenant"].lower() != directory.authority.tenant_id:
        raise ServiceFault(400, "invalid_request", "AADSTS90002: Tenant not found.")
