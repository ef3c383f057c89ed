import { conformance } from "./runner/conformance.ts"
import { go } from "./runner/toolchains.ts"

conformance({
  name: "minio-go",
  program: go("minio-go", "github.com/minio/minio-go/v7"),
  speaks: "s3",
  cells: { ecs: { other: "the profile is ignored" } },
  expiry: "403 Forbidden",
  since: "7.0.67",
})
