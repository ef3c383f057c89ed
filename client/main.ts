#!/usr/bin/env node
import { runApp } from "./app.ts"
import { processContext } from "./context.ts"

// `credd status | head -1`: whoever reads may stop reading.
process.stdout.on("error", (error: NodeJS.ErrnoException) => {
  if (error.code !== "EPIPE") throw error
  process.exit()
})

await runApp(process.argv.slice(2), processContext())
