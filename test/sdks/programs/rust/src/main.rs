// Probe of the AWS SDK for Rust: one STS GetCallerIdentity for every line on stdin, one line of JSON for each on stdout.
use std::io::{self, Write};

use aws_config::BehaviorVersion;
use aws_sdk_sts::{Client, error::DisplayErrorContext};
use serde_json::json;

#[tokio::main]
async fn main() -> io::Result<()> {
    let config = aws_config::load_defaults(BehaviorVersion::latest()).await;
    let client = Client::new(&config);
    for line in io::stdin().lines() {
        line?;
        let answer = match client.get_caller_identity().send().await {
            Ok(identity) => json!({ "ok": true, "arn": identity.arn().unwrap_or_default() }),
            Err(error) => {
                let text = DisplayErrorContext(&error).to_string();
                json!({ "ok": false, "error": text.replace('\n', " ") })
            }
        };
        let mut stdout = io::stdout();
        writeln!(stdout, "{answer}")?;
        stdout.flush()?;
    }
    Ok(())
}
