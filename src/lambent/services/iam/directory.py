"""The directory of all callers: IAM's and STS's face to authentication, authorization and to services that act in a
role. Implements `contracts.ports.Directory`."""

from __future__ import annotations

import re
from typing import TypeVar

import msgspec

from lambent import policy
from lambent.contracts.access import AccessRequest, NamedPolicy, PolicySet
from lambent.contracts.caller import Caller, Credential, Principal, Role, root, service
from lambent.contracts.ports import Cloud, Reader, Transaction

from . import keys, managed_policies, model
from .errors import AccessDenied

_ACCOUNT = re.compile(r"\d{12}")
_NO_POLICIES = PolicySet()
_SIZE_MAX = 4096
_USE_INTERVAL_MS = 60_000
_EXPIRED_PER_ISSUE = 8
V = TypeVar("V")


def _remember(cache: dict[str, V], key: str, value: V) -> V:
    """Put into a bounded cache; the oldest entry leaves first."""
    while len(cache) >= _SIZE_MAX:
        cache.pop(next(iter(cache)), None)
    cache[key] = value
    return value


class IamDirectory:
    """Who an access key stands for, and what is attached to a caller.

    What it remembers is checked against the store on every call: credentials by their records, policies by the
    account's stamp, which every change of permissions moves, on whichever node it happens.
    """

    def __init__(self, cloud: Cloud) -> None:
        self._cloud = cloud
        self._conventional: dict[str, Credential] = {}
        self._credentials: dict[str, tuple[model.AccessKey, model.User | None, Credential]] = {}
        self._sessions: dict[str, tuple[model.Session, Credential]] = {}
        self._policies: dict[str, tuple[Caller, model.Stamp | None, PolicySet]] = {}
        self._uses: dict[str, int] = {}

    # Credentials

    def credential(self, tx: Reader, access_key: str) -> Credential | None:
        """Whom an access key stands for; None when unknown or expired."""
        if access_key.startswith("ASIA"):
            return self._temporary(tx, access_key)
        key = keys.KEYS.get(tx, access_key)
        if key is not None:
            return self._long_term(tx, key)
        return self._convention(access_key) if self._cloud.settings.auth == "default" else None

    def _convention(self, access_key: str) -> Credential | None:
        """The key `test`, and a key that is an account's number, are root users' (see DESIGN.md)."""
        found = self._conventional.get(access_key)
        if found is not None:
            return found
        if access_key == "test":
            account = self._cloud.settings.account
        elif _ACCOUNT.fullmatch(access_key):
            account = access_key
        else:
            return None
        made = Credential(access_key=access_key, secret="test", caller=root(account, access_key))
        return _remember(self._conventional, access_key, made)

    def _long_term(self, tx: Reader, key: model.AccessKey) -> Credential | None:
        user = keys.USERS.get(tx, key.account, key.user.lower()) if key.user else None
        cached = self._credentials.get(key.id)
        if cached is not None and cached[0] is key and cached[1] is user:
            return cached[2]
        if user is not None:
            caller = _user_caller(user, key.id)
        elif key.user:
            return None
        else:
            caller = root(key.account, key.id)
        made = Credential(access_key=key.id, secret=key.secret, caller=caller, active=key.active)
        return _remember(self._credentials, key.id, (key, user, made))[2]

    def _temporary(self, tx: Reader, access_key: str) -> Credential | None:
        session = keys.SESSIONS.get(tx, access_key)
        if session is None:
            return None
        cached = self._sessions.get(access_key)
        if cached is not None and cached[0] is session:
            return cached[1]
        made = Credential(
            access_key=access_key,
            secret=session.secret,
            caller=session.caller,
            token=session.token,
            expires_ns=session.expires_ns,
        )
        return _remember(self._sessions, access_key, (session, made))[1]

    def principal_exists(self, tx: Reader, arn: str) -> bool:
        """Whether the user or role that a policy names as its principal exists; true of all other ARNs."""
        parts = arn.split(":", 5)
        if len(parts) != 6 or parts[2] != "iam":
            return True
        kind, _, name = parts[5].partition("/")
        if kind not in ("user", "role"):
            return True
        entity = keys.find(tx, kind, parts[4], name.rpartition("/")[2])
        return entity is not None and entity.arn == arn

    def key_account(self, tx: Reader, access_key: str) -> str | None:
        """The account of an access key of any kind; None when unknown."""
        found = self.credential(tx, access_key)
        return found.caller.account if found is not None else None

    def note_use(self, caller: Caller, service_name: str, region: str) -> None:
        """Say that a request was signed by the caller's key; GetAccessKeyLastUsed tells it, to the minute."""
        now_ms = self._cloud.clock.now_ns() // 1_000_000
        key = caller.access_key
        if not key.startswith("AKIA") or now_ms - self._uses.get(key, 0) < _USE_INTERVAL_MS:
            return
        _remember(self._uses, key, now_ms)
        use = model.KeyUse(now_ms, service_name, region)
        self._cloud.spawn(self._cloud.store.write(lambda tx: keys.KEY_USES.put(tx, use, key)))

    async def root_key(self, account: str) -> tuple[str, str] | None:
        """Make the first access key of an account's root user: (access key, secret); None when it has one."""
        ids = self._cloud.ids
        made_ms = self._cloud.clock.now_ns() // 1_000_000
        key = model.AccessKey(
            id=model.access_key_id(ids, "AKIA", account),
            secret=ids.alphanumeric(40),
            account=account,
            user="",
            created_ms=made_ms,
        )

        def make(tx: Transaction) -> bool:
            before = keys.account_of(tx, account)
            if before.root_keys:
                return False
            keys.KEYS.put(tx, key, key.id)
            keys.ACCOUNTS.put(tx, msgspec.structs.replace(before, root_keys=(key.id,)), account)
            return True

        return (key.id, key.secret) if await self._cloud.store.write(make) else None

    # Policies

    def policies(self, tx: Reader, caller: Caller) -> PolicySet:
        """The policies attached to a caller: its own, its groups', its boundary and its session's."""
        if caller.kind in (Principal.ROOT, Principal.SERVICE, Principal.ANONYMOUS):
            return _NO_POLICIES
        stamp = keys.STAMPS.get(tx, caller.account)
        key = caller.access_key or caller.arn
        cached = self._policies.get(key)
        if cached is not None and cached[1] is stamp and (cached[0] is caller or cached[0] == caller):
            return cached[2]
        return _remember(self._policies, key, (caller, stamp, _gather(tx, caller)))[2]

    # Roles and sessions

    def role(self, tx: Reader, role_arn: str) -> Role | None:
        """The role of an ARN; None when there is none."""
        record = _role_record(tx, role_arn)
        if record is None:
            return None
        return Role(
            arn=record.arn,
            account=record.account,
            name=record.name,
            id=record.id,
            trust=record.trust,
            tags=record.tags,
            session_s_max=record.session_s_max,
        )

    def issue(self, tx: Transaction, caller: Caller, duration_s: int) -> Credential:
        """Make and store temporary credentials; forgets some that have expired."""
        ids = self._cloud.ids
        now_ns = self._cloud.clock.now_ns()
        access_key = keys.new_access_key(tx, ids, "ASIA", caller.account)
        caller = msgspec.structs.replace(caller, access_key=access_key, issued_at_ns=now_ns)
        secret, token = ids.alphanumeric(40), f"FwoGZXIvYXdz{ids.alphanumeric(200)}"
        expires_ns = now_ns + duration_s * 1_000_000_000
        session = model.Session(secret=secret, token=token, caller=caller, expires_ns=expires_ns)
        self._forget_expired(tx, now_ns)
        keys.SESSIONS.put(tx, session, access_key)
        keys.SESSION_ENDS.put(tx, model.Mark(), expires_ns, access_key)
        return Credential(access_key=access_key, secret=secret, caller=caller, token=token, expires_ns=expires_ns)

    @staticmethod
    def _forget_expired(tx: Transaction, now_ns: int) -> None:
        # An hour's grace: a request with an expired token is to hear that it has expired, not that it is unknown.
        due_ns = now_ns - 3_600_000_000_000
        for key, _ in keys.SESSION_ENDS.scan(tx, limit=_EXPIRED_PER_ISSUE):
            expires_ns, access_key = keys.SESSION_ENDS.parts(key)
            if not isinstance(expires_ns, int) or expires_ns > due_ns:
                return
            keys.SESSION_ENDS.delete(tx, expires_ns, access_key)
            keys.SESSIONS.delete(tx, access_key)

    async def role_session(
        self, role_arn: str, session: str, principal: str, duration_s: int = 3600, *, source_arn: str = ""
    ) -> Credential:
        """Temporary credentials of a role for a service principal (`lambda.amazonaws.com`), after the role's trust
        policy agreed; `AccessDenied` when it does not or there is no such role. `source_arn` is the resource on
        whose behalf the service asks, for trust policies that name it. It is of the role's own account: a trust policy
        that lets a service in says nothing of whose resources the service acts for."""

        def assume(tx: Transaction) -> Credential:
            role = self.role(tx, role_arn)
            if role is None or not _trusts(role, principal, source_arn):
                raise AccessDenied(
                    f"User: {principal} is not authorized to perform: sts:AssumeRole on resource: {role_arn} "
                    "because no role trust policy allows the sts:AssumeRole action"
                )
            return self.issue(tx, role_caller(role, session), duration_s)

        return await self._cloud.store.write(assume)


