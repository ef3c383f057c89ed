import { fc, test } from "@fast-check/vitest"
import { describe, expect, it } from "vitest"
import { encodedMessageIn } from "../../client/encoded-message.ts"

const anyMessage = fc.stringMatching(/^[\w-]{200,1500}$/)
const message = `4GIOHlTkIaWHQD0Q0m6XSnuUMCm-_${"abcdefghijklmn-".repeat(10)}`
const words =
  "You are not authorized to perform this operation. User: arn:aws:iam::1:user/a is not authorized to perform: x"

function wrapped(text: string, width: number, frame = ""): string {
  return (text.match(new RegExp(`[^]{1,${width}}`, "g")) ?? []).map((line) => frame + line).join("\n")
}

describe(encodedMessageIn.name, () => {
  it.each([
    ["bare", message],
    ["with spaces around it", `  ${message}\n`],
    [
      "the AWS CLI's",
      `\nAn error occurred (UnauthorizedOperation) when calling the RunInstances operation: ${words}. Encoded authorization failure message: ${message}\n`,
    ],
    [
      "an older SDK's",
      `UnauthorizedOperation: ${words}.\n\tstatus code: 403, request id: 1c5a-x Encoded authorization failure message: ${message} status code: 403`,
    ],
    [
      "Terraform's",
      `╷\n│ Error: creating EC2 Instance: ${words}. Encoded authorization failure message: ${message}\n│ \tstatus code: 403, request id: 2f-1\n│ \n│   with aws_instance.x,\n╵\n`,
    ],
    [
      "Terraform's in colour",
      `\u001b[31m│\u001b[0m \u001b[0m\u001b[1m\u001b[31mError: \u001b[0m${words}. Encoded authorization failure message: ${message}\u001b[0m\n\u001b[31m│\u001b[0m more words here`,
    ],
    ["in JSON", `{"message":"${words}. Encoded authorization failure message: ${message}"}`],
    ["at the end of a sentence", `Encoded authorization message: ${message}.`],
    ["in a log without a label", `2026-11-24T10:00:00Z ERROR failed: ${words} [${message}] (retrying)`],
  ])("finds the message %s", (_, text) => {
    expect(encodedMessageIn(text)).toBe(message)
  })

  it.each(["", "\n\n", "An error occurred (AccessDenied): no", "Encoded authorization failure message: ", "a b"])(
    "finds none in %j",
    (text) => {
      expect(encodedMessageIn(text)).toBe(undefined)
    },
  )

  test.prop([anyMessage, fc.integer({ min: 20, max: 250 }), fc.constantFrom("", "│ ", "  ", "> ")])(
    "puts together again what a terminal of any width has broken",
    (any, width, frame) => {
      const error = wrapped(`${words}. Encoded authorization failure message: ${any}`, width, frame)

      expect(encodedMessageIn(wrapped(any, width, frame))).toBe(any)
      expect(encodedMessageIn(`${error}\n${frame}\tstatus code: 403, request id: 1\n`)).toBe(any)
    },
  )
})
