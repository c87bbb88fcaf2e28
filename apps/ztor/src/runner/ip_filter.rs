//! The IP filter of the flags.

use std::fs::File;
use std::io::Read as _;
use std::sync::Arc;

use ztor_session::ip_filter::{ListError, MAX_LEN, Parsed, read};
use ztor_session::{
    Config, Events, FetchedList, IpFilter, Route, Session, Use, Validators, fetch_list, redact_url,
};

use crate::args::NetArgs;
use crate::exit::{CliError, Exit};

/// Starts a session, and subscribes to its events, with the IP filter of the flags in force before there is any torrent.
pub(crate) fn start(net: &NetArgs, config: Config) -> anyhow::Result<(Session, Events)> {
    let route = net.route(Use::Other)?;
    let filter = net.ip_filter.as_ref().map(|source| load(source, &route)).transpose()?;
    let (session, events) = Session::start_with_events(config)?;
    if let Some(Parsed { table, report }) = filter {
        if report.bad > 0 {
            let first = report.first_bad.first().map(ToString::to_string).unwrap_or_default();
            tracing::warn!(bad_lines = report.bad, first, "cannot read all lines of the IP filter");
        }
        let filter = IpFilter { table: Arc::new(table), ..IpFilter::default() };
        session.set_filter(filter).wait()?;
    }
    Ok((session, events))
}

/// Reads a list from a file or a URL.
fn load(source: &str, route: &Route) -> Result<Parsed, CliError> {
    let failed = |exit, error: &dyn std::fmt::Display| {
        CliError::new(exit, format!("cannot read the IP filter {}: {error}", redact_url(source)))
    };
    let is_url = source.starts_with("http://") || source.starts_with("https://");
    let content = if is_url {
        match fetch_list(source, route, MAX_LEN, &Validators::default()) {
            Ok(FetchedList::New { body, .. }) => body,
            Ok(FetchedList::NotModified) => Vec::new(),
            Err(error) => return Err(failed(Exit::Network, &error)),
        }
    } else {
        let mut content = Vec::new();
        let file = File::open(source).map_err(|error| failed(Exit::Usage, &error))?;
        file.take(MAX_LEN as u64 + 1)
            .read_to_end(&mut content)
            .map_err(|error| failed(Exit::Storage, &error))?;
        content
    };
    read(&content).map_err(|error: ListError| failed(Exit::Usage, &error))
}
