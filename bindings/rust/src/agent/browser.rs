//! How is a page opened in the user's own browser?

mod command;

use std::time::Duration;

use mcp_oauth_core::{OpenUrl, Refusal, ShowCode};
use tokio::process::Command;

use super::{AgentFuture, Opened, Redirect, UserAgent, listener};
use crate::http::Network;

/// The system browser, and a listener on loopback for the way back (RFC 8252).
///
/// Tried in order: the commands of the environment variable `BROWSER` (separated by `:`, or `;` on Windows; arguments by
/// blanks; `%s` stands for the URL, which otherwise comes last), then the platform's own opener. No shell is involved.
#[derive(Default)]
pub struct SystemBrowser {
    keep_port: bool,
    show: Option<Box<Show<OpenUrl>>>,
    show_codes: Option<Box<Show<ShowCode>>>,
}

type Show<T> = dyn Fn(&T) + Send + Sync;

/// A browser that fails does so at once; one that still runs by then is a browser.
const PATIENCE: Duration = Duration::from_secs(3);

impl SystemBrowser {
    /// The browser of this user.
    pub fn new() -> Self {
        Self::default()
    }

    /// Listens at the port of the redirect URI or not at all, even if that port was chosen by chance in an earlier run and is
    /// taken now. Right for a client whose redirect URI is registered with a port of its own.
    #[must_use]
    pub fn keep_port(mut self) -> Self {
        self.keep_port = true;
        self
    }

    /// What to do where no browser can be opened: show the URL, so that the user may copy it to one. It contains the `state`
    /// of the sign-in and belongs on the user's screen, not into a log. Without this the flow ends as declined.
    #[must_use]
    pub fn show_url(mut self, show: impl Fn(&OpenUrl) + Send + Sync + 'static) -> Self {
        self.show = Some(Box::new(show));
        self
    }

    /// How codes are shown to a person who signs in on another device. Without this they are written to stderr.
    #[must_use]
    pub fn show_codes(mut self, show: impl Fn(&ShowCode) + Send + Sync + 'static) -> Self {
        self.show_codes = Some(Box::new(show));
        self
    }
}

impl UserAgent for SystemBrowser {
    fn bind<'a>(&'a self, preferred: &'a str) -> AgentFuture<'a, Redirect> {
        Box::pin(async {
            let place = listener::Place::read(preferred).ok_or(Refusal::Unable)?;
            listener::listen(&place)
                .or_else(|error| match self.keep_port {
                    true => Err(error),
                    false => listener::listen(&place.at_any_port()),
                })
                .map_err(|_| Refusal::Unable)
        })
    }

    fn open<'a>(&'a self, request: &'a OpenUrl, _: &'a Network) -> AgentFuture<'a, Opened> {
        Box::pin(async {
            if browse(request.url.expose()).await {
                return Ok(Opened::Shown);
            }
            let show = self.show.as_ref().ok_or(Refusal::Unable)?;
            show(request);
            Ok(Opened::Shown)
        })
    }

    fn show_code<'a>(&'a self, code: &'a ShowCode) -> AgentFuture<'a, ()> {
        Box::pin(async {
            match &self.show_codes {
                Some(show) => show(code),
                None => eprintln!(
                    "To sign in, open {} on any device and enter the code {}",
                    code.verification_uri.as_str(),
                    code.user_code
                ),
            }
            Ok(())
        })
    }
}

/// Whether a browser took the URL.
async fn browse(url: &str) -> bool {
    let chosen = std::env::var("BROWSER").unwrap_or_default();
    let commands = command::chosen(&chosen, url);
    for command in commands.into_iter().chain(command::platform(url)) {
        if start(command).await {
            return true;
        }
    }
    #[cfg(windows)]
    {
        let url = url.to_owned();
        let opened = tokio::task::spawn_blocking(move || webbrowser::open(&url).is_ok());
        return opened.await.unwrap_or(false);
    }
    #[cfg(not(windows))]
    false
}

async fn start(command: command::Line) -> bool {
    use std::process::Stdio;
    let started = Command::new(command.program)
        .args(command.arguments)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn();
    let Ok(mut child) = started else {
        return false;
    };
    match tokio::time::timeout(PATIENCE, child.wait()).await {
        Ok(Ok(status)) => status.success(),
        Ok(Err(_)) => false,
        Err(_) => {
            // Reaped whenever the user closes it.
            tokio::spawn(async move { child.wait().await });
            true
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_port_that_is_taken_is_given_up_unless_it_is_to_be_kept() {
        let browser = SystemBrowser::new();
        let first = browser.bind("http://127.0.0.1:0/callback").await;
        let first = first.expect("a free port");
        let second = browser.bind(first.uri()).await.expect("another port");
        assert_ne!(second.uri(), first.uri());
        let kept = SystemBrowser::new().keep_port().bind(first.uri()).await;
        assert_eq!(kept.err(), Some(Refusal::Unable));
    }

    #[tokio::test]
    async fn nobody_can_listen_elsewhere_than_here() {
        for uri in [
            "https://app.example.com/callback",
            "com.example.app:/callback",
        ] {
            let bound = SystemBrowser::new().bind(uri).await;
            assert_eq!(bound.err(), Some(Refusal::Unable));
        }
    }
}
