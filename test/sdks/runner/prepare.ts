/** Runs once before the suite: builds credd, and installs what Debian has of the SDKs and tools. */
import { mkdirSync } from "node:fs"
import { build, installMissing } from "../../support/prepare.ts"
import { cacheFolder } from "./cache.ts"

export default function prepare(): void {
  installMissing({
    faketime: "faketime",
    flock: "util-linux",
    "/usr/bin/aws": "awscli",
    rclone: "rclone",
    "/usr/share/doc/ruby-aws-sdk-core": "ruby-aws-sdk-core",
  })
  mkdirSync(cacheFolder, { recursive: true })
  build()
}
