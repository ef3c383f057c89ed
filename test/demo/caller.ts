/** A program as people write it: no credentials in it, only the SDK's own chain. Prints who it is. */
import { STSClient, GetCallerIdentityCommand } from "@aws-sdk/client-sts"

process.env["AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED"] = "true"
const client = new STSClient({})
const { Arn: arn } = await client.send(new GetCallerIdentityCommand({}))
const { accessKeyId } = await client.config.credentials()
console.log(JSON.stringify({ arn, accessKeyId }))
