"""Fill a cloud with a little of everything, for the next release to read.

Run it against a node of the release that is about to be the last one, put what it prints into `known.json` in the data
folder, stop the node and pack the folder: `tar --sort=name -cJf VERSION.tar.xz cloud`. records.py makes the other file.
"""

from __future__ import annotations

import io
import json
import sys
import time
import zipfile
from typing import Any

import boto3
from botocore.config import Config

TRUST = {"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}
LISTS = {"Effect": "Allow", "Action": "s3:ListAllMyBuckets", "Resource": "*"}
OTHERS = {
    "Effect": "Allow",
    "Principal": {"AWS": "arn:aws:iam::111111111111:root"},
    "Action": "s3:GetObject",
    "Resource": "arn:aws:s3:::shelf/public/*",
}
TEMPLATE = {
    "Resources": {"Box": {"Type": "AWS::S3::Bucket", "Properties": {"BucketName": "boxed"}}},
    "Outputs": {"Name": {"Value": {"Ref": "Box"}, "Export": {"Name": "box-name"}}},
}


def client(service: str, key: str = "test", secret: str = "test") -> Any:
    """A client of the cloud whose address is the first argument."""
    return boto3.client(  # type: ignore[call-overload]
        service,
        endpoint_url=sys.argv[1],
        region_name="us-east-1",
        aws_access_key_id=key,
        aws_secret_access_key=secret,
        config=Config(s3={"addressing_style": "path"}, retries={"max_attempts": 0}),
    )


def policy(statement: dict[str, Any]) -> str:
    """A policy of one statement."""
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


def archive(name: str, text: str) -> bytes:
    """A zip archive of one file."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as packed:
        packed.writestr(name, text)
    return file.getvalue()


def fill_s3() -> str:
    """A bucket with versions, a large object, a deleted one and an upload under way, whose id is returned."""
    s3 = client("s3")
    s3.create_bucket(Bucket="shelf")
    s3.put_bucket_versioning(Bucket="shelf", VersioningConfiguration={"Status": "Enabled"})
    s3.put_bucket_tagging(Bucket="shelf", Tagging={"TagSet": [{"Key": "team", "Value": "books"}]})
    rule = {"AllowedMethods": ["GET"], "AllowedOrigins": ["*"]}
    s3.put_bucket_cors(Bucket="shelf", CORSConfiguration={"CORSRules": [rule]})
    s3.put_bucket_policy(Bucket="shelf", Policy=policy(OTHERS))
    s3.put_object(Bucket="shelf", Key="a/small", Body=b"one", Metadata={"k": "v"}, Tagging="x=y")
    s3.put_object(Bucket="shelf", Key="a/small", Body=b"two")
    s3.put_object(Bucket="shelf", Key="large", Body=b"L" * 100_000, ChecksumAlgorithm="SHA256")
    s3.put_object(Bucket="shelf", Key="gone", Body=b"x")
    s3.delete_object(Bucket="shelf", Key="gone")
    upload: str = s3.create_multipart_upload(Bucket="shelf", Key="parts")["UploadId"]
    s3.upload_part(Bucket="shelf", Key="parts", UploadId=upload, PartNumber=1, Body=b"P" * 1000)
    return upload


def fill_iam() -> tuple[str, str]:
    """A user in a group, a role in a profile; the user's key is returned."""
    iam = client("iam")
    iam.create_user(UserName="ada", Tags=[{"Key": "a", "Value": "b"}])
    key = iam.create_access_key(UserName="ada")["AccessKey"]
    iam.put_user_policy(UserName="ada", PolicyName="own", PolicyDocument=policy(LISTS))
    iam.create_group(GroupName="readers")
    iam.add_user_to_group(GroupName="readers", UserName="ada")
    arn = iam.create_policy(PolicyName="lists", PolicyDocument=policy(LISTS))["Policy"]["Arn"]
    iam.create_policy_version(PolicyArn=arn, PolicyDocument=policy(LISTS), SetAsDefault=True)
    iam.attach_group_policy(GroupName="readers", PolicyArn=arn)
    iam.create_role(RoleName="runner", AssumeRolePolicyDocument=policy(TRUST))
    iam.attach_role_policy(
        RoleName="runner", PolicyArn="arn:aws:iam::aws:policy/service-role/AWSLambdaBasicExecutionRole"
    )
    iam.create_instance_profile(InstanceProfileName="box")
    iam.add_role_to_instance_profile(InstanceProfileName="box", RoleName="runner")
    client("sts", key["AccessKeyId"], key["SecretAccessKey"]).get_session_token()
    return key["AccessKeyId"], key["SecretAccessKey"]


def fill_lambda() -> None:
    """A function with everything that hangs on one, and another whose event waits for leave to run."""
    functions = client("lambda")
    role = client("iam").get_role(RoleName="runner")["Role"]["Arn"]
    lib = archive("python/lib.py", "X = 1")
    layer = functions.publish_layer_version(LayerName="lib", Content={"ZipFile": lib})["LayerVersionArn"]
    common = {"Runtime": "python3.11", "Role": role, "Handler": "app.go"}
    arn = functions.create_function(
        FunctionName="hello",
        Code={"ZipFile": archive("app.py", "def go(e, c): return 'hello'")},
        Layers=[layer],
        Environment={"Variables": {"AB": "1"}},
        **common,
    )["FunctionArn"]
    functions.publish_version(FunctionName="hello")
    functions.create_alias(FunctionName="hello", Name="live", FunctionVersion="1")
    functions.add_permission(
        FunctionName="hello",
        StatementId="s3",
        Action="lambda:InvokeFunction",
        Principal="s3.amazonaws.com",
        SourceArn="arn:aws:s3:::shelf",
    )
    functions.put_function_event_invoke_config(FunctionName="hello", MaximumRetryAttempts=1)
    functions.put_function_concurrency(FunctionName="hello", ReservedConcurrentExecutions=5)
    functions.create_function(
        FunctionName="never", Code={"ZipFile": archive("app.py", "def go(e, c): return 1")}, **common
    )
    functions.put_function_concurrency(FunctionName="never", ReservedConcurrentExecutions=0)
    functions.invoke(FunctionName="never", InvocationType="Event", Payload=b'{"kept": true}')
    wish = {
        "LambdaFunctionArn": arn,
        "Events": ["s3:ObjectCreated:*"],
        "Filter": {"Key": {"FilterRules": [{"Name": "prefix", "Value": "in/"}]}},
    }
    client("s3").put_bucket_notification_configuration(
        Bucket="shelf", NotificationConfiguration={"LambdaFunctionConfigurations": [wish]}
    )


def fill_rest() -> None:
    """A log group with three lines, and a stack."""
    logs = client("logs")
    logs.create_log_group(logGroupName="/app")
    logs.put_retention_policy(logGroupName="/app", retentionInDays=3653)
    logs.create_log_stream(logGroupName="/app", logStreamName="one")
    now_ms = int(time.time() * 1000)
    lines = [{"timestamp": now_ms + number, "message": f"line {number}"} for number in range(3)]
    logs.put_log_events(logGroupName="/app", logStreamName="one", logEvents=lines)
    stacks = client("cloudformation")
    stacks.create_stack(StackName="stack", TemplateBody=json.dumps(TEMPLATE))
    stacks.get_waiter("stack_create_complete").wait(StackName="stack", WaiterConfig={"Delay": 1})


if __name__ == "__main__":
    upload = fill_s3()
    user = fill_iam()
    fill_lambda()
    fill_rest()
    print(json.dumps({"user": user, "upload": upload}))
