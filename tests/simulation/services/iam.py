"""IAM: users with keys and policies, roles with trust, and what their callers may do, on whichever node they ask."""

from __future__ import annotations

import json
import random
from collections.abc import Hashable
from typing import Any, ClassVar, NamedTuple

from lambent.contracts.caller import Caller, Principal

from ..linear import History, Operation
from ..nodes import ACCOUNT, SimNode
from ..workload import Answer, Client, Outcome, Refused, Story, Workload, insist, tell
from ..world import World

USERS = ("ann", "bob")
ROLES = ("reader",)
KEYS_MAX = 2
ASKED = "iam:ListAccountAliases"
MISSING = "NoSuchEntity"


class User(NamedTuple):
    """A user, as the model knows it. `id` is the operation that created it; `inline` and `managed` are Allow, Deny or
    nothing; `keys` are (the operation that made it, whether it is active)."""

    id: int
    inline: str = ""
    attached: bool = False
    keys: frozenset[tuple[int, bool]] = frozenset()


class UserSpec:
    """A user's name, and the managed policy that is its alone: (the user or None, the policy's effect)."""

    initial: Hashable = (None, "Allow")

    def apply(self, state: tuple[User | None, str], operation: Operation) -> tuple[Hashable, Hashable]:
        """See `linear.Spec`."""
        user, managed = state
        kind, args = operation.kind, operation.args
        if kind == "switch":
            return (user, args[0]), "switched"
        if kind == "create":
            return ((User(operation.id), managed), "created") if user is None else (state, "EntityAlreadyExists")
        if kind == "find-key":
            return state, self._find_key(user, args[0])
        if kind == "ask":
            return state, "allowed" if _allowed(user, managed, args[0]) else "AccessDenied"
        if user is None:
            return state, MISSING
        if kind == "delete":
            busy = user.inline or user.attached or user.keys
            return (state, "DeleteConflict") if busy else ((None, managed), "deleted")
        changed, observed = self._change(user, operation)
        return (changed, managed), observed

    @staticmethod
    def _find_key(user: User | None, id: int) -> str:
        found = [active for key, active in user.keys if key == id] if user is not None else []
        return "unknown" if not found else "active" if found[0] else "inactive"

    @staticmethod
    def _change(user: User, operation: Operation) -> tuple[User, Hashable]:
        kind, args = operation.kind, operation.args
        if kind == "look":
            return user, ("there", user.id)
        if kind == "put-policy":
            return user._replace(inline=args[0]), "done"
        if kind == "delete-policy":
            return (user._replace(inline=""), "done") if user.inline else (user, MISSING)
        if kind == "attach":
            return user._replace(attached=True), "done"
        if kind == "detach":
            return (user._replace(attached=False), "done") if user.attached else (user, MISSING)
        if kind == "create-key":
            full = len(user.keys) >= KEYS_MAX
            return (user, "LimitExceeded") if full else (user._replace(keys=user.keys | {(operation.id, True)}), "done")
        if kind == "list-keys":
            return user, tuple(sorted(active for _, active in user.keys))
        held = {key for key in user.keys if key[0] == args[0]}
        if not held:
            return user, MISSING
        if kind == "delete-key":
            return user._replace(keys=user.keys - held), "done"
        assert kind == "set-key"
        return user._replace(keys=(user.keys - held) | {(args[0], args[1])}), "done"


def _allowed(user: User | None, managed: str, id: int) -> bool:
    # One that was made anew under an old name is somebody else.
    if user is None or user.id != id:
        return False
    effects = {user.inline, managed if user.attached else ""}
    return "Allow" in effects and "Deny" not in effects


class RoleSpec:
    """A role: whom it trusts, None while there is none."""

    initial: Hashable = None

    def apply(self, state: str | None, operation: Operation) -> tuple[Hashable, Hashable]:
        """See `linear.Spec`."""
        kind, args = operation.kind, operation.args
        if kind == "create":
            return (args[0], "done") if state is None else (state, "EntityAlreadyExists")
        if kind == "assume":
            return state, "done" if state == args[0] else "AccessDenied"
        if state is None:
            return None, MISSING
        return (None if kind == "delete" else args[0]), "done"


