//! `ztor web`.

use serde::Serialize;

use super::access_args::WebArgs;
use super::connection::Connection;
use crate::exit::Exit;

/// The link, for programs.
#[derive(Serialize)]
struct Link<'a> {
    event: &'static str,
    url: &'a str,
    valid_s: u64,
}

pub(super) fn run(args: &WebArgs, connection: &Connection) -> anyhow::Result<Exit> {
    let console = &connection.console;
    let base = connection.web_url()?;
    let link = connection.ask(connection.client.make_login_link())?;
    let url = crate::browser::with_code(&base, &link.code);
    if console.is_json() {
        console.json(&Link { event: "web", url: &url, valid_s: link.valid_s });
    } else if args.print || !crate::browser::open(&url) {
        console.line(&url);
        console.warn(&format!("The link logs in once, within {} minutes.", link.valid_s / 60));
    } else {
        console.line(&format!("Opening {base}"));
    }
    Ok(Exit::Ok)
}
