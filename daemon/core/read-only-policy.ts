/**
 * The policy of `--read-only`: looking at things, in the services that most people have, and nothing that hands out a
 * secret or another identity. It must stay under 2,048 characters, all that AWS takes. docs/leases.md explains it.
 */

/** Per service, the beginnings of what only reads. IAM takes no wildcard in the place of the service. */
const reads: Readonly<Record<string, string>> = {
  acm: "Describe* List*",
  apigateway: "GET",
  athena: "BatchGet* Get* List*",
  autoscaling: "Describe*",
  backup: "Describe* List*",
  ce: "Get*",
  cloudformation: "Describe* Get* List*",
  cloudfront: "Describe* Get* List*",
  cloudtrail: "Describe* Get* List* Lookup*",
  cloudwatch: "Describe* Get* List*",
  codebuild: "BatchGet* List*",
  codepipeline: "Get* List*",
  config: "Describe* Get* List*",
  dynamodb: "BatchGet* Describe* Get* List* Query Scan",
  ec2: "Describe* Get* Search*",
  ecr: "BatchGet* Describe* Get* List*",
  ecs: "Describe* List*",
  eks: "Describe* List*",
  elasticache: "Describe* List*",
  elasticfilesystem: "Describe*",
  elasticloadbalancing: "Describe*",
  es: "Describe* List*",
  events: "Describe* List*",
  glue: "GetDatabase* GetPartition* GetTable* List*",
  iam: "Get* List*",
  kinesis: "Describe* Get* List*",
  kms: "Describe* Get* List*",
  lambda: "Get* List*",
  logs: "Describe* Filter* Get* List* StartQuery StopQuery",
  organizations: "Describe* List*",
  rds: "Describe* List*",
  redshift: "Describe*",
  route53: "Get* List*",
  s3: "Get* List*",
  sagemaker: "Describe* List*",
  secretsmanager: "Describe* List*",
  servicequotas: "Get* List*",
  sns: "Get* List*",
  sqs: "Get* List*",
  ssm: "Describe* List*",
  states: "Describe* Get* List*",
  sts: "DecodeAuthorizationMessage GetCallerIdentity",
  tag: "Get*",
  wafv2: "Get* List*",
}

/** A resource's own policy can grant these to the session past the list above; a denial holds against that, too. */
const never = ["kms:Decrypt", "secretsmanager:*Get*", "ssm:GetParameter*", "sts:AssumeRole*"]

export const readOnlyPolicy = JSON.stringify({
  Version: "2012-10-17",
  Statement: [
    {
      Effect: "Allow",
      Action: Object.entries(reads).flatMap(([service, names]) => names.split(" ").map((name) => `${service}:${name}`)),
      Resource: "*",
    },
    { Effect: "Deny", Action: never, Resource: "*" },
  ],
})
