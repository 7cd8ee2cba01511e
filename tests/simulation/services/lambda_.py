"""Lambda: invocations that wait for the answer, and those that do not: retries, destinations, dead letters."""

from __future__ import annotations

import json
import random
from typing import Any, ClassVar, NamedTuple

from lambent.contracts.events import Delivery, Target
from lambent.registry import load_target
from lambent.services.sqs.events import SqsTarget
from lambent.services.sqs.waiting import Waiting

from ..compute import Run
from ..loop import SECOND_NS, pause
from ..nodes import ACCOUNT, REGION, Mailbox, SimNode
from ..workload import Answer, Client, Lost, Outcome, Refused, Story, Workload, insist
from ..world import World
from .functions import arn_of, make_function

WORKER = "lambda-worker"
SINK = "lambda-sink"
FORGETFUL = "lambda-forgetful"
"""Without retries, and with a dead letter queue."""
LIMITED = "lambda-limited"
LIMIT = 2
DEAD_QUEUE = f"arn:aws:sqs:{REGION}:{ACCOUNT}:sim-dead-letters"
RUNS_MAX = {WORKER: 3, FORGETFUL: 1, LIMITED: 3}
DELAYS_S = (60, 120)


class Asked(NamedTuple):
    """What one asynchronous invocation asked for: the number of runs that fail, and of refusals before the first."""

    function: str
    fail: int
    throttle: int


class _Queues:
    """The simulation's queue in front of the service's."""

    def __init__(self, mailbox: Mailbox, node: SimNode) -> None:
        self._mailbox = mailbox
        self._node = node
        self._real: Target | None = None

    async def deliver(self, delivery: Delivery) -> None:
        """Into the mailbox, or to the service."""
        await self._for(delivery.event.target).deliver(delivery)

    async def check(self, target: str, principal: str, source: str, account: str) -> None:
        """Ask whose it is."""
        await self._for(target).check(target, principal, source, account)

    @property
    def waiting(self) -> Waiting:
        """The service's long polls."""
        real = self._for("")
        assert isinstance(real, SqsTarget)
        return real.waiting

    def _for(self, target: str) -> Target:
        if target == DEAD_QUEUE:
            return self._mailbox
        if self._real is None:
            self._real = load_target(self._node, "sqs")
        return self._real


