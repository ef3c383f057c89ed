import { once } from "node:events"
import { connect, createServer, type Socket } from "node:net"
import { setTimeout as sleep } from "node:timers/promises"
import { describe, expect, it, onTestFinished } from "vitest"
import { answer, type Answer } from "../../../daemon/http/answer.ts"
import { plainConnections } from "../../../daemon/http/plain-connection.ts"
import { wholeAnswer } from "../../../daemon/http/whole-answer.ts"

const request = "GET / HTTP/1.1\r\nHost: x\r\n\r\n"
const other = "POST / HTTP/1.1\r\nHost: x\r\n\r\n"

interface Setup {
  readonly ask?: () => Answer | Promise<Answer>
  readonly firstRequestMs?: number
  readonly nextRequestMs?: number
}

async function setup({ ask = () => answer(200, "{}"), firstRequestMs = 60_000, nextRequestMs = 90_000 }: Setup = {}) {
  const happened: string[] = []
  const ending = { isNow: false }
  const answering = new Set<Socket>()
  let asked = 0
  let handedOver = ""
  const begin = plainConnections({
    ask() {
      asked += 1
      return ask()
    },
    bytesOf: (answered, isLast) => wholeAnswer(answered, isLast ? undefined : 5_000),
    isEnding: () => ending.isNow,
    answering,
    handOver(socket) {
      happened.push("handed over")
      socket.on("data", (bytes) => (handedOver += bytes.toString("latin1")))
    },
    onSilent(socket) {
      happened.push("silent")
      socket.destroy()
    },
    firstRequestMs,
    nextRequestMs,
  })
  const server = createServer({ allowHalfOpen: true }, (socket) => begin(socket, {})).listen(0, "127.0.0.1")
  await once(server, "listening")
  onTestFinished(() => void server.close())
  const address = server.address()
  const port = typeof address === "object" ? address?.port : undefined

  async function open(): Promise<{ readonly ours: Socket; readonly theirs: Socket; readonly text: () => string }> {
    let text = ""
    const theirs = connect({ host: "127.0.0.1", port: port ?? 0, allowHalfOpen: true, noDelay: true })
    const [[ours]] = (await Promise.all([once(server, "connection"), once(theirs, "connect")])) as [[Socket], unknown]
    theirs.on("error", () => undefined).on("data", (chunk) => (text += chunk.toString("latin1")))
    onTestFinished(() => [ours, theirs].forEach((socket) => void socket.destroy()))
    return { ours, theirs, text: () => text }
  }
  return { open, happened, ending, answering, asked: () => asked, handedOver: () => handedOver }
}

const count = (text: string): number => text.split("HTTP/1.1 200 OK\r\n").length - 1

