"""What an action that may fail in a named way was told; any other exception is a fault of the code."""

from collections.abc import Callable

from domain.security_domain.errors import SecurityDomainError


def find_error(action: Callable[[], object]) -> SecurityDomainError | None:
    try:
        action()
    except SecurityDomainError as error:
        return error
    return None


def find_code(action: Callable[[], object]) -> str | None:
    error = find_error(action)
    return error.code if error else None
