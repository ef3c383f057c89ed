import { fc, test } from "@fast-check/vitest"
import { describe, expect, it } from "vitest"
import { outsideBlock, withBlock, withoutBlock } from "../../client/process-block.ts"

const lines = ["[profile credd-dev]", "credential_process = /usr/bin/credd process dev"]

/** Files as they come: any bytes, any line breaks, our marks or pieces of them among the rest. */
const pieces = fc.constantFrom(
  "[profile dev]",
  "region = eu-west-1",
  "\n",
  "\n\n",
  "\r\n",
  "\r",
  "  s3 =",
  "    max = 1",
  "# mine",
  "\u00e9",
  "\u00ef\u00bb\u00bf",
  "\0",
  " ",
  "# >>> credd process",
  "# <<< credd process",
)
const files = fc.oneof(
  fc.constant(undefined),
  fc.array(pieces, { maxLength: 12 }).map((parts) => parts.join("")),
  fc.uint8Array({ maxLength: 60 }).map((bytes) => Buffer.from(bytes).toString("latin1")),
)
const blocks = fc.array(fc.stringMatching(/^[\x20-\x22\x24-\x7e]{0,30}$/), { maxLength: 4 })

describe("the lines of credd process --setup", () => {
  test.prop([files, blocks, blocks], { numRuns: 2_000 })(
    "go without a trace, replaced or not, whatever the file holds",
    (file, first, second) => {
      const once = withBlock(file, first)
      // Marks that are broken already are left alone.
      fc.pre(once !== undefined)

      const twice = withBlock(once, second)!
      expect(twice).toBe(withBlock(file, second))
      expect(withBlock(twice, second)).toBe(twice)
      expect(withoutBlock(once)).toEqual({ file })
      expect(withoutBlock(twice)).toEqual({ file })
    },
  )

  test.prop([files, files.filter((file) => file !== undefined)])(
    "go without a trace from a file that somebody has added to",
    (file, added) => {
      const once = withBlock(file, lines)
      fc.pre(once !== undefined && !/(>>>|<<<) credd process/.test(added) && added !== "")

      const { file: rest } = withoutBlock(once + added)!

      // Where the file had no line break at its end, the one that was made for the block stays between the two.
      const join = file !== undefined && file !== "" && !/[\r\n]$/.test(file) ? (file.includes("\r\n") ? "\r\n" : "\n") : "" // prettier-ignore
      expect(rest).toBe((file ?? "") + join + added)
      expect(withBlock(once + added, ["[profile credd-prod]"])).toContain(added)
    },
  )

  it("stand between two marks, in the file's own line breaks", () => {
    expect(withBlock("[default]\r\nregion = x", lines)).toBe(
      [
        "[default]",
        "region = x",
        "# >>> credd process: made by credd process --setup, taken away by credd process --remove; no line break before",
        ...lines,
        "# <<< credd process",
        "",
      ].join("\r\n"),
    )
  })

  it.each([
    ["a beginning without an end", "# >>> credd process: made by credd process --setup, taken away by credd process --remove\n[x]\n"],
    ["an end without a beginning", "# <<< credd process\n"],
    ["the end first", "# <<< credd process\n# >>> credd process: made by credd process --setup, taken away by credd process --remove\n"],
    ["two of them", withBlock("", lines)! + withBlock("", lines)!],
    ["a beginning that somebody has changed", withBlock("", lines)!.replace("made by", "by")],
  ])("are left alone with %s", (_, text) => {
    expect(withBlock(text, lines)).toBeUndefined()
    expect(withoutBlock(text)).toBeUndefined()
  }) // prettier-ignore

  it("are told from the rest of the file", () => {
    expect(outsideBlock(`a\n${withBlock("", lines)}b\n`)).toBe("a\nb\n")
  })
})
