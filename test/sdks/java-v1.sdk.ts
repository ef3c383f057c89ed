import { conformance } from "./runner/conformance.ts"
import { maven } from "./runner/toolchains.ts"

conformance({
  name: "AWS SDK for Java 1.x",
  program: maven("java-v1", "aws-java-sdk-sts"),
  processes: 10,
  expiry: "",
  since: "1.12.746",
})
