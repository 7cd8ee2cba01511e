"""CloudFormation's API. The work on stacks is the deploy room's, which is also the target of this service's ARNs."""

from collections.abc import Callable, Mapping
from typing import Final

from lambent.contracts.events import Target
from lambent.contracts.ports import Cloud

from ._service import cloudformation as service
from .api import change_sets, exports, resources, stacks, templates, updates

targets: Final[Mapping[str, Callable[[Cloud], Target]]] = {}

__all__ = ["change_sets", "exports", "resources", "service", "stacks", "targets", "templates", "updates"]
