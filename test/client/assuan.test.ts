import { PassThrough } from "node:stream"
import { fc, test } from "@fast-check/vitest"
import { describe, expect, it } from "vitest"
import { askByAssuan } from "../../client/assuan.ts"

/** A pinentry that answers a line for a line. */
async function pinentry(answer: (line: string) => string, description = "MFA code") {
  const [from, to] = [new PassThrough(), new PassThrough()]
  const heard: string[] = []
  from.write("OK Pleased to meet you\n")
  to.setEncoding("utf8").on("data", (text: string) => {
    for (const line of text.split("\n").filter((each) => each !== "")) {
      heard.push(line)
      from.write(`${answer(line)}\n`)
    }
  })
  const options = ["ttyname=/dev/pts/7"]
  const result = await askByAssuan(from, to, { options, title: "credd", description, prompt: "Code" }).catch(
    (error: unknown) => error,
  )
  return { result, heard }
}

const giving = (pin: string) => (line: string) => (line === "GETPIN" ? `S INQUIRED\n# a comment\n${pin}` : "OK")

describe(askByAssuan.name, () => {
  it("says who asks for what, and reads the answer", async () => {
    const { result, heard } = await pinentry(giving("D 123456\nOK"), "50% of it\non two lines")

    expect(result).toBe("123456")
    expect(heard.slice(0, 5)).toEqual([
      "OPTION ttyname=/dev/pts/7",
      "SETTITLE credd",
      "SETDESC 50%25 of it%0Aon two lines",
      "SETPROMPT Code",
      "GETPIN",
    ])
  })

  it("takes an empty answer for one, Cancel for none, and every other error for a failure", async () => {
    expect((await pinentry(giving("OK"))).result).toBe("")
    expect((await pinentry(giving("ERR 83886179 Operation cancelled <Pinentry>"))).result).toBe(undefined)
    expect((await pinentry(giving("ERR 83918950 Inappropriate ioctl for device <Pinentry>"))).result).toMatchObject({
      message: "Inappropriate ioctl for device <Pinentry>",
    })
  })

  it("goes on where an option is not known", async () => {
    const answer = giving("D x\nOK")

    expect(
      (await pinentry((line) => (line.startsWith("OPTION") ? "ERR 83886254 Unknown option" : answer(line)))).result,
    ).toBe("x")
  })

  test.prop([fc.string({ unit: "grapheme" }).filter((text) => !/[\r\n\u2028\u2029]/.test(text))])(
    "reads any answer back",
    async (text) => {
      const sent = text.replaceAll("%", "%25")
      const byBytes = [...Buffer.from(text)]
        .map((byte) => `%${byte.toString(16).padStart(2, "0").toUpperCase()}`)
        .join("")

      expect((await pinentry(giving(`D ${byBytes}\nOK`))).result).toBe(text)
      expect((await pinentry(giving(`D ${sent}\nOK`))).result).toBe(text)
    },
  )
})
