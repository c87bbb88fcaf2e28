//! Flags for the proxy and for anonymity.

use std::convert::Infallible;
use std::fmt;
use std::str::FromStr;

use clap::{Args, ValueEnum};
use ztor_session::{ProxyPolicy, Use, Uses};

use crate::exit::{CliError, Exit};

/// URL of a proxy as given, which may have a password and is not checked yet: the checks of the command line would show it.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct SecretUrl(String);

impl FromStr for SecretUrl {
    type Err = Infallible;

    fn from_str(text: &str) -> Result<Self, Infallible> {
        Ok(Self(text.to_owned()))
    }
}

impl fmt::Debug for SecretUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SecretUrl(***)")
    }
}

/// Traffic that goes through a proxy.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum UseArg {
    Peers,
    Trackers,
    WebSeeds,
    Other,
}

impl From<UseArg> for Use {
    fn from(arg: UseArg) -> Self {
        match arg {
            UseArg::Peers => Self::Peers,
            UseArg::Trackers => Self::Trackers,
            UseArg::WebSeeds => Self::WebSeeds,
            UseArg::Other => Self::Other,
        }
    }
}

/// Flags for the proxy and for anonymity.
#[derive(Clone, Debug, Default, Args)]
#[command(next_help_heading = "Network")]
pub(crate) struct ProxyArgs {
    /// Send everything through this proxy, and nothing around it: socks5://user:password@host:1080, socks4a:// or http://.
    /// The variable keeps the password out of the list of processes
    #[arg(long, value_name = "URL", env = "ZTOR_PROXY", hide_env_values = true)]
    proxy: Option<SecretUrl>,
    /// Send only this traffic through the proxy
    #[arg(long, value_name = "USE,...", value_enum, value_delimiter = ',', requires = "proxy")]
    proxy_for: Vec<UseArg>,
    /// Accept connections of peers in spite of a proxy for peers; answers to them go around it
    #[arg(long, requires = "proxy")]
    proxy_incoming: bool,
    /// Send nothing that describes this client: no name, version, port or local address
    #[arg(long)]
    anonymous: bool,
}

impl ProxyArgs {
    /// Returns the proxy, and what goes through it.
    pub(crate) fn policy(&self) -> Result<ProxyPolicy, CliError> {
        // An empty variable must not send everything past the proxy that it was meant to name.
        if self.proxy.as_ref().is_some_and(|url| url.0.is_empty()) {
            return Err(CliError::new(Exit::Usage, "cannot use the URL of --proxy: it is empty".to_owned())
                .hint("write \"none\" for no proxy; ZTOR_PROXY may be set without a value"));
        }
        let policy = match self.proxy.as_ref().filter(|url| url.0 != "none") {
            None => ProxyPolicy::default(),
            Some(url) => ProxyPolicy::new(url.0.parse().map_err(|error| {
                CliError::new(Exit::Usage, format!("cannot use the URL of --proxy: {error}"))
                    .hint("write for example socks5://127.0.0.1:1080")
            })?),
        };
        let uses = self.proxy_for.iter().fold(Uses::NONE, |uses, arg| uses.with((*arg).into()));
        let uses = if self.proxy_for.is_empty() { Uses::ALL } else { uses };
        Ok(policy.uses(uses).incoming(self.proxy_incoming))
    }

    /// Returns true if connections with peers go through a proxy, also if its URL is wrong.
    pub(crate) fn is_for_peers(&self) -> bool {
        self.policy().map_or(true, |policy| policy.proxy_for(Use::Peers).is_some())
    }

    pub(crate) fn is_anonymous(&self) -> bool {
        self.anonymous
    }

    /// Returns the warning about anonymity that others see through; `None` if there is none.
    pub(crate) fn warning(&self) -> Option<&'static str> {
        let is_exposed = self.policy().is_ok_and(|policy| policy.proxy_for(Use::Peers).is_none());
        (self.anonymous && is_exposed).then_some(
            "--anonymous without a proxy for peers: others still see the address of this machine; see --proxy",
        )
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    use super::*;
    use crate::exit::Report;
    use clap::Parser;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        proxy: ProxyArgs,
    }

    fn parse(flags: &[&str]) -> ProxyArgs {
        Line::try_parse_from([&["x"], flags].concat()).unwrap().proxy
    }

    #[test]
    fn flags_select_the_uses_and_errors_show_no_password() {
        let all = parse(&["--proxy", "socks5://h"]).policy().unwrap();
        assert!(all.proxy_for(Use::Other).is_some() && !all.allows_incoming());
        let some = parse(&["--proxy", "http://h", "--proxy-for", "trackers,web-seeds"]).policy().unwrap();
        assert!(some.proxy_for(Use::Peers).is_none() && some.proxy_for(Use::WebSeeds).is_some());
        let wrong = parse(&["--proxy", "https://me:secret@h"]);
        let report = Report::of(&wrong.policy().unwrap_err().into());
        assert!(
            !report.message.contains("secret") && report.message.contains("scheme"),
            "{}",
            report.message
        );
        assert!(!format!("{wrong:?}").contains("secret"));
    }

    #[test]
    fn anonymous_without_a_proxy_for_peers_has_a_warning() {
        assert!(parse(&["--anonymous"]).warning().is_some());
        assert!(
            parse(&["--anonymous", "--proxy", "socks5://h", "--proxy-for", "trackers"]).warning().is_some()
        );
        assert!(parse(&["--anonymous", "--proxy", "socks5://h"]).warning().is_none());
        assert!(parse(&[]).warning().is_none());
    }
}
