/** What the slow attacks need beside what all tests do: a browser, a proxy, namespaces, and Node's other releases. */
import { majors, nodeOf } from "../support/nodes.ts"
import prepare, { installMissing } from "../support/prepare.ts"

export default function prepareThreats(): void {
  prepare()
  installMissing({ chromium: "chromium", ip: "iproute2", nginx: "nginx-light", curl: "curl" })
  for (const major of majors) nodeOf(major)
}
