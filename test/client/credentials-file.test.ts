import { fc, test } from "@fast-check/vitest"
import { describe, expect, it } from "vitest"
import { findKeys, withoutKeys } from "../../client/credentials-file.ts"

const id = "AKIAFAKEFAKEFAKEFAKE"
const secret = "fakefakefakefakefakefakefakefakefakefake"
const pair = `aws_access_key_id = ${id}\naws_secret_access_key = ${secret}\n`
const latin1 = (text: string): string => Buffer.from(text).toString("latin1")

describe("findKeys", () => {
  it.each([
    ["plainly", `[acme]\n${pair}`],
    ["without spaces", `[acme]\naws_access_key_id=${id}\naws_secret_access_key=${secret}`],
    ["with a colon", `[acme]\naws_access_key_id: ${id}\naws_secret_access_key : ${secret}\n`],
    ["in capitals", `[acme]\nAWS_ACCESS_KEY_ID = ${id}\nAws_Secret_Access_Key = ${secret}\n`],
    ["with CRLF", `[acme]\r\n${pair.replaceAll("\n", "\r\n")}`],
    ["after a BOM", latin1(`\uFEFF[acme]\n${pair}`)],
    ["with comments", `# [other]\n[acme] ; mine\n${pair.replaceAll("\n", " # here\n")}`],
    ["in the other order", `[acme]\naws_secret_access_key = ${secret}\nregion = x\naws_access_key_id = ${id}\n`],
    ["with every line indented", `[acme]\n  aws_access_key_id = ${id}\n  aws_secret_access_key = ${secret}\n`],
    ["with the value on the next line", `[acme]\naws_access_key_id = ${id}\naws_secret_access_key =\n  ${secret}\n`],
    ["amid tabs", `[acme]\naws_access_key_id\t=\t${id}\t\naws_secret_access_key\t=\t${secret}\t\n`],
  ])("finds a key that is written %s", (_, text) => {
    expect(findKeys(text)).toEqual({
      keys: [{ profile: "acme", accessKeyId: id, secretAccessKey: secret }],
      unclear: [],
    })
  })

  it.each([
    ["temporary credentials", `[acme]\n${pair}aws_session_token = fake\n`],
    ["half a key", `[acme]\naws_access_key_id = ${id}\n`],
    ["an empty secret", `[acme]\naws_access_key_id = ${id}\naws_secret_access_key =\n`],
    ["a key above every section", pair],
    ["a key in a comment", `[acme]\n# ${pair.replaceAll("\n", "\n# ")}`],
    ["a key in a nested block", `[acme]\ns3 =\n  aws_access_key_id = ${id}\n  aws_secret_access_key = ${secret}\n`],
    ["nothing", ""],
  ])("finds none in %s", (_, text) => {
    expect(findKeys(text)).toEqual({ keys: [], unclear: [] })
  })

  it.each([
    ["is there twice", `[acme]\n${pair}aws_access_key_id = AKIAOTHER\n`],
    ["is in two sections of one name", `[acme]\n${pair}[b]\n[acme]\n${pair}`],
    [
      "goes on over another setting",
      `[acme]\naws_access_key_id = ${id}\naws_secret_access_key = ${secret}\n  region = x\n`,
    ],
  ])("leaves a key to a person that %s", (_, text) => {
    const { keys, unclear } = findKeys(text)

    expect(keys).toEqual([])
    expect(unclear).toEqual([{ profile: "acme", why: expect.any(String) }])
  })

  it("reads section names as UTF-8, and as they stand", () => {
    const names = ["default", "two words", "ünïcödé", "a/b.c", "profile x", '"quoted"']
    const text = latin1(names.map((name) => `[${name}]\n${pair}`).join("\n"))

    expect(findKeys(text).keys.map(({ profile }) => profile)).toEqual(names)
  })

  it("does not take a byte of a longer letter for a space", () => {
    // The UTF-8 of "à" ends in 0xA0, which is a no-break space on its own.
    const text = latin1(`[voilà]\n${pair}`)

    expect(findKeys(text).keys.map(({ profile }) => profile)).toEqual(["voilà"])
  })
})

