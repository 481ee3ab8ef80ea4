//! Does the user's own browser get them there and back?

use std::ffi::OsStr;
use std::path::Path;
use std::time::Duration;

use tokio::process::Command;

use crate::person::{Person, bed, ended};

/// A browser that writes down what it was asked to show.
fn browser(folder: &Path) -> (String, std::path::PathBuf) {
    use std::os::unix::fs::PermissionsExt as _;
    let (program, shown) = (folder.join("browser"), folder.join("shown"));
    let script = format!(
        "#!/bin/sh\nprintf %s \"$2\" > '{0}.part' && mv '{0}.part' '{0}'\n",
        shown.display()
    );
    std::fs::write(&program, script).unwrap();
    std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o700)).unwrap();
    (
        format!("no-such-browser:{} --new-window %s", program.display()),
        shown,
    )
}

async fn visit(url: &str) -> reqwest::Response {
    let ring = rustls::crypto::ring::default_provider();
    let tls = rustls::ClientConfig::builder_with_provider(ring.into())
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(rustls::RootCertStore::empty())
        .with_no_client_auth();
    let http = reqwest::Client::builder()
        .tls_backend_preconfigured(tls)
        .no_proxy();
    http.build().unwrap().get(url).send().await.unwrap()
}

#[tokio::test]
async fn the_users_browser_is_sent_there_and_comes_back() {
    let (bed, person) = (bed().await, Person::new());
    let (browser, shown) = browser(person.home.path());
    let login = person
        .command(&["login", &bed.mcp_url()])
        .env("BROWSER", browser)
        .spawn()
        .unwrap();
    let page = loop {
        match std::fs::read_to_string(&shown) {
            Ok(page) => break page,
            Err(_) => tokio::time::sleep(Duration::from_millis(20)).await,
        }
    };
    let answer = visit(&page).await;
    assert_eq!(answer.url().host_str(), Some("127.0.0.1"));
    assert_eq!(answer.status(), 200);
    assert!(
        answer
            .text()
            .await
            .unwrap()
            .contains("You can close this window")
    );
    let login = ended(login).await;
    assert_eq!(login.exit, 0, "{}", login.err);
    assert!(login.err.contains("Opening the page of"), "{}", login.err);
    assert!(!login.err.contains("state="), "{}", login.err);
}

#[tokio::test]
async fn without_a_browser_the_page_is_shown_and_ctrl_c_ends_the_waiting() {
    let (bed, person) = (bed().await, Person::new());
    let login = person
        .command(&["login", &bed.mcp_url(), "--json", "--quiet"])
        .env("BROWSER", "/does/not/exist")
        .env("PATH", "")
        .spawn()
        .unwrap();
    let id = login.id().unwrap().to_string();
    // Long enough to have come to the page, however slow the machine.
    while bed.counts().registrations == 0 {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    tokio::time::sleep(Duration::from_millis(500)).await;
    let kill = Command::new("kill")
        .args([OsStr::new("-INT"), OsStr::new(&id)])
        .status();
    assert!(kill.await.unwrap().success());
    let login = ended(login).await;
    assert_eq!(login.exit, 3, "{}", login.err);
    assert!(login.err.contains("Open this page"), "{}", login.err);
    assert_eq!(login.json()["code"], "cancelled");
}
