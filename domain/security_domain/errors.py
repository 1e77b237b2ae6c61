"""What can be wrong with a security domain or with what is made of it."""


class SecurityDomainError(Exception):
    """Names what is wrong by a stable code and a sentence, and which share or part; never holds a value of either."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
