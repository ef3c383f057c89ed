import { conformance } from "./runner/conformance.ts"
import { pip } from "./runner/toolchains.ts"

conformance({
  name: "AWS SDK for C++ (in pyarrow)",
  program: pip("cpp", "pyarrow"),
  speaks: "s3",
  clock: "own",
  cells: { ecs: { other: "the profile is ignored" } },
  expiry: "",
  since: "1.11.263",
})
