import { conformance } from "./runner/conformance.ts"
import { maven } from "./runner/toolchains.ts"

conformance({
  name: "AWS SDK for Java 1.x",
  program: maven("java-v1", "aws-java-sdk-sts"),
  processes: 10,
  cells: {
    imdsEnd: {
      refused:
        "com.amazonaws.services.securitytoken.model.AWSSecurityTokenServiceException: The security token included in the request is expired (Service: AWSSecurityTokenService; Status Code: 403; Error Code: ExpiredToken; Request ID: REQUEST-ID; Proxy: null)",
    },
    ecs: { other: "the profile is ignored" },
    process: {
      refused:
        "com.amazonaws.SdkClientException: Unable to load AWS credentials from any provider in the chain: [EnvironmentVariableCredentialsProvider: Unable to load AWS credentials from environment variables (AWS_ACCESS_KEY_ID (or AWS_ACCESS_KEY) and AWS_SECRET_KEY (or AWS_SECRET_ACCESS_KEY)), SystemPropertiesCredentialsProvider: Unable to load AWS credentials from Java system properties (aws.accessKeyId and aws.secretKey), WebIdentityTokenCredentialsProvider: You must specify a value for roleArn and roleSessionName, com.amazonaws.auth.profile.ProfileCredentialsProvider@OBJECT: profile file cannot be null, com.amazonaws.auth.EC2ContainerCredentialsProviderWrapper@OBJECT: AWS_EC2_METADATA_DISABLED is set to true, not loading credentials from EC2 Instance Metadata service]",
    },
  },
  expiry:
    'com.amazonaws.AmazonServiceException: the MFA session for profile "acme" ended at TIME; run: credd login acme (Service: null; Status Code: 403; Error Code: SessionExpired; Request ID: null; Proxy: null)',
  since: "1.12.746",
})
