"""What the engine refuses."""


class EngineError(RuntimeError):
    """A request that the engine does not carry out; the text says why."""


class InstanceExists(EngineError):  # noqa: N818 - it says what happened
    """An instance of that id has not ended yet."""


class InstanceNotFound(EngineError):  # noqa: N818 - it says what happened
    """There is no instance of that id."""


class InvalidRequest(EngineError):  # noqa: N818 - it says what happened
    """The request itself is wrong."""


class WrongState(EngineError):  # noqa: N818 - it says what happened
    """The instance is not in a state that allows this."""
