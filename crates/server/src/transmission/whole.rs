//! Methods about the whole: `session-close`, `port-test`, `blocklist-update`.

use super::State;
use super::dialect::{Args, Dialect, Key};
use super::failure::{Code, Failure};
use super::methods::{Answer, object};
use super::session_get::blocklist_of;
use serde_json::{Map, Value};
use std::sync::Arc;
use ztor_api::Connectivity;
use ztor_daemon::ForeignApi;

impl State {
    /// Ends the daemon, after this answer.
    pub(crate) fn session_close(&self) -> Answer {
        tracing::info!("a client of the Transmission RPC ends the daemon");
        self.foreign.daemon().ask_to_end();
        Ok(b"{}".to_vec())
    }

    /// Tells whether peers can connect, as far as the daemon knows it from those that have connected. Nobody else is asked.
    pub(crate) fn port_test(&self, args: &Args, dialect: Dialect) -> Answer {
        let statistics = self.foreign.daemon().statistics();
        let is_open = match statistics.connectivity {
            Connectivity::Incoming => true,
            _ if statistics.is_unreachable || statistics.peer_port == 0 => false,
            _ => {
                let text = "it is not known yet whether the port is open: no peer has connected, and it is too early \
                    to conclude that none can";
                return Err(Failure::new(Code::System, text));
            }
        };
        let mut answer = Map::new();
        answer.insert(Key::new("port_is_open", "port-is-open").name(dialect).to_owned(), is_open.into());
        if let Some(protocol @ ("ipv4" | "ipv6")) = args.text("ip_protocol") {
            answer.insert(Key::new("ip_protocol", "ip-protocol").name(dialect).to_owned(), protocol.into());
        }
        object(answer)
    }

    /// Reads the list of the IP filter again. While it is off, the list is only tried.
    pub(crate) async fn blocklist_update(&self, dialect: Dialect) -> Answer {
        let daemon = self.foreign.daemon();
        let settings = Arc::clone(&daemon.settings_changes().borrow());
        let read = match settings.ip_filter {
            Some(_) => daemon.read_ip_filter().await,
            None => daemon.try_ip_filter(&blocklist_of(&settings, &self.kept()?)).await,
        };
        let read = read
            .map_err(|error| Failure::new(Code::Blocklist, format!("Couldn't fetch blocklist: {error}")))?;
        if settings.ip_filter.is_none() {
            let size = Map::from_iter([("blocklist_size".to_owned(), Value::from(read.ranges))]);
            daemon.change_foreign_values(ForeignApi::Transmission, &size).await?;
        }
        let key = Key::new("blocklist_size", "blocklist-size").name(dialect);
        object(Map::from_iter([(key.to_owned(), read.ranges.into())]))
    }
}
