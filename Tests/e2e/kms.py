"""AWS KMS on this machine (moto), with signatures checked. Started with the Python of .build/venv, as bucket.py is; commands come as JSON lines:

    kms.py PORT
    {"do": "away" | "back" | "disable" | "enable" | "stranger"}

The first line it writes names the key and who may use it; `stranger` gives a key pair that may not."""

import json
import logging
import os
import sys

# Seven calls to set up, then nothing without a good signature and a policy that allows it.
os.environ["INITIAL_NO_AUTH_ACTION_COUNT"] = "7"

import boto3  # noqa: E402
from moto.server import ThreadedMotoServer  # noqa: E402

logging.disable(logging.CRITICAL)
REGION = "eu-central-1"


def started(port):
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=port, verbose=False)
    server.start()
    return server


def main(port):
    server = started(port)

    def client(service, key="first", secret="first"):
        return boto3.client(service, endpoint_url=f"http://127.0.0.1:{port}", region_name=REGION, aws_access_key_id=key,
                            aws_secret_access_key=secret)

    people, pairs = client("iam"), {}
    for name in ("steward", "stranger"):
        people.create_user(UserName=name)
        policy = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "kms:*" if name == "steward" else "s3:*", "Resource": "*"}]}
        people.put_user_policy(UserName=name, PolicyName="all", PolicyDocument=json.dumps(policy))
        pairs[name] = people.create_access_key(UserName=name)["AccessKey"]
    kms = client("kms")
    arn = kms.create_key(Description="steward")["KeyMetadata"]["Arn"]
    kms = client("kms", pairs["steward"]["AccessKeyId"], pairs["steward"]["SecretAccessKey"])

    def pair(name):
        return {"id": pairs[name]["AccessKeyId"], "secret": pairs[name]["SecretAccessKey"]}

    print(json.dumps({"arn": arn, **pair("steward")}), flush=True)
    for line in sys.stdin:
        answer = None
        match json.loads(line)["do"]:
            case "away":
                server.stop()
            case "back":
                server = started(port)
            case "disable":
                kms.disable_key(KeyId=arn)
            case "enable":
                kms.enable_key(KeyId=arn)
            case "stranger":
                answer = pair("stranger")
        print(json.dumps(answer), flush=True)


main(int(sys.argv[1]))
