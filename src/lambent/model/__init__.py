"""AWS's service models: the one facade over botocore's data. Nothing else opens those files."""

from __future__ import annotations

from functools import cache

from .coverage import Coverage, coverage
from .load import load, services
from .shapes import OperationModel, ServiceModel, Shape


@cache
def service_model(name: str) -> ServiceModel:
    """The model of a service by botocore's name for it (`s3`, `logs`, `stepfunctions`); `KeyError` when there is
    none."""
    return ServiceModel(name, load(name))


__all__ = ["Coverage", "OperationModel", "ServiceModel", "Shape", "coverage", "service_model", "services"]
