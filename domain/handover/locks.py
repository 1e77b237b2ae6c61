"""A lock on an HSM, in Azure."""

from typing import Literal

from domain.model import Model


class Lock(Model):
    """A lock that keeps the HSM from being deleted by mistake."""

    level: Literal["CanNotDelete", "ReadOnly"] = "CanNotDelete"
    """What it forbids: to delete the HSM, or to change it in Azure as well."""
