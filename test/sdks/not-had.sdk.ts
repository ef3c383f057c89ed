import { notHad } from "./runner/conformance.ts"

notHad(
  {
    name: "AWS SDK for .NET, AWS Tools for PowerShell",
    why: "packages come from NuGet and the runtime from Microsoft; this suite uses neither",
  },
  {
    name: "AWS SDK for PHP",
    why: "published on Packagist only; Debian has AsyncAws, whose version 1.18 reads no full URI (`AWS_CONTAINER_CREDENTIALS_RELATIVE_URI` only)",
  },
  { name: "AWS SDK for Swift, Soto", why: "Debian has no Swift compiler" },
  {
    name: "s3cmd",
    why: "it reads no container's variables and has the address of instance metadata built in; only a machine's or a network namespace's own 169.254.169.254 would reach it",
  },
  {
    name: "Terraform's AWS provider",
    why: "its Go module compiles the clients of some two hundred services, longer than a whole test run; aws-sdk-go-base above is the code that it finds its credentials with",
  },
  {
    name: "AWS CLI v2, a version with token files",
    why: "Amazon publishes it as an installer only; Debian 12 has 2.9.19",
  },
  {
    name: "AWS SDK for Ruby, a version with token files",
    why: "published on RubyGems only; Debian 12 has 3.168.1",
  },
)