class Lambda(Workload):
    """See the module."""

    name: ClassVar[str] = "lambda"

    def __init__(self, world: World, chance: random.Random) -> None:
        super().__init__(world, chance)
        self.asked: dict[int, Asked] = {}
        self.outcomes: dict[int, Outcome] = {}
        self.mailbox = Mailbox()
        self.versions: set[int] = set()

    def install(self) -> None:
        """See `Workload`."""
        self.world.ground.targets["sqs"] = lambda node: _Queues(self.mailbox, node)

    async def prepare(self, client: Client) -> None:
        """See `Workload`."""
        await make_function(client, SINK)
        await make_function(client, WORKER)
        await make_function(client, FORGETFUL, DeadLetterConfig={"TargetArn": DEAD_QUEUE})
        await make_function(client, LIMITED)
        await client.must("lambda", "PutFunctionConcurrency", FunctionName=LIMITED, ReservedConcurrentExecutions=LIMIT)
        sink = {"Destination": arn_of(SINK)}
        await client.must(
            "lambda",
            "PutFunctionEventInvokeConfig",
            FunctionName=WORKER,
            DestinationConfig={"OnSuccess": sink, "OnFailure": sink},
        )
        await client.must("lambda", "PutFunctionEventInvokeConfig", FunctionName=FORGETFUL, MaximumRetryAttempts=0)

    def stories(self) -> list[tuple[int, Story]]:
        """See `Workload`."""
        return [(20, self.invoke_later), (6, self.invoke_now), (10, self.invoke_limited), (3, self.publish)]

    async def invoke_later(self, client: Client) -> None:
        """Invoke asynchronously."""
        chance = client.chance
        function = chance.choice((WORKER, WORKER, FORGETFUL, LIMITED))
        asked = Asked(function, chance.choice((0, 0, 0, 1, 2, 9)), chance.choice((0, 0, 0, 2)))
        number = len(self.asked)
        self.asked[number] = asked
        slow_s = chance.choice((0.001, 0.5, 40.0))
        payload = {"number": number, "fail": asked.fail, "throttle": asked.throttle, "slow_s": slow_s}

        def told(outcome: Outcome) -> None:
            self.outcomes[number] = outcome

        await client.call(
            "lambda",
            "Invoke",
            told,
            FunctionName=function,
            InvocationType="Event",
            Payload=json.dumps(payload).encode(),
        )

    async def invoke_now(self, client: Client) -> None:
        """Invoke, and compare the answer."""
        payload = {"now": client.chance.randrange(1000), "fail": client.chance.choice((0, 0, 1))}

        def told(outcome: Outcome) -> None:
            if isinstance(outcome, Answer):
                failed = "FunctionError" in outcome.result
                insist(failed == bool(payload["fail"]), "FunctionError of", payload, "is", outcome.result)
                if not failed:
                    insist(json.loads(outcome.result["Payload"]) == payload, "another's answer:", outcome.result)
            elif isinstance(outcome, Refused):
                insist(False, "an invocation was refused:", outcome.code)

        await client.call("lambda", "Invoke", told, FunctionName=WORKER, Payload=json.dumps(payload).encode())

    async def invoke_limited(self, client: Client) -> None:
        """Invoke a function of which few may run at once."""

        def told(outcome: Outcome) -> None:
            allowed = not isinstance(outcome, Refused) or outcome.code == "TooManyRequestsException"
            insist(allowed, "refused:", outcome)

        payload = {"slow_s": client.chance.choice((0.01, 1.0, 8.0)) * client.chance.random()}
        await client.call("lambda", "Invoke", told, FunctionName=LIMITED, Payload=json.dumps(payload).encode())

    async def publish(self, client: Client) -> None:
        """Publish a version; numbers never go back, whichever node gives them."""
        begun = max(self.versions, default=0)

        def told(outcome: Outcome) -> None:
            if isinstance(outcome, Answer):
                version = int(outcome.result["Version"])
                insist(version >= begun, "version", version, "was published after", begun)
                self.versions.add(version)

        await client.call("lambda", "UpdateFunctionConfiguration", FunctionName=SINK, Description=f"{begun}")
        await client.call("lambda", "PublishVersion", told, FunctionName=SINK)

    # The end

    async def check(self, client: Client) -> None:
        """See `Workload`."""
        ended: dict[int, list[tuple[Run, int, str]]] = {}
        begun: dict[int, list[Run]] = {}
        records: dict[int, list[dict[str, Any]]] = {}
        journal = self.world.ground.journal
        for run in journal.runs:
            if run.function in RUNS_MAX and "number" in run.payload:
                begun.setdefault(run.payload["number"], []).append(run)
        for run, at_ns, error in journal.ended:
            if run.function in RUNS_MAX and "number" in run.payload:
                ended.setdefault(run.payload["number"], []).append((run, at_ns, error))
            elif run.function == SINK and "requestPayload" in run.payload:
                records.setdefault(run.payload["requestPayload"]["number"], []).append(run.payload)
        letters = {json.loads(delivery.event.payload)["number"] for delivery in self.mailbox.got}
        lost = self._lost()
        await self._check_slots(client)
        for number, asked in self.asked.items():
            outcome = self.outcomes[number]
            if isinstance(outcome, Lost) and outcome.certain:
                insist(number not in begun, "run although it was not accepted:", number, asked)
            elif isinstance(outcome, Answer) and number not in lost:
                self._check_one(number, asked, ended.get(number, []), records.get(number, []), number in letters)
            insist(not isinstance(outcome, Refused), "refused:", asked, outcome)

    async def _check_slots(self, client: Client) -> None:
        """Whatever died with calls in its hands, their slots are free again."""
        for _ in range(30):
            taken = [await client.call("lambda", "Invoke", FunctionName=LIMITED) for _ in range(4)]
            if all(isinstance(outcome, Answer) for outcome in taken):
                return
            await pause(1)
        insist(False, "nothing runs, but the limit is reached")

    def _lost(self) -> set[int]:
        """Events that brought down their nodes too often, or whose end did."""
        found = set()
        for reason, event in self.world.given_up.values():
            if reason.startswith("its lease"):
                payload = json.loads(event.payload)
                payload = payload.get("requestPayload", payload) if isinstance(payload, dict) else {}
                found.add(payload.get("number", -1))
        return found

    def _check_one(
        self, number: int, asked: Asked, ended: list[tuple[Run, int, str]], records: list[dict[str, Any]], letter: bool
    ) -> None:
        runs_max = RUNS_MAX[asked.function]
        words = ("invocation", number, asked, "ended", [(run.at_ns, at_ns, error) for run, at_ns, error in ended])
        insist(bool(ended), "accepted and never run:", *words)
        insist(len({run.request_id for run, _, _ in ended}) == 1, "request ids differ:", *words)
        good = any(not error for _, _, error in ended)
        if asked.fail == 0:
            insist(good, "never succeeded:", *words)
        insist(good or len(ended) >= runs_max, "given up too early:", *words)
        for record in records:
            context = record["requestContext"]
            wanted = "Success" if good else "RetriesExhausted"
            insist(context["condition"] == wanted or good, "wrong condition:", context, *words)
            insist(1 <= context["approximateInvokeCount"] <= runs_max, "wrong count:", context, *words)
        if asked.function == WORKER:
            insist(bool(records), "nobody told the destination:", *words)
        elif asked.function == FORGETFUL and not good:
            insist(letter, "no dead letter:", *words)
        if self.world.plan.calm:
            self._check_schedule(asked, ended, runs_max, words)

    def _check_schedule(
        self, asked: Asked, ended: list[tuple[Run, int, str]], runs_max: int, words: tuple[object, ...]
    ) -> None:
        """Without trouble there are as many runs as it takes, 60 and 120 seconds apart."""
        insist(len(ended) == min(asked.fail + 1, runs_max), "wrong number of runs:", *words)
        if asked.function == LIMITED:
            return  # who is refused waits longer
        slack_ns = int((1 + 10 * self.world.plan.delay_s_max) * SECOND_NS)
        for index, delay_s in enumerate(DELAYS_S[: len(ended) - 1]):
            wait_ns = ended[index + 1][0].at_ns - ended[index][1] - delay_s * SECOND_NS
            insist(0 <= wait_ns <= slack_ns, "wrong time between runs:", wait_ns, *words)
