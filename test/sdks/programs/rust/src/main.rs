// Probe of the AWS SDK for Rust: one STS GetCallerIdentity for every line on stdin, one line of JSON for each on stdout.
use std::error::Error;
use std::io::{self, Write};

use aws_config::BehaviorVersion;
use aws_sdk_sts::Client;
use serde_json::json;

/// The error and its causes, without those that the text before already says.
fn whole_chain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let more = error.to_string();
        if !text.contains(&more) {
            text = format!("{text}: {more}");
        }
        cause = error.source();
    }
    text.replace('\n', " ")
}

#[tokio::main]
async fn main() -> io::Result<()> {
    let config = aws_config::load_defaults(BehaviorVersion::latest()).await;
    let client = Client::new(&config);
    for line in io::stdin().lines() {
        line?;
        let answer = match client.get_caller_identity().send().await {
            Ok(identity) => json!({ "ok": true, "arn": identity.arn().unwrap_or_default() }),
            Err(error) => json!({ "ok": false, "error": whole_chain(&error) }),
        };
        let mut stdout = io::stdout();
        writeln!(stdout, "{answer}")?;
        stdout.flush()?;
    }
    Ok(())
}
