"""What goes when an API or a stage goes: nothing of it is left in any table, nor in the usage plans that covered it."""

from __future__ import annotations

from typing import Any, Final

from msgspec.structs import replace

from lambent.contracts.ports import Reader, Transaction
from lambent.kv.table import Table

from . import keys
from .common import domains, ids
from .model import RestApi

_PARTS: Final[tuple[Table[Any], ...]] = (
    keys.resources,
    keys.authorizers,
    keys.validators,
    keys.models,
    keys.responses,
    keys.docparts,
    keys.docversions,
    keys.deployments,
    keys.snapshots,
)


def domains_of(tx: Reader, api: RestApi, stage: str | None = None) -> list[str]:
    """The domain names with a mapping to an API, or to one stage of it: what they map to cannot be deleted."""
    return [
        domain.name
        for domain in domains.of_account(tx, api.account, api.region)
        if any(one.api == api.id and stage in (None, one.stage) for one in domains.of_domain(tx, domain.name))
    ]


def delete_api(tx: Transaction, api: RestApi) -> None:
    """Delete an API with everything that is its; its id is free again."""
    for _, stage in keys.stages.scan(tx, api.id):
        delete_stage(tx, api, stage.name)
    for table in _PARTS:
        for key, _ in table.scan(tx, api.id):
            table.delete(tx, *table.parts(key))
    keys.apis.delete(tx, api.account, api.region, api.id)
    ids.release(tx, api.id)


def delete_stage(tx: Transaction, api: RestApi, stage: str) -> None:
    """Delete a stage; usage plans and API keys forget it."""
    for key, _ in keys.stage_plans.scan(tx, api.id, stage):
        id = keys.stage_plans.parts(key)[2]
        plan = keys.plans.get(tx, api.account, api.region, id)
        if plan is not None:
            left = tuple(one for one in plan.stages if (one.api, one.stage) != (api.id, stage))
            keys.plans.put(tx, replace(plan, stages=left), api.account, api.region, id)
        keys.stage_plans.delete(tx, api.id, stage, id)
    name = f"{api.id}/{stage}"
    for _, api_key in keys.api_keys.scan(tx, api.account, api.region):
        if name in api_key.stages:
            kept = tuple(one for one in api_key.stages if one != name)
            keys.api_keys.put(tx, replace(api_key, stages=kept), api.account, api.region, api_key.id)
    keys.stages.delete(tx, api.id, stage)
