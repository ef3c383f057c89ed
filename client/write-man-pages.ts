/** Part of the build: writes the man pages into the folder that it is given. */
import { mkdirSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { manPages } from "./man-pages.ts"

const [folder = ""] = process.argv.slice(2)
mkdirSync(folder, { recursive: true })
for (const [name, text] of manPages()) writeFileSync(join(folder, name), text)
