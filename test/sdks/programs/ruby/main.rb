# Probe of the AWS SDK for Ruby: one STS GetCallerIdentity for every line on stdin, one line of JSON for each on stdout.
require "json"
require "aws-sdk-core"

$stdout.sync = true
client = nil
while $stdin.gets
  begin
    client ||= Aws::STS::Client.new(endpoint: ENV.fetch("SANDBOX_STS_URL"))
    answer = { ok: true, arn: client.get_caller_identity.arn }
  rescue StandardError => error
    answer = { ok: false, error: "#{error.class}: #{error.message}" }
  end
  puts JSON.generate(answer)
end
