"""IAM's operations, one file per noun; importing the package registers them all."""

from __future__ import annotations

from lambent.services.iam.base import iam as service

from . import (
    access_keys,
    account,
    attachments,
    details,
    groups,
    inline,
    login,
    policies,
    profiles,
    roles,
    service_credentials,
    service_linked,
    simulate,
    tags,
    users,
)

__all__ = ["service"]

_OPERATIONS = (
    access_keys,
    account,
    attachments,
    details,
    groups,
    inline,
    login,
    policies,
    profiles,
    roles,
    service_credentials,
    service_linked,
    simulate,
    tags,
    users,
)
