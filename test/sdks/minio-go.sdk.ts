import { conformance } from "./runner/conformance.ts"
import { go } from "./runner/toolchains.ts"

conformance({
  name: "minio-go",
  program: go("minio-go", "github.com/minio/minio-go/v7"),
  speaks: "s3",
  cells: {
    ecs: { notApplicable: "`credentials.NewIAM` reads no profiles" },
    process: { notApplicable: "`credentials.NewIAM` reads no profiles" },
    imdsEnd: { refused: "401 Unauthorized" },
  },
  expiry: "403 Forbidden",
  limits: [
    'It reads no variable with the address of instance metadata: `credentials.NewIAM(os.Getenv("AWS_EC2_METADATA_SERVICE_ENDPOINT"))`, as here. With a container\'s variables as well, that address would win over theirs.',
  ],
})
