//! The command line of MCP authorization: signs in to MCP servers, shows and forgets what is kept, calls their tools.

mod arguments;
mod call;
mod client_document;
mod demo;
mod exit;
mod keys;
mod login;
mod logout;
mod open;
mod person;
mod report;
mod settings;
mod status;
mod words;

use std::process::ExitCode;

use clap::Parser as _;

use arguments::{Arguments, Command};
use exit::Fault;
use report::Report;

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let report = Report::new(arguments.json, arguments.quiet);
    // Nothing here keeps more than one processor busy.
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    let done = match runtime {
        Ok(runtime) => runtime.block_on(run(arguments.command, &report)),
        Err(error) => Err(Fault::other(format!(
            "the runtime could not be started: {error}"
        ))),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(fault) => report.fault(&fault),
    }
}

async fn run(command: Command, report: &Report) -> Result<(), Fault> {
    match command {
        Command::Login(login) => login::run(login, report).await,
        Command::Status(status) => status::run(status, report).await,
        Command::Logout(logout) => logout::run(logout, report).await,
        Command::Call(call) => call::run(call, report).await,
        Command::ClientDocument(command) => client_document::run(command, report).await,
        Command::Demo => demo::run(report).await,
    }
}
