"""Every key of CloudFormation. All but custom requests are under account and region."""

from __future__ import annotations

from lambent.contracts.ports import Reader, Transaction
from lambent.kv.table import Table

from . import model
from .errors import no_stack

stacks = Table("cfn.stack", model.Stack)
"""(account, region, stack id)"""
names = Table("cfn.name", model.Pointer)
"""(account, region, stack name): the live stack of that name"""
templates = Table("cfn.template", model.StoredTemplate)
"""(account, region, stack id, template id)"""
resources = Table("cfn.resource", model.Resource)
"""(account, region, stack id, logical id)"""
leftovers = Table("cfn.leftover", model.Leftover)
"""(account, region, stack id, type, physical id)"""
events = Table("cfn.event", model.StackEvent)
"""(account, region, stack id, number)"""
counters = Table("cfn.counter", model.Counter)
"""(account, region, stack id): the number of the stack's newest event"""
change_sets = Table("cfn.changeset", model.ChangeSet)
"""(account, region, stack id, change set id)"""
change_set_ids = Table("cfn.changesetid", model.Pointer)
"""(account, region, change set id)"""
exports = Table("cfn.export", model.Export)
"""(account, region, export name)"""
importers = Table("cfn.importer", model.Importer)
"""(account, region, export name, stack id)"""
requests = Table("cfn.request", model.CustomRequest)
"""(token)"""


def find_stack(tx: Reader, account: str, region: str, name_or_id: str) -> model.Stack | None:
    """The live stack of a name, or the stack of an ARN, deleted ones included."""
    if name_or_id.startswith("arn:"):
        return stacks.get(tx, account, region, name_or_id)
    pointer = names.get(tx, account, region, name_or_id)
    return stacks.get(tx, account, region, pointer.stack_id) if pointer is not None else None


def get_stack(tx: Reader, account: str, region: str, name_or_id: str) -> model.Stack:
    """As `find_stack`; raises `ValidationError` when there is none."""
    found = find_stack(tx, account, region, name_or_id)
    if found is None:
        raise no_stack(name_or_id)
    return found


def put_stack(tx: Transaction, stack: model.Stack) -> None:
    """Store a stack."""
    stacks.put(tx, stack, stack.account, stack.region, stack.id)


def put_resource(tx: Transaction, stack: model.Stack, resource: model.Resource) -> None:
    """Store a resource of a stack."""
    resources.put(tx, resource, stack.account, stack.region, stack.id, resource.logical_id)


def resources_of(tx: Reader, stack: model.Stack) -> dict[str, model.Resource]:
    """The resources of a stack by logical id."""
    found = resources.scan(tx, stack.account, stack.region, stack.id)
    return {resource.logical_id: resource for _, resource in found}


def add_event(tx: Transaction, stack: model.Stack, event: model.StackEvent) -> None:
    """Append to the history of a stack."""
    place = (stack.account, stack.region, stack.id)
    counter = counters.get(tx, *place)
    number = counter.value + 1 if counter is not None else 1
    counters.put(tx, model.Counter(number), *place)
    events.put(tx, event, *place, number)


def template_of(tx: Reader, stack: model.Stack, template: str) -> model.StoredTemplate | None:
    """A template of a stack by its id."""
    return templates.get(tx, stack.account, stack.region, stack.id, template) if template else None