describe(plainConnections.name, () => {
  it("answers one request after another", async () => {
    const { open, asked } = await setup()
    const { theirs, text } = await open()

    for (let i = 1; i <= 3; i += 1) {
      theirs.write(request)
      await once(theirs, "data")
      expect(count(text())).toBe(i)
    }
    expect(asked()).toBe(3)
  })

  it("hands the connection over with what it cannot read, after the answers before it, and for good", async () => {
    const { open, happened, asked, handedOver } = await setup()
    const { ours, theirs, text } = await open()
    theirs.write(request)
    await once(theirs, "data")

    theirs.write(other)
    await once(ours, "data")
    theirs.write(request)
    await once(ours, "data")

    expect(handedOver()).toBe(other + request)
    expect(happened).toEqual(["handed over"])
    expect([asked(), count(text())]).toEqual([1, 1])
  })

  it("reads the next request behind an answer that takes its time, and says where one is under way", async () => {
    const given: ((made: Answer) => void)[] = []
    const { open, answering, asked } = await setup({ ask: () => new Promise((resolve) => given.push(resolve)) })
    const { ours, theirs, text } = await open()
    theirs.write(request)
    await once(ours, "data")
    expect(answering.has(ours)).toBe(true)

    theirs.write(request)
    await sleep(20)
    expect(asked()).toBe(1)
    given[0]?.(answer(200, '"first"'))
    await once(ours, "data")
    expect(asked()).toBe(2)
    given[1]?.(answer(200, '"second"'))
    while (count(text()) < 2) await once(theirs, "data")

    expect(text().indexOf('"first"')).toBeLessThan(text().indexOf('"second"'))
    expect(answering.size).toBe(0)
  })

  it("answers whoever has closed its own end already, and ends", async () => {
    const given: ((made: Answer) => void)[] = []
    const { open } = await setup({ ask: () => new Promise((resolve) => given.push(resolve)) })
    const { ours, theirs, text } = await open()
    theirs.end(request)
    await once(ours, "end")

    given[0]?.(answer(200, "{}"))
    await once(theirs, "end")

    expect(text()).toContain("\r\nConnection: close\r\n")
    expect(count(text())).toBe(1)
  })

  it.each([
    ["the caller wants no more", "GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", false, undefined],
    ["the daemon ends", request, true, undefined],
    ["the answer says so", request, false, "close"],
  ])(
    "closes the connection after its answer where %s, and reads nothing more",
    async (_, sent, isEnding, connection) => {
      const made = answer(200, "{}")
      const last = connection === undefined ? made : { ...made, headers: { ...made.headers, connection } }
      const { open, ending, asked } = await setup({ ask: () => last })
      ending.isNow = isEnding
      const { ours, theirs, text } = await open()

      const closed = once(ours, "close")
      theirs.write(sent)
      await once(theirs, "data")
      theirs.write(request)
      await closed

      expect(asked()).toBe(1)
      expect(text().match(/\r\nconnection: close\r\n/gi)).toHaveLength(1)
    },
  )

  it("answers nothing more while its last answer is still on its way", async () => {
    const { open, asked } = await setup({ ask: () => answer(200, "x".repeat(10_000_000)) })
    const { ours, theirs } = await open()
    const closed = once(ours, "close")
    theirs.pause()
    theirs.write("GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
    await once(ours, "data")
    theirs.write(request)
    await sleep(20)
    expect(ours.writableLength).toBeGreaterThan(0)

    theirs.resume()
    await closed
    expect(asked()).toBe(1)
  })

  it.each([
    ["plain", request],
    ["not plain", other],
  ])(
    "answers in their order who reads late, and asks nothing while it does not (the third is %s)",
    async (_, third) => {
      const given: ((made: Answer) => void)[] = []
      const { open, asked, happened } = await setup({ ask: () => new Promise((resolve) => given.push(resolve)) })
      const { ours, theirs, text } = await open()
      theirs.pause()
      theirs.write(request)
      await once(ours, "data")
      given[0]?.(answer(200, `"first${"x".repeat(10_000_000)}"`))
      await sleep(5)
      theirs.write(request)
      await sleep(20)
      expect(asked()).toBe(1)

      theirs.resume()
      await once(ours, "data")
      theirs.write(third)
      await sleep(20)
      expect([asked(), happened]).toEqual([2, []])
      given[1]?.(answer(200, '"second"'))
      await once(ours, "data")
      given[2]?.(answer(200, '"third"'))
      await expect.poll(text).toContain('"second"')

      expect(text().indexOf('"first')).toBeLessThan(text().indexOf('"second"'))
      expect(happened).toEqual(third === other ? ["handed over"] : [])
    },
  )

  it("does not wait for who never reads its last answer", async () => {
    const { open } = await setup({ ask: () => answer(200, "x".repeat(10_000_000)), nextRequestMs: 30 })
    const { ours, theirs } = await open()
    theirs.pause()

    theirs.write("GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
    // Each byte that comes would begin the time anew.
    const trickle = setInterval(() => theirs.write("x"), 10)
    onTestFinished(() => clearInterval(trickle))
    await once(ours, "close")

    expect(theirs.bytesRead).toBeLessThan(10_000_000)
  })

  it("does not read who asks and does not read", async () => {
    const large = answer(200, "x".repeat(1_000_000))
    const { open, asked } = await setup({ ask: () => large })
    const { ours, theirs } = await open()
    theirs.pause()

    for (let i = 0; i < 50 && !ours.isPaused(); i += 1) {
      theirs.write(request)
      await once(ours, "data")
    }
    const before = asked()
    expect(before).toBeLessThan(50)
    theirs.write(request)
    await sleep(20)
    expect(asked()).toBe(before)

    theirs.resume()
    await once(ours, "data")
    expect(asked()).toBe(before + 1)
  })

  it("keeps nothing of the times that it did not read a connection", async () => {
    const { open } = await setup({ ask: () => answer(200, "x".repeat(10_000_000)) })
    const { ours, theirs } = await open()
    const listeners = (): number[] => ["close", "drain"].map((event) => ours.listenerCount(event))
    const before = listeners()

    for (let i = 0; i < 3; i += 1) {
      const drained = once(ours, "drain")
      theirs.write(request)
      await once(ours, "data")
      expect(ours.isPaused()).toBe(true)
      await drained
    }

    expect(listeners()).toEqual(before)
  })

  it("closes who asks, does not read, and sends on, when its time is over", async () => {
    const { open } = await setup({
      ask: () => answer(200, "x".repeat(10_000_000)),
      firstRequestMs: 20,
      nextRequestMs: 60,
    })
    const { ours, theirs } = await open()
    theirs.pause()

    theirs.write(request)
    const trickle = setInterval(() => theirs.write("G"), 10)
    onTestFinished(() => clearInterval(trickle))

    await once(ours, "close")
  })

  it("says who has sent nothing in its time, and closes who sends no more without a word", async () => {
    const { open, happened } = await setup({ firstRequestMs: 30, nextRequestMs: 60 })
    const silent = await open()
    await once(silent.ours, "close")
    expect(happened).toEqual(["silent"])

    const kept = await open()
    kept.theirs.write(request)
    await once(kept.theirs, "data")
    const answered = kept.text()
    await once(kept.ours, "close")

    expect(kept.text()).toBe(answered)
    expect(happened).toEqual(["silent"])
  })

  it("closes nobody whose answer is still to come, however long that takes", async () => {
    const given: ((made: Answer) => void)[] = []
    const ask = (): Promise<Answer> => new Promise((resolve) => given.push(resolve))
    const { open, happened } = await setup({ ask, firstRequestMs: 10, nextRequestMs: 20 })
    const { ours, theirs, text } = await open()
    theirs.write(request)
    await once(ours, "data")

    await sleep(100)
    given[0]?.(answer(200, "{}"))
    await once(theirs, "data")

    expect(count(text())).toBe(1)
    expect(happened).toEqual([])
  })

  it("answers a request that came whole while nothing was read, however long that was", async () => {
    const { open, happened } = await setup({ firstRequestMs: 30, nextRequestMs: 60 })
    const { theirs, text } = await open()
    theirs.write(request)
    // In this turn of the event loop nothing is read, and the time is over.
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 100)

    await once(theirs, "data")
    theirs.write(request)
    await once(theirs, "data")

    expect(count(text())).toBe(2)
    expect(happened).toEqual([])
  })

  it("makes nothing of a caller that has gone before its answer came", async () => {
    const given: ((made: Answer) => void)[] = []
    const { open, answering } = await setup({ ask: () => new Promise((resolve) => given.push(resolve)) })
    const { ours, theirs } = await open()
    theirs.write(request)
    await once(ours, "data")
    ours.destroy()

    given[0]?.(answer(200, "{}"))
    await sleep(5)

    expect(answering.size).toBe(0)
    expect(ours.bytesWritten).toBe(0)
  })
})