class Iam(Workload):
    """See the module."""

    name: ClassVar[str] = "iam"

    def __init__(self, world: World, chance: random.Random) -> None:
        super().__init__(world, chance)
        self.users = {name: History(f"user {name}", UserSpec()) for name in USERS}
        self.roles = {name: History(f"role {name}", RoleSpec()) for name in ROLES}
        self.ids: dict[str, dict[str, int]] = {name: {} for name in USERS}
        """The users' ids that were told, and the operations that made them."""
        self.keys: dict[str, dict[int, str]] = {name: {} for name in USERS}

    async def prepare(self, client: Client) -> None:
        """See `Workload`."""
        for name in USERS:
            await client.must("iam", "CreatePolicy", PolicyName=f"sim-{name}", PolicyDocument=_policy("Allow"))
            await client.must("iam", "CreatePolicyVersion", PolicyArn=_arn(name), PolicyDocument=_policy("Deny"))

    def stories(self) -> list[tuple[int, Story]]:
        """See `Workload`."""
        return [
            (6, self.create),
            (4, self.delete),
            (14, self.change),
            (12, self.key),
            (20, self.ask),
            (8, self.look),
            (10, self.role),
        ]

    def _user(self, client: Client) -> tuple[str, History]:
        name = client.chance.choice(USERS)
        return name, self.users[name]

    async def create(self, client: Client) -> None:
        """Create a user."""
        name, history = self._user(client)
        operation = history.begin("create")
        told = tell(history, operation, lambda _: "created")

        def created(outcome: Outcome) -> None:
            told(outcome)
            if isinstance(outcome, Answer):
                self.ids[name][outcome.result["User"]["UserId"]] = operation.id

        await client.call("iam", "CreateUser", created, UserName=name)

    async def delete(self, client: Client) -> None:
        """Delete a user, who may have to give up everything first."""
        name, history = self._user(client)
        if client.chance.random() < 0.7:
            await self._simple(
                client, history, "delete-policy", (), "DeleteUserPolicy", UserName=name, PolicyName="own"
            )
            await self._simple(client, history, "detach", (), "DetachUserPolicy", UserName=name, PolicyArn=_arn(name))
            for id, key in list(self.keys[name].items()):
                await self._simple(
                    client, history, "delete-key", (id,), "DeleteAccessKey", UserName=name, AccessKeyId=key
                )
        told = tell(history, history.begin("delete"), lambda _: "deleted")
        await client.call("iam", "DeleteUser", told, UserName=name)

    async def _simple(
        self, client: Client, history: History, kind: str, args: tuple[Any, ...], operation: str, **params: Any
    ) -> None:
        """A call that just succeeds or fails."""
        told = tell(history, history.begin(kind, *args), lambda _: "done")
        await client.call("iam", operation, told, **params)

    async def change(self, client: Client) -> None:
        """Change what a user may do."""
        name, history = self._user(client)
        chance = client.chance
        what = chance.choice(("put-policy", "put-policy", "delete-policy", "attach", "detach", "switch"))
        effect = chance.choice(("Allow", "Deny"))
        user = {"UserName": name}
        if what == "put-policy":
            params = {**user, "PolicyName": "own", "PolicyDocument": _policy(effect)}
            await self._simple(client, history, what, (effect,), "PutUserPolicy", **params)
        elif what == "delete-policy":
            await self._simple(client, history, what, (), "DeleteUserPolicy", **user, PolicyName="own")
        elif what == "attach":
            await self._simple(client, history, what, (), "AttachUserPolicy", **user, PolicyArn=_arn(name))
        elif what == "detach":
            await self._simple(client, history, what, (), "DetachUserPolicy", **user, PolicyArn=_arn(name))
        else:
            version = {"Allow": "v1", "Deny": "v2"}[effect]
            told = tell(history, history.begin("switch", effect), lambda _: "switched")
            await client.call("iam", "SetDefaultPolicyVersion", told, PolicyArn=_arn(name), VersionId=version)

    async def key(self, client: Client) -> None:
        """Make, delete or switch an access key, or look whom it stands for."""
        name, history = self._user(client)
        known = self.keys[name]
        if not known or client.chance.random() < 0.3:
            operation = history.begin("create-key")
            told = tell(history, operation, lambda _: "done")

            def created(outcome: Outcome) -> None:
                told(outcome)
                if isinstance(outcome, Answer):
                    known[operation.id] = outcome.result["AccessKey"]["AccessKeyId"]

            await client.call("iam", "CreateAccessKey", created, UserName=name)
            return
        id, key = client.chance.choice(list(known.items()))
        what = client.chance.random()
        params = {"UserName": name, "AccessKeyId": key}
        if what < 0.25:
            await self._simple(client, history, "delete-key", (id,), "DeleteAccessKey", **params)
        elif what < 0.5:
            active = client.chance.random() < 0.5
            status = "Active" if active else "Inactive"
            await self._simple(client, history, "set-key", (id, active), "UpdateAccessKey", **params, Status=status)
        else:
            await self._find_key(client, history, id, key)

    async def _find_key(self, client: Client, history: History, id: int, key: str) -> None:
        async def work(node: SimNode) -> str:
            found = await node.store.read(lambda tx: node.directory.credential(tx, key))
            return "unknown" if found is None else "active" if found.active else "inactive"

        await client.world.request(work, tell(history, history.begin("find-key", id), str), "find a key")

    async def ask(self, client: Client) -> None:
        """Do something as a user, who may be allowed to or not."""
        name, history = self._user(client)
        if not self.ids[name]:
            return
        user_id, id = client.chance.choice(list(self.ids[name].items()))
        arn = f"arn:aws:iam::{ACCOUNT}:user/{name}"
        caller = Caller(kind=Principal.USER, account=ACCOUNT, arn=arn, user_id=user_id)
        told = tell(history, history.begin("ask", id), lambda _: "allowed")
        await client.call("iam", "ListAccountAliases", told, caller)

    async def look(self, client: Client) -> None:
        """Look at a user, or list its keys."""
        name, history = self._user(client)
        if client.chance.random() < 0.5:
            told = tell(history, history.begin("list-keys"), _statuses)
            await client.call("iam", "ListAccessKeys", told, UserName=name)
            return
        operation = history.begin("look")

        def looked(outcome: Outcome) -> None:
            known = self.ids[name].get(outcome.result["User"]["UserId"]) if isinstance(outcome, Answer) else None
            if isinstance(outcome, Answer) and known is None:
                # Made by somebody who was never told, so it has no name in the model.
                history.vanishes(operation)
            else:
                tell(history, operation, lambda _: ("there", known))(outcome)

        await client.call("iam", "GetUser", looked, UserName=name)

    async def role(self, client: Client) -> None:
        """Make, change, delete or assume a role."""
        name = client.chance.choice(ROLES)
        history = self.roles[name]
        service = client.chance.choice(("lambda.amazonaws.com", "events.amazonaws.com"))
        what = client.chance.choice(("create", "delete", "trust", "assume", "assume"))
        if what == "create":
            params = {"RoleName": name, "AssumeRolePolicyDocument": _trust(service)}
            await self._simple(client, history, what, (service,), "CreateRole", **params)
        elif what == "delete":
            await self._simple(client, history, what, (), "DeleteRole", RoleName=name)
        elif what == "trust":
            document = _trust(service)
            await self._simple(
                client, history, what, (service,), "UpdateAssumeRolePolicy", RoleName=name, PolicyDocument=document
            )
        else:

            async def work(node: SimNode) -> None:
                await node.directory.role_session(f"arn:aws:iam::{ACCOUNT}:role/{name}", "sim", service)

            told = tell(history, history.begin("assume", service), lambda _: "done")
            await client.world.request(work, told, "assume a role")

    # The end

    async def check(self, client: Client) -> None:
        """See `Workload`."""
        for name, history in self.users.items():
            for _ in self.world.living():
                told = tell(history, history.begin("list-keys"), _statuses)
                await client.call("iam", "ListAccessKeys", told, UserName=name)
                for id, key in self.keys[name].items():
                    await self._find_key(client, history, id, key)
            listed = await client.call("iam", "ListUserPolicies", UserName=name)
            could_be = history.states()
            if isinstance(listed, Refused):
                insist(any(user is None for user in map(_user, could_be)), name, "is gone; it could be", could_be)
            else:
                names = _names(listed)
                fits = any(user is not None and bool(user.inline) == bool(names) for user in map(_user, could_be))
                insist(fits, "the policies of", name, "are", names, "but it could be", could_be)


def _user(state: Any) -> User | None:
    user: User | None = state[0]
    return user


def _names(outcome: Outcome) -> list[str]:
    assert isinstance(outcome, Answer)
    found: list[str] = outcome.result["PolicyNames"]
    return found


def _statuses(result: dict[str, Any]) -> Hashable:
    return tuple(sorted(row["Status"] == "Active" for row in result["AccessKeyMetadata"]))


def _arn(user: str) -> str:
    return f"arn:aws:iam::{ACCOUNT}:policy/sim-{user}"


def _policy(effect: str) -> str:
    statement = {"Effect": effect, "Action": ASKED, "Resource": "*"}
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


def _trust(service: str) -> str:
    statement = {"Effect": "Allow", "Principal": {"Service": service}, "Action": "sts:AssumeRole"}
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})
