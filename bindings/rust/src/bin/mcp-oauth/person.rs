//! How is the person told before a page opens?

use mcp_oauth_core::{OpenUrl, ShowCode};
use mcp_oauth_host::agent::{AgentFuture, Opened, Redirect};
use mcp_oauth_host::{Network, SystemBrowser, UserAgent};

use crate::report::Report;

/// The system browser, announced.
pub(crate) struct Announced {
    browser: SystemBrowser,
    report: Report,
}

impl Announced {
    /// `keep_port`: whether the redirect URI has a port of its own.
    pub(crate) fn new(report: Report, keep_port: bool) -> Self {
        let browser = SystemBrowser::new()
            .show_url(move |request| {
                report.tell(&format!(
                    "No browser could be opened. Open this page in one on this machine:\n\n{}\n",
                    request.url.expose()
                ));
            })
            .show_codes(move |code| report.tell(&invitation(code)));
        Self {
            browser: match keep_port {
                true => browser.keep_port(),
                false => browser,
            },
            report,
        }
    }
}

/// What to do on the other device. The code is shown beside a link that contains it, to be compared (RFC 8628 §3.3.1).
fn invitation(code: &ShowCode) -> String {
    let mut text = format!(
        "To sign in to {}, open this page on any device:\n\n{}\n\nand enter the code {}",
        code.issuer.as_str(),
        code.verification_uri.as_str(),
        code.user_code
    );
    if let Some(complete) = &code.verification_uri_complete {
        text += &format!("\nor open {} and compare it", complete.as_str());
    }
    if !code.scopes.is_empty() {
        text += &format!("\nIt will ask you for: {}", code.scopes);
    }
    text + "\n"
}

impl UserAgent for Announced {
    fn bind<'a>(&'a self, preferred: &'a str) -> AgentFuture<'a, Redirect> {
        self.browser.bind(preferred)
    }

    fn open<'a>(&'a self, request: &'a OpenUrl, network: &'a Network) -> AgentFuture<'a, Opened> {
        let mut text = format!(
            "Opening the page of {} in the browser",
            request.issuer.as_str()
        );
        if !request.new_scopes.is_empty() {
            text += &format!("; it will ask you for: {}", request.new_scopes);
        }
        self.report.progress(&text);
        self.browser.open(request, network)
    }

    fn show_code<'a>(&'a self, code: &'a ShowCode) -> AgentFuture<'a, ()> {
        self.browser.show_code(code)
    }
}
