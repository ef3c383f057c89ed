"""Probe of boto3: one STS GetCallerIdentity for every line on stdin, one line of JSON for each on stdout."""

import json
import sys

import boto3


def main():
    client = None
    for _ in sys.stdin:
        try:
            if client is None:
                client = boto3.client("sts")
            answer = {"ok": True, "arn": client.get_caller_identity()["Arn"]}
        except Exception as error:
            answer = {"ok": False, "error": f"{type(error).__module__}.{type(error).__name__}: {error}"}
        print(json.dumps(answer), flush=True)


main()
