import { conformance } from "./runner/conformance.ts"
import { answering } from "./runner/programs.ts"
import { debian, source } from "./runner/toolchains.ts"

conformance({
  name: "AWS SDK for Ruby",
  program: debian(
    "/usr/share/doc/ruby-aws-sdk-core",
    "ruby-aws-sdk-core",
    answering(["ruby", source("ruby", "main.rb")]),
  ),
  expiry: "",
  since: "3.188.0",
})
