"""An object store on this machine that checks every signature. Needs moto, so it is started with the Python of .build/venv, not imported by
the scenarios. Commands come as one JSON line each and are answered with one:

    bucket.py PORT
    {"do": "list" | "uploads" | "get" | "put" | "remove" | "away" | "back", "key": …, "bytes": base64}

The first line it writes is the key to sign in with. `away` closes the port and keeps the objects."""

import base64
import json
import logging
import os
import sys

# Four calls to set up, then nothing without a good signature and a policy that allows it.
os.environ["INITIAL_NO_AUTH_ACTION_COUNT"] = "4"

import boto3  # noqa: E402
from moto.server import ThreadedMotoServer  # noqa: E402

logging.disable(logging.CRITICAL)
BUCKET, REGION = "steward-files", "us-east-1"


def started(port):
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=port, verbose=False)
    server.start()
    return server


def main(port):
    server = started(port)

    def client(service, key="first", secret="first"):
        return boto3.client(service, endpoint_url=f"http://127.0.0.1:{port}", region_name=REGION,
                            aws_access_key_id=key, aws_secret_access_key=secret)

    people = client("iam")
    people.create_user(UserName="steward")
    policy = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "s3:*", "Resource": "*"}]}
    people.put_user_policy(UserName="steward", PolicyName="all", PolicyDocument=json.dumps(policy))
    key = people.create_access_key(UserName="steward")["AccessKey"]
    client("s3").create_bucket(Bucket=BUCKET)
    store = client("s3", key["AccessKeyId"], key["SecretAccessKey"])
    print(json.dumps({"id": key["AccessKeyId"], "secret": key["SecretAccessKey"]}), flush=True)
    for line in sys.stdin:
        command = json.loads(line)
        name, answer = command.get("key"), None
        match command["do"]:
            case "list":
                answer = [item["Key"] for page in store.get_paginator("list_objects_v2").paginate(Bucket=BUCKET)
                          for item in page.get("Contents", [])]
            case "uploads":
                answer = [item["Key"] for item in store.list_multipart_uploads(Bucket=BUCKET).get("Uploads", [])]
            case "get":
                answer = base64.b64encode(store.get_object(Bucket=BUCKET, Key=name)["Body"].read()).decode()
            case "put":
                store.put_object(Bucket=BUCKET, Key=name, Body=base64.b64decode(command["bytes"]))
            case "remove":
                store.delete_object(Bucket=BUCKET, Key=name)
            case "away":
                server.stop()
            case "back":
                server = started(port)
        print(json.dumps(answer), flush=True)


main(int(sys.argv[1]))
