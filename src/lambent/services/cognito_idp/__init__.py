"""Cognito user pools. The design is in DESIGN.md beside this file.

Besides `service` and `targets` the package offers `hosted.serve`, the pages and OAuth 2 endpoints of pools.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from lambent.contracts.events import Target
from lambent.contracts.ports import Cloud

from .api import (
    account,
    admin_users,
    auth,
    domains,
    groups,
    pools,
    resource_servers,
    second_factors,
    sign_up,
    user_pool_clients,
)
from .events import CognitoTarget
from .service import cognito_idp as service

__all__ = ["service", "targets"]

targets: Mapping[str, Callable[[Cloud], Target]] = {"cognito-idp": CognitoTarget}

# Importing these modules registers their operations.
_OPERATIONS = (
    account, admin_users, auth, domains, groups, pools, resource_servers, second_factors, sign_up, user_pool_clients,
)  # fmt: skip
