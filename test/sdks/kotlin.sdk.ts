import { conformance } from "./runner/conformance.ts"
import { maven } from "./runner/toolchains.ts"

conformance({
  name: "AWS SDK for Kotlin",
  program: maven("kotlin", "sts-jvm"),
  processes: 10,
  cells: {
    imdsEnd: {
      refused:
        "aws.smithy.kotlin.runtime.identity.IdentityProviderException: No identity could be resolved from the chain: SystemPropertyCredentialsProvider -> EnvironmentCredentialsProvider -> aws.sdk.kotlin.runtime.auth.credentials.StsWebIdentityProvider@OBJECT -> ProfileCredentialsProvider -> EcsCredentialsProvider -> ImdsCredentialsProvider Suppressed: aws.sdk.kotlin.runtime.auth.credentials.ProviderConfigurationException: Missing value for system property `aws.accessKeyId` Suppressed: aws.sdk.kotlin.runtime.auth.credentials.ProviderConfigurationException: Missing value for environment variable `AWS_ACCESS_KEY_ID` Suppressed: aws.sdk.kotlin.runtime.auth.credentials.ProviderConfigurationException: Required field `roleArn` could not be automatically inferred for StsWebIdentityCredentialsProvider. Either explicitly pass a value, set the environment variable `AWS_ROLE_ARN`, or set the JVM system property `aws.roleArn` Suppressed: aws.sdk.kotlin.runtime.auth.credentials.ProviderConfigurationException: could not find source profile default Suppressed: aws.sdk.kotlin.runtime.auth.credentials.ProviderConfigurationException: Container credentials URI not set Suppressed: aws.smithy.kotlin.runtime.auth.awscredentials.CredentialsProviderException: failed to load credentials Caused by: aws.sdk.kotlin.runtime.config.imds.EC2MetadataError: error retrieving instance metadata: Unauthorized",
    },
    bareProxy: { other: "token to the proxy" },
  },
  expiry:
    'aws.smithy.kotlin.runtime.identity.IdentityProviderException: No identity could be resolved from the chain: SystemPropertyCredentialsProvider -> EnvironmentCredentialsProvider -> aws.sdk.kotlin.runtime.auth.credentials.StsWebIdentityProvider@OBJECT -> ProfileCredentialsProvider -> EcsCredentialsProvider -> ImdsCredentialsProvider Suppressed: aws.sdk.kotlin.runtime.auth.credentials.ProviderConfigurationException: Missing value for system property `aws.accessKeyId` Suppressed: aws.sdk.kotlin.runtime.auth.credentials.ProviderConfigurationException: Missing value for environment variable `AWS_ACCESS_KEY_ID` Suppressed: aws.sdk.kotlin.runtime.auth.credentials.ProviderConfigurationException: Required field `roleArn` could not be automatically inferred for StsWebIdentityCredentialsProvider. Either explicitly pass a value, set the environment variable `AWS_ROLE_ARN`, or set the JVM system property `aws.roleArn` Suppressed: aws.sdk.kotlin.runtime.auth.credentials.ProviderConfigurationException: could not find source profile default Suppressed: aws.smithy.kotlin.runtime.auth.awscredentials.CredentialsProviderException: Error retrieving credentials from container service: code=SessionExpired; message=the MFA session for profile "acme" ended at TIME; run: credd login acme Suppressed: aws.sdk.kotlin.runtime.auth.credentials.CredentialsNotLoadedException: AWS EC2 metadata is explicitly disabled; credentials not loaded',
  since: "1.0.1",
  limits: [
    "It sends even loopback requests through `http_proxy`: keep `127.0.0.1` in `NO_PROXY`, as `credd env` does.",
  ],
})
