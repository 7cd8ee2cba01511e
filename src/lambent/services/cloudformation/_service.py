"""The service that this package's operations are registered with."""

from lambent.kit import Service

cloudformation = Service("cloudformation")
