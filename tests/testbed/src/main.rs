//! Runs a testbed for programs in other languages.
//!
//! Prints one line of JSON with the URLs and serves until its standard input ends.

use mcp_oauth_testbed::{Admin, Behaviour, Testbed, quirk};
use serde_json::json;
use std::error::Error;
use std::fs::File;
use std::io::{self, BufRead as _, Read, Write as _};
use std::process::ExitCode;
use tokio::io::AsyncReadExt as _;

const USAGE: &str = "\
usage: mcp-oauth-testbed [--behaviour FILE|-] [--quirk CLASS[:VARIANT]]

  --behaviour FILE  read the behaviour (JSON) from a file, or from the first line of
                    standard input when FILE is -
  --quirk CLASS     start with the behaviour of a quirk class
";

fn main() -> ExitCode {
    let behaviour = match behaviour(std::env::args().skip(1)) {
        Ok(Some(behaviour)) => behaviour,
        Ok(None) => {
            print!("{USAGE}");
            return ExitCode::SUCCESS;
        }
        Err(error) => {
            eprint!("mcp-oauth-testbed: {error}\n\n{USAGE}");
            return ExitCode::from(2);
        }
    };
    match run(behaviour) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("mcp-oauth-testbed: {error}");
            ExitCode::FAILURE
        }
    }
}

/// The behaviour that the arguments ask for; none when they ask for help.
fn behaviour(
    mut arguments: impl Iterator<Item = String>,
) -> Result<Option<Behaviour>, Box<dyn Error>> {
    let mut behaviour = None;
    while let Some(argument) = arguments.next() {
        if ["--help", "-h"].contains(&argument.as_str()) {
            return Ok(None);
        }
        let value = arguments
            .next()
            .ok_or_else(|| format!("{argument} what?"))?;
        let asked = match argument.as_str() {
            "--behaviour" => serde_json::from_slice(&read(&value)?)?,
            "--quirk" => quirk(&value)
                .ok_or_else(|| format!("no quirk {value}"))?
                .behaviour(),
            _ => return Err(format!("what is {argument}?").into()),
        };
        if behaviour.replace(asked).is_some() {
            return Err("one behaviour only".into());
        }
    }
    Ok(Some(behaviour.unwrap_or_default()))
}

/// The rest of standard input stays open: its end is the signal to stop.
fn read(name: &str) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    match name {
        "-" => io::stdin().lock().read_until(b'\n', &mut bytes)?,
        _ => File::open(name)?.read_to_end(&mut bytes)?,
    };
    Ok(bytes)
}

fn run(behaviour: Behaviour) -> io::Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?;
    runtime.block_on(async {
        let admin = Admin::start(Testbed::start(behaviour).await?).await?;
        let urls = json!({
            "mcp_url": admin.bed().mcp_url(),
            "issuer": admin.bed().issuer(),
            "identity_provider": admin.bed().identity_provider(),
            "admin_url": admin.url(),
        });
        let mut stdout = io::stdout();
        writeln!(stdout, "{urls}")?;
        stdout.flush()?;
        let mut input = tokio::io::stdin();
        let mut buffer = [0; 256];
        while input.read(&mut buffer).await? != 0 {}
        io::Result::Ok(())
    })?;
    // A read of standard input may still be pending in a thread of the runtime.
    runtime.shutdown_background();
    Ok(())
}
