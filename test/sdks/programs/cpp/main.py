"""Probe of the AWS SDK for C++, inside pyarrow: one signed S3 list for every line on stdin, one line of JSON for each on stdout."""

import json
import os
import sys

from pyarrow import fs


def main():
    client = None
    for _ in sys.stdin:
        try:
            if client is None:
                client = fs.S3FileSystem(endpoint_override=os.environ["SANDBOX_S3_URL"], region=os.environ.get("AWS_REGION"))
            client.get_file_info(fs.FileSelector("credd"))
            answer = {"ok": True, "arn": ""}
        except Exception as error:
            answer = {"ok": False, "error": f"{type(error).__name__}: {error}"}
        print(json.dumps(answer), flush=True)


main()
