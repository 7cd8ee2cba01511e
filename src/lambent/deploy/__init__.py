"""The deployment engine of CloudFormation: runs operations on stacks so that they survive crashes."""

from collections.abc import Callable, Mapping
from typing import Final

from lambent.contracts.events import Target
from lambent.contracts.ports import Cloud

from .custom_response import custom_resource_response
from .engine import StackEngine

targets: Final[Mapping[str, Callable[[Cloud], Target]]] = {"cloudformation": StackEngine}

__all__ = ["StackEngine", "custom_resource_response", "targets"]
