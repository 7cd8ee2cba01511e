"""PartiQL carried out: the same answers as the classic operations give."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest
from hypothesis import given, reject, settings
from hypothesis import strategies as st

from lambent.contracts.caller import Caller, Principal
from lambent.contracts.errors import ServiceError

from .support import DynamoCloud, index, run, thing


async def sql(cloud: DynamoCloud, text: str, *parameters: Any, **options: Any) -> dict[str, Any]:
    """Execute a statement."""
    if parameters:
        options["Parameters"] = list(parameters)
    return await cloud.call("dynamodb", "ExecuteStatement", Statement=text, **options)


async def refused(cloud: DynamoCloud, code: str, text: str, *parameters: Any, **options: Any) -> str:
    """The message with which a statement is refused."""
    with pytest.raises(ServiceError) as found:
        await sql(cloud, text, *parameters, **options)
    assert found.value.code == code, found.value.message
    return found.value.message


def test_insert_update_delete_and_their_refusals() -> None:
    async def body(cloud: DynamoCloud) -> None:
        await cloud.table()
        insert = "INSERT INTO things VALUE {'pk': 'a', 'sk': ?, 'n': 1, 'tags': <<'x'>>}"
        assert await sql(cloud, insert, {"S": "b"}) == {"Items": []}
        duplicate = await refused(cloud, "DuplicateItemException", insert, {"S": "b"})
        assert duplicate == "Duplicate primary key exists in table"
        where = "WHERE pk = 'a' AND sk = 'b'"
        updated = await sql(cloud, f"UPDATE things SET n = n + 1 SET m = 'new' {where} RETURNING MODIFIED NEW *")
        assert updated["Items"] == [{"n": {"N": "2"}, "m": {"S": "new"}}]
        old = await sql(cloud, f"UPDATE things REMOVE m {where} RETURNING ALL OLD *")
        assert old["Items"][0]["m"] == {"S": "new"}
        new = await sql(cloud, f"UPDATE things SET n = 7 {where} RETURNING ALL NEW *")
        assert new["Items"] == [thing("a", "b", n=7, tags={"SS": ["x"]})]
        gone = await sql(cloud, f"UPDATE things SET n = 8 {where} RETURNING MODIFIED OLD *")
        assert gone["Items"] == [{"n": {"N": "7"}}]
        await refused(cloud, "ConditionalCheckFailedException", f"UPDATE things SET n = 8 {where} AND n = 1")
        await refused(cloud, "ConditionalCheckFailedException", "UPDATE things SET n = 8 WHERE pk='x' AND sk='y'")
        await refused(cloud, "ConditionalCheckFailedException", f"DELETE FROM things {where} AND n = 1")
        message = await refused(cloud, "ValidationException", "DELETE FROM things WHERE pk = 'a'")
        assert message == "Where clause does not contain a mandatory equality on all key attributes"
        assert await sql(cloud, "DELETE FROM things WHERE pk = 'x' AND sk = 'y'") == {"Items": []}
        deleted = await sql(cloud, f"DELETE FROM things {where} RETURNING ALL OLD *")
        assert deleted["Items"][0]["n"] == {"N": "8"}
        assert (await cloud.db("Scan"))["Count"] == 0
        await refused(cloud, "ResourceNotFoundException", "SELECT * FROM nowhere")
        assert "Missing the key sk" in await refused(
            cloud, "ValidationException", "INSERT INTO things VALUE {'pk':'a'}"
        )

    run(body)


def test_select_reads_what_the_keys_say_and_no_more() -> None:
    async def body(cloud: DynamoCloud) -> None:
        await cloud.table("pk:S sk:N / owner:S", GlobalSecondaryIndexes=[index("by-owner", "owner sk", "KEYS_ONLY")])
        for pk in "abc":
            await cloud.put(*({**thing(pk, ""), "sk": {"N": str(n)}, "owner": {"S": f"o{n % 2}"}} for n in range(6)))

        async def numbers(text: str, **options: Any) -> tuple[list[str], float]:
            found = await sql(cloud, text, ReturnConsumedCapacity="TOTAL", **options)
            return [i["pk"]["S"] + i["sk"]["N"] for i in found["Items"]], found["ConsumedCapacity"]["CapacityUnits"]

        assert await numbers("SELECT * FROM things WHERE pk = 'a' AND sk > 3") == (["a4", "a5"], 0.5)
        assert await numbers("SELECT * FROM things WHERE pk = 'a' AND sk >= 2 AND sk < 4") == (["a2", "a3"], 0.5)
        assert await numbers("SELECT * FROM things WHERE sk = 1 AND pk = 'b'") == (["b1"], 0.5)
        found, units = await numbers("SELECT * FROM things WHERE pk IN ('c','a') AND sk BETWEEN 1 AND 2 ORDER BY pk")
        assert (found, units) == (["a1", "a2", "c1", "c2"], 1.0)
        down = "SELECT * FROM things WHERE pk IN ['c','a'] AND sk < 2 ORDER BY pk DESC, sk DESC"
        assert (await numbers(down))[0] == ["c1", "c0", "a1", "a0"]
        owned = "SELECT pk, sk FROM things.\"by-owner\" WHERE owner = 'o1' AND sk > 2 ORDER BY sk DESC"
        assert [name[1] for name in (await numbers(owned))[0]] == ["5", "5", "5", "3", "3", "3"]
        pages = []
        token: dict[str, str] = {}
        while True:
            page = await sql(cloud, "SELECT sk FROM things WHERE pk IN ('a','b')", Limit=4, **token)
            pages.append([item["sk"]["N"] for item in page["Items"]])
            if "NextToken" not in page:
                break
            token = {"NextToken": page["NextToken"]}
        assert [n for page in pages for n in page] == [*"012345", *"012345"]
        other = await refused(cloud, "ValidationException", "SELECT * FROM things", **(token or {"NextToken": "x"}))
        assert other == "NextToken does not match request"
        assert "WHERE clause" in await refused(cloud, "ValidationException", "SELECT * FROM things ORDER BY sk")
        nothing = await sql(cloud, "SELECT missing FROM things WHERE pk = 'a' AND sk = 1", Limit=1)
        assert nothing == {"Items": [{}]}

    run(body)


def test_a_batch_answers_every_statement_for_itself() -> None:
    async def body(cloud: DynamoCloud) -> None:
        await cloud.table()
        await cloud.put(thing("a", "1", n=1))
        statements = [
            {"Statement": "INSERT INTO things VALUE {'pk':'a','sk':'1'}"},
            {"Statement": "UPDATE things SET n=2 WHERE pk='a' AND sk='1' RETURNING ALL NEW *"},
            {"Statement": "DELETE FROM things WHERE pk='a'"},
            {"Statement": "nonsense"},
            {"Statement": "DELETE FROM nowhere WHERE pk='a'"},
        ]
        answer = await cloud.call(
            "dynamodb", "BatchExecuteStatement", Statements=statements, ReturnConsumedCapacity="TOTAL"
        )
        codes = [response.get("Error", {}).get("Code") for response in answer["Responses"]]
        assert codes == ["DuplicateItem", None, "ValidationError", "ValidationError", "ResourceNotFound"]
        assert answer["Responses"][1] == {"TableName": "things", "Item": thing("a", "1", n=2)}
        assert answer["ConsumedCapacity"] == [{"TableName": "things", "CapacityUnits": 1.0}]
        reads = [{"Statement": "SELECT n FROM things WHERE pk='a' AND sk=?", "Parameters": [{"S": s}]} for s in "12"]
        found = await cloud.call("dynamodb", "BatchExecuteStatement", Statements=reads)
        assert found["Responses"] == [{"TableName": "things", "Item": {"n": {"N": "2"}}}, {"TableName": "things"}]
        with pytest.raises(ServiceError, match="mix"):
            await cloud.call("dynamodb", "BatchExecuteStatement", Statements=[reads[0], statements[1]])

    run(body)


def test_a_transaction_is_done_whole_or_not_and_once() -> None:
    async def body(cloud: DynamoCloud) -> None:
        await cloud.table()
        await cloud.put(thing("a", "1", n=1), thing("a", "2"))
        insert = {"Statement": "INSERT INTO things VALUE {'pk':'b','sk':?}", "Parameters": [{"S": "1"}]}
        bad = {"Statement": "EXISTS(SELECT * FROM things WHERE pk='a' AND sk='1' AND n = 5)"}
        again = {"Statement": "INSERT INTO things VALUE {'pk':'a','sk':'2'}"}
        statements = [insert, {**bad, "ReturnValuesOnConditionCheckFailure": "ALL_OLD"}, again]
        with pytest.raises(ServiceError) as found:
            await cloud.call("dynamodb", "ExecuteTransaction", TransactStatements=statements)
        assert found.value.code == "TransactionCanceledException"
        reasons = found.value.fields["CancellationReasons"]
        codes = [reason["Code"] for reason in reasons]
        assert codes == ["None", "ConditionalCheckFailed", "DuplicateItem"]
        assert (await cloud.db("Scan"))["Count"] == 2
        good = {"Statement": "EXISTS(SELECT * FROM things WHERE pk='a' AND sk='1' AND n = 1)"}
        for _ in range(2):
            answer = await cloud.call(
                "dynamodb", "ExecuteTransaction", TransactStatements=[insert, good], ClientRequestToken="t"
            )
            assert answer == {"Responses": []}
        with pytest.raises(ServiceError) as mismatch:
            await cloud.call("dynamodb", "ExecuteTransaction", TransactStatements=[insert], ClientRequestToken="t")
        assert mismatch.value.code == "IdempotentParameterMismatchException"
        reads = [{"Statement": "SELECT * FROM things WHERE pk='a' AND sk='1'"}]
        got = await cloud.call(
            "dynamodb", "ExecuteTransaction", TransactStatements=reads, ReturnConsumedCapacity="TOTAL"
        )
        assert got["Responses"] == [{"Item": thing("a", "1", n=1)}]
        assert got["ConsumedCapacity"][0]["CapacityUnits"] == 2.0

    run(body)


_literals = st.sampled_from(["0", "1", "2", "3", "'a'", "'ab'", "'b'", "TRUE"])
_names = st.sampled_from(["n", "t", "sk"])
_simple = st.one_of(
    st.builds(lambda a, o, v: f"{a} {o} {v}", _names, st.sampled_from(["=", "<>", "<", "<=", ">", ">="]), _literals),
    st.builds(lambda a, v, w: f"{a} BETWEEN {min(v, w)} AND {max(v, w)}", _names, *[st.sampled_from("0123")] * 2),
    st.builds(lambda a, v: f"begins_with({a}, '{v}')", st.sampled_from(["t", "n"]), st.sampled_from(["a", "ab"])),
    st.builds(lambda a, v, w: f"{a} IN ({v}, {w})", _names, _literals, _literals),
)
_conditions = st.recursive(
    _simple,
    lambda inner: st.one_of(
        st.builds(lambda a, b: f"({a} AND {b})", inner, inner),
        st.builds(lambda a, b: f"({a} OR {b})", inner, inner),
        st.builds(lambda a: f"NOT ({a})", inner),
    ),
    max_leaves=4,
)


def _as_filter(text: str) -> tuple[str, dict[str, Any]]:
    """A condition of PartiQL as a FilterExpression: literals become values."""
    values: dict[str, Any] = {}
    words = []
    for word in text.replace("(", " ( ").replace(")", " ) ").replace(",", " , ").split():
        if word[0] == "'" or word.isdigit() or word == "TRUE":
            kind = {"S": word.strip("'")} if word[0] == "'" else {"BOOL": True} if word == "TRUE" else {"N": word}
            values[f":v{len(values)}"] = kind
            word = f":v{len(values) - 1}"
        words.append({"n": "#n", "t": "#t"}.get(word, word))
    return " ".join(words), values


@settings(max_examples=60, deadline=None)
@given(_conditions, st.sampled_from(["", "pk = 'a' AND ", "pk IN ('a', 'b') AND "]))
@pytest.mark.slow
def test_a_select_is_a_scan_with_the_same_filter(condition: str, of_key: str) -> None:
    async def main() -> None:
        cloud = DynamoCloud(validate=False)
        await cloud.table("pk:S sk:N")
        for pk in "abc":
            for n in range(4):
                item = {"pk": {"S": pk}, "sk": {"N": str(n)}, "n": {"N": str((n * 7) % 4)}, "t": {"S": "ab"[: n + 1]}}
                await cloud.put({name: value for name, value in item.items() if name != "t" or pk != "c"})
        text, values = _as_filter(condition)
        names = {name: name[1:] for name in ("#n", "#t") if name in text}
        options = {"ExpressionAttributeNames": names} if names else {}
        try:
            scanned = await cloud.db(
                "Scan", FilterExpression=text, ExpressionAttributeValues=values, **options, ConsistentRead=True
            )
        except ServiceError:
            reject()  # the classic filter is stricter: operands' types, redundant parentheses
        wanted = [i for i in scanned["Items"] if not of_key or i["pk"]["S"] in ("a" if "=" in of_key else "ab")]
        found = await _rows(cloud, f"SELECT * FROM things WHERE {of_key}({condition})")
        assert sorted(found, key=_own_key) == sorted(wanted, key=_own_key)

    asyncio.run(main())


async def _rows(cloud: DynamoCloud, text: str) -> list[dict[str, Any]]:
    """What a SELECT gives; a range key held against another type is refused, as in a Query."""
    try:
        found: list[dict[str, Any]] = (await sql(cloud, text))["Items"]
    except ServiceError as error:
        if "schema type" not in error.message or "WHERE pk" not in text:
            raise
        reject()
    return found


def _own_key(item: dict[str, Any]) -> tuple[str, str]:
    return item["pk"]["S"], item["sk"]["N"]


def test_iam_is_asked_about_statements_and_the_keys_they_name() -> None:
    async def body(cloud: DynamoCloud) -> None:
        await cloud.table()
        await cloud.put(thing("mine", "1"), thing("theirs", "1"))
        user = (await cloud.call("iam", "CreateUser", UserName="dora"))["User"]
        caller = Caller(kind=Principal.USER, account="000000000000", arn=user["Arn"], user_id=user["UserId"])
        statement = {
            "Effect": "Allow",
            "Action": ["dynamodb:PartiQLSelect", "dynamodb:PartiQLUpdate"],
            "Resource": "arn:aws:dynamodb:us-east-1:000000000000:table/things",
            "Condition": {"ForAllValues:StringEquals": {"dynamodb:LeadingKeys": ["mine"]}},
        }
        no_scan = {
            "Effect": "Deny",
            "Action": "dynamodb:PartiQLSelect",
            "Resource": "*",
            "Condition": {"Bool": {"dynamodb:FullTableScan": ["true"]}},
        }
        policy = json.dumps({"Version": "2012-10-17", "Statement": [statement, no_scan]})
        await cloud.call("iam", "PutUserPolicy", UserName="dora", PolicyName="own", PolicyDocument=policy)
        for allowed in (
            "SELECT * FROM things WHERE pk = 'mine'",
            "UPDATE things SET n = 1 WHERE pk = 'mine' AND sk = '1'",
        ):
            await cloud.call("dynamodb", "ExecuteStatement", caller, Statement=allowed)
        for denied in (
            "SELECT * FROM things",
            "SELECT * FROM things WHERE pk IN ('mine', 'theirs')",
            "UPDATE things SET n = 1 WHERE pk = 'theirs' AND sk = '1'",
            "DELETE FROM things WHERE pk = 'mine' AND sk = '1'",
            "INSERT INTO things VALUE {'pk': 'mine', 'sk': '2'}",
        ):
            with pytest.raises(ServiceError) as found:
                await cloud.call("dynamodb", "ExecuteStatement", caller, Statement=denied)
            assert found.value.code == "AccessDeniedException", denied
        assert (await cloud.db("Scan"))["Count"] == 2

    run(body)
