/** What a person is told, less what differs between two runs: times, ports, ids, places of objects in memory. */
export function told(text: string, home: string): string {
  return text
    .replaceAll(home, "HOME")
    .replaceAll(/127\.0\.0\.1:\d+/g, "127.0.0.1:PORT")
    .replaceAll(/\b[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b/g, "REQUEST-ID")
    .replaceAll(/\b\d{4}[-/]\d\d[-/]\d\d[T ]\d\d:\d\d:\d\d(\.\d+)?Z?/g, "TIME")
    .replaceAll(/\w{3}, \d\d \w{3} \d{4} \d\d:\d\d:\d\d GMT/g, "TIME")
    .replaceAll(/\b(ended at )(\d{4}-\d\d-\d\d )?\d\d:\d\d\b/g, "$1TIME")
    .replaceAll(/\bin \d+(\.\d+)?(µs|ms|s)\b/g, "in TIME")
    .replaceAll(/@[0-9a-f]{5,8}\b/g, "@OBJECT")
    .replaceAll(/\s+/g, " ")
    .trim()
}
