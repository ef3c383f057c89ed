import { conformance } from "./runner/conformance.ts"
import { cargo } from "./runner/toolchains.ts"

conformance({
  name: "object_store (Rust)",
  program: cargo("object-store", "object_store"),
  speaks: "s3",
  tokens: "file",
  cells: { bareProxy: { other: "token to the proxy" } },
  expiry: "",
  since: "0.12",
})
