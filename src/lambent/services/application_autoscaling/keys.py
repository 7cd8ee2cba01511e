"""Every key of Application Auto Scaling.

======================  ==============================================================================================
scaling.target          account, region, resource id, dimension
scaling.policy          account, region, resource id, dimension, name
scaling.scheduled       account, region, resource id, dimension, name
scaling.activity        account, region, resource id, dimension, time (ms), id
======================  ==============================================================================================

All of it is of the namespace dynamodb.
"""

from __future__ import annotations

from typing import Final

from lambent.contracts import arn
from lambent.kv.table import Table

from .model import NAMESPACE, Activity, Policy, ScalableTarget, Scheduled, Where

scalable: Final = Table("scaling.target", ScalableTarget)
policies: Final = Table("scaling.policy", Policy)
scheduled: Final = Table("scaling.scheduled", Scheduled)
activities: Final = Table("scaling.activity", Activity)


def policy_arn(where: Where, policy: Policy) -> str:
    """A policy's ARN."""
    resource = f"scalingPolicy:{policy.id}:resource/{NAMESPACE}/{where[2]}:policyName/{policy.name}"
    return arn.build("autoscaling", where[1], where[0], resource)


def action_arn(where: Where, action: Scheduled) -> str:
    """A scheduled action's ARN."""
    resource = f"scheduledAction:{action.id}:resource/{NAMESPACE}/{where[2]}:scheduledActionName/{action.name}"
    return arn.build("autoscaling", where[1], where[0], resource)
