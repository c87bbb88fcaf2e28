//! The command about the ports at which peers reach the daemon.

use super::connection::Connection;
use crate::exit::Exit;
use ztor_api::PortMapping;
use ztor_view::format::Span;
use ztor_view::text::Escaped;

pub(super) fn show(connection: &Connection) -> anyhow::Result<Exit> {
    let ports = connection.ask(connection.client.ports())?;
    if connection.console.is_json() {
        connection.console.json(&ports);
        return Ok(Exit::Ok);
    }
    let line = |name: &str, value: String| connection.console.line(&format!("{name:<14}{value}"));
    line("Listening on", ports.listen_port.to_string());
    line("Announced", ports.announced_port.to_string());
    for (name, mapping) in [("IPv4", &ports.ipv4), ("IPv6", &ports.ipv6)] {
        line(name, Escaped(&mapping.message).to_string());
        details(mapping).into_iter().for_each(|detail| line("", detail));
    }
    Ok(Exit::Ok)
}

/// Returns lines about what the message leaves out.
fn details(mapping: &PortMapping) -> Vec<String> {
    let mut lines = Vec::new();
    if let Some(gateway) = &mapping.gateway {
        let name = mapping.gateway_name.iter().map(|name| format!(" ({})", Escaped(name)));
        lines.push(format!("router {}{}", Escaped(gateway), name.collect::<String>()));
    }
    for mapped in &mapping.mappings {
        let end = match mapped.expires_s {
            Some(left) => format!("renewed within {}", Span(left)),
            None => "kept until it is removed".to_owned(),
        };
        let (transport, external, port) = (&mapped.transport, mapped.external_port, mapped.port);
        lines.push(format!("{} {external} to port {port}, {end}", Escaped(transport)));
    }
    let failures = mapping.failures.iter();
    lines.extend(failures.map(|failed| format!("{}: {}", Escaped(&failed.name), Escaped(&failed.reason))));
    lines.extend(mapping.retry_s.map(|left| format!("asked again in {}", Span(left))));
    lines
}
