"""Probe of aiobotocore: one STS GetCallerIdentity for every line on stdin, one line of JSON for each on stdout."""

import asyncio
import json
import sys

from aiobotocore.session import get_session


async def main():
    session = get_session()
    loop = asyncio.get_running_loop()
    client = None
    while await loop.run_in_executor(None, sys.stdin.readline):
        try:
            if client is None:
                client = await session.create_client("sts").__aenter__()
            answer = {"ok": True, "arn": (await client.get_caller_identity())["Arn"]}
        except Exception as error:
            answer = {"ok": False, "error": f"{type(error).__module__}.{type(error).__name__}: {error}"}
        print(json.dumps(answer), flush=True)
    if client is not None:
        await client.__aexit__(None, None, None)


asyncio.run(main())
