import { conformance } from "./runner/conformance.ts"
import { go } from "./runner/toolchains.ts"

conformance({
  name: "minio-go",
  program: go("minio-go", "github.com/minio/minio-go/v7"),
  speaks: "s3",
  cells: {
    ecs: { notApplicable: "`credentials.NewIAM` reads no profiles" },
    process: { notApplicable: "`credentials.NewIAM` reads no profiles" },
    imds: { notApplicable: "its address of the metadata service is set in code only" },
    imdsRenewal: { notApplicable: "its address of the metadata service is set in code only" },
    imdsEnd: { notApplicable: "its address of the metadata service is set in code only" },
    imdsRecovery: { notApplicable: "its address of the metadata service is set in code only" },
  },
  expiry: "403 Forbidden",
})
