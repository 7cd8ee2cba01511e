"""What a table or an index may look like: the checks of CreateTable and UpdateTable, in AWS's order."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final

from .errors import ValidationException, invalid_value
from .model import GLOBAL_INDEXES_MAX, LOCAL_INDEXES_MAX, UNITS_MAX, Index, Limits, Throughput

_UNDEFINED: Final = "Invalid KeySchema: Some index key attribute have no definition"
Request = Mapping[str, Any]


def check_billing(req: Request) -> None:
    """Capacity and billing mode fit each other, and capacity is within bounds."""
    units = req.get("ProvisionedThroughput")
    if req.get("BillingMode", "PROVISIONED") == "PAY_PER_REQUEST":
        if units is not None:
            raise invalid_value(
                "Neither ReadCapacityUnits nor WriteCapacityUnits can be specified when BillingMode is PAY_PER_REQUEST"
            )
    elif units is None:
        raise invalid_value(
            "ReadCapacityUnits and WriteCapacityUnits must both be specified when BillingMode is PROVISIONED"
        )
    check_units(units)


def check_units(units: Request | None, index: str = "") -> None:
    """Provisioned units are within bounds."""
    for name in ("ReadCapacityUnits", "WriteCapacityUnits"):
        if units is not None and units[name] > UNITS_MAX:
            where = f" for index {index}" if index else ""
            raise ValidationException(f"Given value {units[name]} for {name} is out of bounds{where}")


def check_table(req: Request) -> None:
    """Keys and indexes of a table that is to be made."""
    types = {attribute["AttributeName"]: attribute["AttributeType"] for attribute in req["AttributeDefinitions"]}
    schema = req["KeySchema"]
    if len(schema) > len(types):
        raise ValidationException(_UNDEFINED)
    _check_defined(schema, types)
    _check_order(schema)
    _check_local(req, types)
    _check_global(req, types)
    names = [index["IndexName"] for index in _indexes(req)]
    for name in names:
        if names.count(name) > 1:
            raise invalid_value(f"Duplicate index name: {name}")
    if len(req.get("LocalSecondaryIndexes", ())) > LOCAL_INDEXES_MAX:
        raise invalid_value(f"Number of LocalSecondaryIndexes exceeds per-table limit of {LOCAL_INDEXES_MAX}")
    if len(req.get("GlobalSecondaryIndexes", ())) > GLOBAL_INDEXES_MAX:
        raise invalid_value(f"GlobalSecondaryIndex count exceeds the per-table limit of {GLOBAL_INDEXES_MAX}")
    _check_used(req, types)


def _indexes(req: Request) -> list[Request]:
    return [*req.get("LocalSecondaryIndexes", ()), *req.get("GlobalSecondaryIndexes", ())]


def _shown(names: Iterable[str]) -> str:
    return f"[{', '.join(names)}]"


def _check_defined(schema: list[Request], types: Mapping[str, str]) -> None:
    names = [element["AttributeName"] for element in schema]
    if any(name not in types for name in names):
        raise invalid_value(
            "Some index key attributes are not defined in AttributeDefinitions. "
            f"Keys: {_shown(names)}, AttributeDefinitions: {_shown(types)}"
        )


def _check_order(schema: list[Request]) -> None:
    if schema[0]["KeyType"] != "HASH":
        raise ValidationException("Invalid KeySchema: The first KeySchemaElement is not a HASH key type")
    if len(schema) > 1:
        if schema[0]["AttributeName"] == schema[1]["AttributeName"]:
            raise ValidationException("Both the Hash Key and the Range Key element in the KeySchema have the same name")
        if schema[1]["KeyType"] != "RANGE":
            raise ValidationException("Invalid KeySchema: The second KeySchemaElement is not a RANGE key type")


def _check_local(req: Request, types: Mapping[str, str]) -> None:
    indexes = req.get("LocalSecondaryIndexes")
    if indexes is None:
        return
    if not indexes:
        raise invalid_value("List of LocalSecondaryIndexes is empty")
    if len(req["KeySchema"]) < 2:
        raise invalid_value(
            "Table KeySchema does not have a range key, which is required when specifying a LocalSecondaryIndex"
        )
    table_hash = req["KeySchema"][0]["AttributeName"]
    for index in indexes:
        name, schema = index["IndexName"], index["KeySchema"]
        _check_defined(schema, types)
        _check_order(schema)
        if len(schema) < 2:
            raise invalid_value(f"Index KeySchema does not have a range key for index: {name}")
        if schema[0]["AttributeName"] != table_hash:
            raise invalid_value(
                f"Index KeySchema does not have the same leading hash key as table KeySchema for index: {name}. "
                f"index hash key: {schema[0]['AttributeName']}, table hash key: {table_hash}"
            )
        _check_projection(index["Projection"])


def _check_global(req: Request, types: Mapping[str, str]) -> None:
    indexes = req.get("GlobalSecondaryIndexes")
    if indexes is None:
        return
    if not indexes:
        raise invalid_value("List of GlobalSecondaryIndexes is empty")
    on_demand = req.get("BillingMode") == "PAY_PER_REQUEST"
    for index in indexes:
        check_global_index(index, types, on_demand)


def check_global_index(index: Request, types: Mapping[str, str], on_demand: bool) -> None:
    """One global index, of a table whose key attributes have these types."""
    _check_defined(index["KeySchema"], types)
    _check_order(index["KeySchema"])
    _check_projection(index["Projection"])
    units, name = index.get("ProvisionedThroughput"), index["IndexName"]
    if on_demand and units is not None:
        raise invalid_value(
            f"ProvisionedThroughput should not be specified for index: {name} when BillingMode is PAY_PER_REQUEST"
        )
    if not on_demand and units is None:
        raise invalid_value(f"ProvisionedThroughput must be specified for index: {name}")
    check_units(units, name)


def _check_projection(projection: Request) -> None:
    kind = projection.get("ProjectionType")
    named = projection.get("NonKeyAttributes")
    if kind is None:
        raise invalid_value("Unknown ProjectionType: null")
    if kind != "INCLUDE" and named is not None:
        raise invalid_value(f"ProjectionType is {kind}, but NonKeyAttributes is specified")
    if kind == "INCLUDE" and not named:
        raise invalid_value("ProjectionType is INCLUDE, but NonKeyAttributes is not specified")


def _check_used(req: Request, types: Mapping[str, str]) -> None:
    used = dict.fromkeys(element["AttributeName"] for element in req["KeySchema"])
    indexes = _indexes(req)
    if not indexes:
        if len(types) != len(used):
            raise invalid_value(
                "Number of attributes in KeySchema does not exactly match number of attributes defined in "
                "AttributeDefinitions"
            )
        return
    used.update(dict.fromkeys(element["AttributeName"] for index in indexes for element in index["KeySchema"]))
    if types.keys() - used.keys():
        raise invalid_value(
            f"Some AttributeDefinitions are not used. AttributeDefinitions: {_shown(types)}, keys used: {_shown(used)}"
        )


def throughput(units: Request | None) -> Throughput:
    """The record of provisioned units; zero on demand."""
    if units is None:
        return Throughput()
    return Throughput(read_units=units["ReadCapacityUnits"], write_units=units["WriteCapacityUnits"])


def limits(units: Request | None, read: str, write: str) -> Limits:
    """A pair of limits by its members' names; those that are not given are 0."""
    if units is None:
        return Limits()
    return Limits(read_units=max(0, units.get(read, 0)), write_units=max(0, units.get(write, 0)))


def warm(units: Request | None) -> Limits:
    """A WarmThroughput."""
    return limits(units, "ReadUnitsPerSecond", "WriteUnitsPerSecond")


def on_demand(units: Request | None) -> Limits:
    """An OnDemandThroughput."""
    return limits(units, "MaxReadRequestUnits", "MaxWriteRequestUnits")


def index_record(given: Request, number: int, *, local: bool, status: str = "ACTIVE") -> Index:
    """The record of an index as a request describes it."""
    schema = given["KeySchema"]
    return Index(
        number=number,
        name=given["IndexName"],
        local=local,
        hash=schema[0]["AttributeName"],
        range=schema[1]["AttributeName"] if len(schema) > 1 else "",
        projection=given["Projection"]["ProjectionType"],
        non_key=tuple(given["Projection"].get("NonKeyAttributes", ())),
        status=status,
        throughput=throughput(given.get("ProvisionedThroughput")),
        warm=warm(given.get("WarmThroughput")),
        on_demand=on_demand(given.get("OnDemandThroughput")),
    )