def role_caller(role: Role, session: str) -> Caller:
    """A session of a role as a caller, without its credentials' parts."""
    return Caller(
        kind=Principal.ROLE,
        account=role.account,
        arn=f"arn:aws:sts::{role.account}:assumed-role/{role.name}/{session}",
        user_id=f"{role.id}:{session}",
        role_arn=role.arn,
        tags=role.tags,
    )


def _user_caller(user: model.User, access_key: str) -> Caller:
    return Caller(
        kind=Principal.USER,
        account=user.account,
        arn=user.arn,
        user_id=user.id,
        access_key=access_key,
        tags=user.tags,
    )


def _trusts(role: Role, principal: str, source_arn: str) -> bool:
    owner = source_arn.split(":", 5)[4] if source_arn.count(":") >= 5 else ""
    if owner not in ("", role.account):
        return False
    conditions: dict[str, str | tuple[str, ...]] = {"aws:sourceaccount": role.account}
    if source_arn:
        conditions["aws:sourcearn"] = source_arn
    trust = (NamedPolicy(role.arn, role.trust),)
    asked = AccessRequest(service(principal, role.account), "sts:AssumeRole", role.arn, conditions, trust, role.account)
    return policy.evaluate(asked, _NO_POLICIES).allowed


def _role_record(tx: Reader, role_arn: str) -> model.RoleRecord | None:
    parts = role_arn.split(":", 5)
    if len(parts) != 6 or parts[2] != "iam" or not parts[5].startswith("role/"):
        return None
    record = keys.ROLES.get(tx, parts[4], parts[5].rpartition("/")[2].lower())
    return record if record is not None and record.arn == role_arn else None


