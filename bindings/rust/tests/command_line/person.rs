//! A user of the command line, with a home folder of their own.

use std::process::Stdio;
use std::time::Duration;

use mcp_oauth_testbed::{Behaviour, Testbed};
use serde_json::Value;
use tempfile::TempDir;
use tokio::process::Command;

pub(crate) struct Ended {
    pub(crate) exit: i32,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Ended {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.out).unwrap_or_else(|_| panic!("not one object: {}", self.out))
    }
}

/// A user with an own home folder.
pub(crate) struct Person {
    pub(crate) home: TempDir,
}

impl Person {
    pub(crate) fn new() -> Self {
        Self {
            home: TempDir::new().unwrap(),
        }
    }

    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_mcp-oauth"));
        command
            .args(arguments)
            .env("MCP_OAUTH_HOME", self.home.path())
            // No keyring, and whatever a log level might bring out.
            .env_remove("DBUS_SESSION_BUS_ADDRESS")
            .env("XDG_RUNTIME_DIR", self.home.path())
            .env("RUST_LOG", "trace")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true);
        command
    }

    pub(crate) async fn runs(&self, arguments: &[&str]) -> Ended {
        ended(self.command(arguments).spawn().unwrap()).await
    }

    pub(crate) async fn logs_in(&self, bed: &Testbed, more: &[&str]) -> Ended {
        let url = bed.mcp_url();
        let mut arguments = vec!["login", &url, "--headless"];
        arguments.extend(more);
        self.runs(&arguments).await
    }

    pub(crate) fn file(&self, name: &str, content: &str) -> String {
        let path = self.home.path().join(name);
        std::fs::write(&path, content).unwrap();
        path.to_str().unwrap().to_owned()
    }

    /// Every secret that is kept.
    pub(crate) fn secrets(&self) -> Vec<String> {
        let mut secrets = Vec::new();
        let folder = self.home.path().join("credentials");
        for file in std::fs::read_dir(folder).unwrap() {
            let text = std::fs::read_to_string(file.unwrap().path()).unwrap();
            if let Some((_, record)) = text.split_once('\n') {
                collect(&serde_json::from_str(record).unwrap(), "", &mut secrets);
            }
        }
        secrets
    }
}

fn collect(value: &Value, name: &str, secrets: &mut Vec<String>) {
    match value {
        Value::Object(members) => members
            .iter()
            .for_each(|(name, value)| collect(value, name, secrets)),
        Value::Array(items) => items.iter().for_each(|item| collect(item, name, secrets)),
        Value::String(text) if ["authorization", "refresh_token", "secret"].contains(&name) => {
            secrets.push(text.trim_start_matches("Bearer ").to_owned());
        }
        _ => {}
    }
}

pub(crate) async fn ended(child: tokio::process::Child) -> Ended {
    let output = child.wait_with_output();
    let output = tokio::time::timeout(Duration::from_secs(30), output).await;
    let output = output.expect("ends").unwrap();
    Ended {
        exit: output.status.code().unwrap(),
        out: String::from_utf8(output.stdout).unwrap(),
        err: String::from_utf8(output.stderr).unwrap(),
    }
}

pub(crate) async fn bed() -> Testbed {
    Testbed::start(Behaviour::default()).await.unwrap()
}
