"""Who may do what with a resource's data: roles, assigned to object ids, that allow data actions by patterns."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Final

from local.azure.core.errors import ServiceFault

Roles = Mapping[str, Sequence[str]]
_MARKS_OF_A_PATTERN: Final = "/*"


@dataclass
class DataAccess:
    """The role assignments of one resource; everybody of the tenant may do everything unless it is restricted."""

    roles: Roles
    restricted: bool = False
    _assignments: dict[str, set[str]] = field(default_factory=dict)

    def assign(self, object_id: str, granted: Sequence[str]) -> None:
        """Grant roles by name, or data actions by pattern as a custom role would; raises ServiceFault 400."""
        patterns = self._assignments.setdefault(object_id.lower(), set())
        for name in granted:
            if name in self.roles:
                patterns.update(pattern.lower() for pattern in self.roles[name])
            elif any(mark in name for mark in _MARKS_OF_A_PATTERN):
                patterns.add(name.lower())
            else:
                raise ServiceFault(400, "RoleDefinitionDoesNotExist", f"There is no role named {name}.")

    def allows(self, object_id: str, action: str) -> bool:
        """Say whether a caller may use a data action; neither object ids nor actions are case-sensitive."""
        if not self.restricted:
            return True
        patterns = self._assignments.get(object_id.lower(), set())
        return any(fnmatchcase(action.lower(), pattern) for pattern in patterns)