describe("withoutKeys", () => {
  it("takes the two lines and leaves the rest to the byte", () => {
    const text = `\uFEFF; top\r\n[a]\r\nregion = x\r\n${pair.replaceAll("\n", "\r\n")}\r\n[b]\n${pair}# end`

    expect(withoutKeys(text, new Set(["a"]))).toBe(`\uFEFF; top\r\n[a]\r\nregion = x\r\n\r\n[b]\n${pair}# end`)
  })

  it("takes the line that continues a key, too", () => {
    const text = `[a]\naws_secret_access_key =\n  ${secret}\naws_access_key_id = ${id}\nx = 1`

    expect(withoutKeys(text, new Set(["a"]))).toBe("[a]\nx = 1")
  })

  const end = fc.constantFrom("\n", "\r\n")
  const spaces = fc.constantFrom("", " ", "  ", "\t")
  const name = fc.constantFrom<string[]>("default", "acme", "two words", "ünï", "b", "c")
  const other = fc
    .oneof(
      fc.constantFrom(
        "",
        "# comment",
        "; comment",
        "region = eu-central-1",
        "s3 =\n  x = 1",
        "odd line",
        "mfa_serial=arn:x",
      ),
      fc.string({ unit: "grapheme", maxLength: 12 }).map((text) => `note = ${text.replaceAll(/[\r\n[\]=:]/g, "")}`),
    )
    .map(latin1)
  const keyLines = fc
    .record({ before: spaces, after: spaces, upper: fc.boolean(), swap: fc.boolean(), number: fc.nat(9999) })
    .map(({ before, after, upper, swap, number }) => {
      const lines = [
        `aws_access_key_id${before}=${after}AKIAFAKE${number}`,
        `aws_secret_access_key${before}=${after}fake+secret/${number}`,
      ].map((line) => (upper ? line.replace(/^[a-z_]+/, (key) => key.toUpperCase()) : line))
      return swap ? lines.toReversed() : lines
    })
  const section = fc.record({
    name,
    before: fc.array(other, { maxLength: 3 }),
    keys: fc.option(keyLines),
    after: fc.array(other, { maxLength: 3 }),
  })
  const file = fc.record({
    bom: fc.boolean(),
    end,
    last: fc.boolean(),
    sections: fc.uniqueArray(section, { selector: (each) => each.name, maxLength: 5 }),
  })

  test.prop([file, fc.func(fc.boolean())])("loses the chosen keys and not one other byte", (given, choose) => {
    const chosen = new Set(given.sections.filter((each) => choose(each.name)).map((each) => each.name))
    const written = (keysOf: (each: { name: string; keys: string[] | null }) => readonly string[]): string[] =>
      given.sections.flatMap((each) => [latin1(`[${each.name}]`), ...each.before, ...keysOf(each), ...each.after])
    const bom = given.bom ? "\xEF\xBB\xBF" : ""
    const joined = (lines: string[]): string => bom + lines.map((line) => line + given.end).join("")
    const whole = joined(written(({ keys }) => keys ?? []))
    const text = given.last || !whole.endsWith(given.end) ? whole : whole.slice(0, -given.end.length)

    const result = withoutKeys(text, chosen)

    const expected = joined(written(({ name: profile, keys }) => (chosen.has(profile) ? [] : (keys ?? []))))
    const same = [expected, expected.slice(0, expected.length - given.end.length)]
    expect(same).toContain(result)
    const left = findKeys(text).keys.filter(({ profile }) => !chosen.has(profile))
    expect(findKeys(result).keys).toEqual(left)
    expect(left).toHaveLength(given.sections.filter((each) => each.keys !== null && !chosen.has(each.name)).length)
    expect(withoutKeys(result, chosen)).toBe(result)
  })

  test.prop([fc.uint8Array({ maxLength: 200 })])("changes no byte of a file that it finds nothing in", (bytes) => {
    const text = Buffer.from(bytes).toString("latin1")

    expect(Buffer.from(withoutKeys(text, new Set(["acme"])), "latin1").equals(bytes)).toBe(true)
  })
})
