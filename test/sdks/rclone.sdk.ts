import { conformance } from "./runner/conformance.ts"
import { eachTime } from "./runner/programs.ts"
import { debian } from "./runner/toolchains.ts"

conformance({
  name: "rclone",
  program: debian(
    "/usr/bin/rclone",
    "rclone",
    eachTime(({ s3Url }) => [
      "rclone",
      "--quiet",
      "--retries=1",
      "lsd",
      `:s3,provider=Other,env_auth=true,endpoint='${s3Url}':`,
    ]),
  ),
  speaks: "s3",
  clock: "own",
  cells: {
    file: { refused: "" },
    ecs: { refused: "" },
  },
  expiry: "",
  since: "1.66",
})
