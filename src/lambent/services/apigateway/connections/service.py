"""The service that the modules in api/ register their operations with, and what they share."""

from __future__ import annotations

from lambent.kit import Service

connections = Service("apigatewaymanagementapi", iam="execute-api")