def _gather(tx: Reader, caller: Caller) -> PolicySet:
    """Read the policies of a user, of a role's session, or of a federated user, whose user is in `role_arn`."""
    entity: model.User | model.RoleRecord | None
    if caller.kind is Principal.ROLE:
        entity = _role_record(tx, caller.role_arn)
        own_id = caller.user_id.partition(":")[0]
    else:
        arn = caller.role_arn or caller.arn
        entity = keys.USERS.get(tx, caller.account, arn.rpartition("/")[2].lower())
        own_id = entity.id if entity is not None and caller.kind is Principal.FEDERATED else caller.user_id
    # One made anew under an old name is another principal.
    if entity is None or entity.id != own_id:
        identity: tuple[NamedPolicy, ...] = ()
        boundary = None
    else:
        identity = entity_policies(tx, entity)
        boundary = managed_policy(tx, entity.boundary) if entity.boundary else None
    if caller.kind is Principal.FEDERATED and caller.role_arn.endswith(":root"):
        identity = (_EVERYTHING,)
    return PolicySet(identity=identity, boundary=boundary, session=_session_policies(tx, caller))


_EVERYTHING = NamedPolicy(
    "root", '{"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}'
)


def _session_policies(tx: Reader, caller: Caller) -> tuple[NamedPolicy, ...] | None:
    passed = tuple(NamedPolicy("session", document) for document in caller.session_policies)
    attached = tuple(managed_policy(tx, arn) for arn in caller.session_policy_arns)
    if not passed and not attached:
        # GetFederationToken without policies leaves a federated user with none of its own.
        return (NamedPolicy("session", "{}"),) if caller.kind is Principal.FEDERATED else None
    return passed + attached


def entity_policies(tx: Reader, entity: model.AnyEntity) -> tuple[NamedPolicy, ...]:
    """The identity policies of a user (its groups' included), group or role."""
    found = [managed_policy(tx, arn) for arn in entity.attached]
    found += [NamedPolicy(name, document) for name, document in entity.inline]
    for name in entity.groups if isinstance(entity, model.User) else ():
        group = keys.GROUPS.get(tx, entity.account, name.lower())
        if group is not None:
            found += entity_policies(tx, group)
    return tuple(found)


def managed_policy(tx: Reader, arn: str) -> NamedPolicy:
    """A managed policy's default version; one that does not exist allows nothing (a boundary then stops all)."""
    own = keys.find_policy(tx, arn)
    if own is not None:
        return NamedPolicy(arn, own.document)
    aws = managed_policies.find(arn)
    return NamedPolicy(arn, aws.document if aws is not None else "{}")
