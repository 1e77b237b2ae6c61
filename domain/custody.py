"""What may be wrong with how wrapping keys are held, though it is accepted."""

from domain.names import parse_certificate_id
from domain.records import Notice
from domain.requests import HsmRequest


def find_custody_warnings(request: HsmRequest) -> list[Notice]:
    """Say what a person may want to change before the security domain is encrypted to these keys."""
    keys = request.security_domain.wrapping_keys
    warnings = []
    vaults = {parse_certificate_id(key.certificate_id).vault if key.certificate_id else None for key in keys}
    if len(vaults) == 1 and None not in vaults:
        message = (
            "All private wrapping keys lie in one Key Vault: whoever controls it holds a quorum, and whoever "
            "deletes it loses the security domain."
        )
        warnings.append(Notice(code="wrapping_keys_in_one_vault", message=message))
    if request.security_domain.quorum == len(keys):
        message = "The quorum is all wrapping keys: losing one of them loses the security domain."
        warnings.append(Notice(code="quorum_is_all_keys", message=message))
    return warnings
