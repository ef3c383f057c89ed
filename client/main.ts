#!/usr/bin/env node
import { runApp } from "./app.ts"
import { processContext } from "./context.ts"

await runApp(process.argv.slice(2), processContext())
