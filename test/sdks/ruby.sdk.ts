import { conformance } from "./runner/conformance.ts"
import { answering } from "./runner/programs.ts"
import { debian, source } from "./runner/toolchains.ts"

const noFullUri = { notApplicable: "this version knows no full URI" }
const noPort = { notApplicable: "this version asks port 80, whatever the address says" }

conformance({
  name: "AWS SDK for Ruby",
  program: debian(
    "/usr/share/doc/ruby-aws-sdk-core",
    "ruby-aws-sdk-core",
    answering(["ruby", source("ruby", "main.rb")]),
  ),
  cells: {
    variable: { refused: "Aws::Errors::MissingCredentialsError: unable to sign request without credentials set" },
    file: noFullUri,
    strayProfile: noFullUri,
    names: noFullUri,
    processes: noFullUri,
    ecs: noFullUri,
    proxy: noFullUri,
    bareProxy: noFullUri,
    renewal: noFullUri,
    restart: noFullUri,
    expiry: noFullUri,
    recovery: noFullUri,
    imds: noPort,
    imdsNames: noPort,
    imdsProxy: noPort,
    imdsProcesses: noPort,
    imdsRenewal: noPort,
    imdsRestart: noPort,
    imdsEnd: noPort,
    imdsRecovery: noPort,
  },
  since: "3.188.0",
  limits: [
    "Debian's version reads the address of a container in one form only, which credd does not use. `credd process` serves it.",
  ],
})
