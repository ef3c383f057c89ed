/**
 * A clock to move for Go programs: they ask the kernel with no library in between, so libfaketime does not reach them.
 * They are built with `time.Now` reading libfaketime's file; all else of Go is as it is.
 */
import { mkdirSync, readFileSync, renameSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { cacheFolder, tool } from "./cache.ts"

/** The runtime asks for the time on a stack of its own at times, where only raw system calls are allowed. */
const shift = `
var shiftFile = func() *byte {
	name, _ := syscall.Getenv("FAKETIME_TIMESTAMP_FILE")
	if name == "" {
		return nil
	}
	path, _ := syscall.BytePtrFromString(name)
	return path
}()

func shift() (sec int64) {
	if shiftFile == nil {
		return 0
	}
	at := -100 // AT_FDCWD
	file, _, errno := syscall.RawSyscall6(syscall.SYS_OPENAT, uintptr(at), uintptr(unsafe.Pointer(shiftFile)), 0, 0, 0, 0)
	if errno != 0 {
		return 0
	}
	var text [32]byte
	size, _, _ := syscall.RawSyscall(syscall.SYS_READ, file, uintptr(unsafe.Pointer(&text)), uintptr(len(text)))
	syscall.RawSyscall(syscall.SYS_CLOSE, file, 0, 0)
	sign := int64(1)
	for _, c := range text[:size] {
		switch {
		case c == '-':
			sign = -1
		case '0' <= c && c <= '9':
			sec = sec*10 + int64(c-'0')
		case c != '+':
			return sign * sec
		}
	}
	return sign * sec
}
`
const changes: readonly (readonly [from: string, to: string])[] = [
  ['\t"errors"\n', '\t"errors"\n\t"syscall"\n'],
  ['\t_ "unsafe"', '\t"unsafe"'],
  [
    "\tsec, nsec, mono := runtimeNow()\n\tif mono == 0",
    "\tsec, nsec, mono := runtimeNow()\n\tsec += shift()\n\tif mono == 0",
  ],
]

/** What a build with it depends on, besides Go itself. */
export const goClockRecipe = shift + JSON.stringify(changes)

/** The file for `go build -overlay`. */
export async function goClock(): Promise<string> {
  const original = join((await tool(cacheFolder, ["go", "env", "GOROOT"])).trim(), "src", "time", "time.go")
  let text = readFileSync(original, "utf8")
  for (const [from, to] of changes) {
    if (!text.includes(from)) throw new Error(`this Go's ${original} has no ${JSON.stringify(from)}`)
    text = text.replace(from, to)
  }
  const folder = join(cacheFolder, "go-clock")
  mkdirSync(folder, { recursive: true })
  const changed = write(join(folder, "time.go"), text + shift)
  return write(join(folder, "overlay.json"), JSON.stringify({ Replace: { [original]: changed } }))
}

/** Whole at every moment: several builds read it. */
function write(file: string, text: string): string {
  writeFileSync(`${file}.${process.pid}`, text)
  renameSync(`${file}.${process.pid}`, file)
  return file
}
