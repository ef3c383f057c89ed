/** What each control route does, one file for each family of routes. */
import type { ControlHandlers } from "../http/control-app.ts"
import { accessKeyRoutes } from "./access-keys.ts"
import { auditRoutes, recorded } from "./audit.ts"
import { consoleRoutes } from "./console.ts"
import { environmentRoutes } from "./environment.ts"
import { imdsRoutes } from "./imds.ts"
import { leaseRoutes } from "./leases.ts"
import type { ControlOptions } from "./options.ts"
import { sessionRoutes } from "./sessions.ts"
import { statusRoutes } from "./status.ts"

export function controlHandlers(options: ControlOptions): ControlHandlers {
  const handlers: ControlHandlers = {
    ...statusRoutes(options),
    ...environmentRoutes(options),
    ...sessionRoutes(options),
    ...accessKeyRoutes(options),
    ...imdsRoutes(options),
    ...consoleRoutes(options),
    ...leaseRoutes(options),
    ...auditRoutes(options),
  }
  return recorded(handlers, options)
}
