"""TestInvokeMethod and TestInvokeAuthorizer: an API under construction, served once, without a stage."""

from __future__ import annotations

from lambent.contracts.http import BytesBody, Request
from lambent.services.apigateway.model import Authorizer, Method, Resource, Snapshot, Stage
from lambent.services.apigateway.testing import Tested, TestedAuthorizer, Trial

from .addresses import Found
from .rest import custom, logs, pipeline
from .rest.exchange import Exchange
from .rest.plan import Plan, Route
from .rest.refusals import Refusal
from .room import Room
from .times import long_time

STAGE = "test-invoke-stage"


class TestingRoom(Room):
    """The room as API Gateway's control plane sees it (`services.apigateway.testing.Tester`)."""

    __test__ = False

    async def test_invoke(self, snapshot: Snapshot, resource: Resource, method: Method, trial: Trial) -> Tested:
        """See `Tester`."""
        x = self._exchange(snapshot, trial.path or resource.path, method.http_method, trial)
        validator = snapshot.validators.get(method.validator_id or "")
        x.route = Route(resource, method, validator)
        routed = x.plan.route(x.found.path, x.request.method)
        if routed is not None and routed[0].resource.id == resource.id:
            x.parameters = routed[1]
        logs.begin(x)
        x.note(f"Method request body before transformations: {trial.body}")
        made = await pipeline.tested(x)
        x.answer = made
        if x.traced:
            made.headers.insert(0, ("X-Amzn-Trace-Id", x.trace_id))
        logs.end(x)
        shown: dict[str, list[str]] = {}
        for name, value in made.headers:
            shown.setdefault(name, []).append(value)
        return Tested(
            status=made.status,
            body=made.body.decode("utf-8", "replace"),
            headers=shown,
            log=self._log(x),
            latency_ms=self._elapsed(x),
        )

    async def test_authorizer(self, snapshot: Snapshot, authorizer: Authorizer, trial: Trial) -> TestedAuthorizer:
        """See `Tester`."""
        x = self._exchange(snapshot, trial.path or "/", "GET", trial)
        x.lines = []
        x.route = Route(
            Resource(id=snapshot.api.root, path="/"),
            Method(http_method="GET", authorization=authorizer.type, authorizer_id=authorizer.id),
            None,
        )
        x.plan.snapshot.authorizers[authorizer.id] = authorizer
        x.note(f"Starting authorizer: {authorizer.id} for request: {x.request_id}")
        try:
            if authorizer.type == "COGNITO_USER_POOLS":
                from .rest import cognito  # deferred, as in `rest.authorization`

                await cognito.authorize(x)
                claims = (x.authorizer or {}).get("claims", {})
                return self._tested(x, 200, claims=claims)
            verdict = await custom.consult(x, authorizer, custom.sources(x, authorizer))
        except Refusal as refusal:
            x.note(refusal.note or refusal.message or refusal.type)
            return self._tested(x, refusal.status)
        x.note(f"Successfully completed authorizer execution, principal: {verdict.principal}")
        authorization = {name: [value] for name, value in verdict.context.items()}
        return self._tested(x, 200, verdict.principal, verdict.document, authorization)

    def _tested(
        self,
        x: Exchange,
        status: int,
        principal: str = "",
        policy: str = "",
        authorization: dict[str, list[str]] | None = None,
        claims: dict[str, str] | None = None,
    ) -> TestedAuthorizer:
        return TestedAuthorizer(
            client_status=status,
            log=self._log(x),
            latency_ms=self._elapsed(x),
            principal_id=principal,
            policy=policy,
            authorization=authorization or {},
            claims=claims or {},
        )

    def _exchange(self, snapshot: Snapshot, path: str, verb: str, trial: Trial) -> Exchange:
        api = snapshot.api
        bare, _, query = path.partition("?")
        bare = bare if bare.startswith("/") else f"/{bare}"
        names = {name.lower(): ", ".join(values) for name, values in trial.headers.items()}
        body = trial.body.encode()
        verb = "GET" if verb == "ANY" else verb
        request = Request(verb, bare, query, names, BytesBody(body), id=self.cloud.ids.request_id())
        found = Found(api.id, "REST", api.account, api.region, STAGE, bare, f"/{STAGE}", "")
        now_ms = self.cloud.clock.now_ns() // 1_000_000
        stage = Stage(name=STAGE, deployment="", created_ms=now_ms, updated_ms=now_ms, variables=trial.stage_variables)
        # A copy, for an authorizer that is tested is put among the others.
        copy = Snapshot(
            api=api,
            resources=snapshot.resources,
            authorizers=dict(snapshot.authorizers),
            validators=snapshot.validators,
            models=snapshot.models,
            gateway_responses=snapshot.gateway_responses,
        )
        x = Exchange(self, request, found, stage, Plan(copy))
        x.test = True
        x.body = body
        return x

    def _elapsed(self, x: Exchange) -> int:
        return (self.cloud.clock.now_ns() - x.started_ns) // 1_000_000

    def _log(self, x: Exchange) -> str:
        """The execution log as one text, each line with its time."""
        moment = long_time(self.cloud.clock.now_ns())
        lines = [f"{moment} : {line}" for line in x.lines or ()]
        return "\n".join([f"Execution log for request {x.request_id}", *lines, ""])
