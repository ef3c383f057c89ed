// Probe of the Rust crate object_store: one signed S3 ListObjectsV2 for every line on stdin, one line of JSON for each on stdout.
use std::error::Error;
use std::io::{self, Write};

use futures_util::TryStreamExt;
use object_store::aws::{AmazonS3, AmazonS3Builder};
use object_store::{ObjectStore, Result};
use serde_json::json;

fn new_store() -> Result<AmazonS3> {
    AmazonS3Builder::from_env()
        .with_bucket_name("credd")
        .with_endpoint(std::env::var("SANDBOX_S3_URL").unwrap_or_default())
        .with_allow_http(true)
        .with_virtual_hosted_style_request(false)
        .build()
}

async fn call(store: &mut Option<AmazonS3>) -> std::result::Result<(), Box<dyn Error>> {
    if store.is_none() {
        *store = Some(new_store()?);
    }
    if let Some(store) = store.clone() {
        // In a task of its own: the crate can panic, and that too must come back as an error.
        tokio::spawn(async move { store.list(None).try_collect::<Vec<_>>().await }).await??;
    }
    Ok(())
}

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
    let mut store = None;
    for line in io::stdin().lines() {
        line?;
        let answer = match call(&mut store).await {
            Ok(()) => json!({ "ok": true, "arn": "" }),
            Err(error) => json!({ "ok": false, "error": whole_chain(error.as_ref()) }),
        };
        let mut stdout = io::stdout();
        writeln!(stdout, "{answer}")?;
        stdout.flush()?;
    }
    Ok(())
}
