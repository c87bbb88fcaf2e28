//! Descriptions of UPnP gateways, and the SOAP requests to them: Internet Gateway Device, versions 1 and 2.

use crate::transport::Transport;
use crate::xml::{self, XmlError};
use std::net::IpAddr;
use thiserror::Error;

/// Maximum number of services of a gateway that are looked at.
const MAX_SERVICES: usize = 32;
/// Maximum number of values of an answer that are kept.
const MAX_VALUES: usize = 32;
/// Longest text about a gateway, in characters.
const MAX_SHOWN: usize = 60;

/// Service of a gateway.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Service {
    /// Ports of a connection, version 2 of the device.
    IpConnection2,
    /// Ports of a connection.
    IpConnection1,
    /// Ports of a dialled connection.
    PppConnection1,
    /// Pinholes for IPv6.
    Ipv6Firewall1,
}

impl Service {
    const ALL: [Self; 4] =
        [Self::IpConnection2, Self::IpConnection1, Self::PppConnection1, Self::Ipv6Firewall1];

    /// Returns the type of the service.
    pub fn urn(self) -> &'static str {
        match self {
            Self::IpConnection2 => "urn:schemas-upnp-org:service:WANIPConnection:2",
            Self::IpConnection1 => "urn:schemas-upnp-org:service:WANIPConnection:1",
            Self::PppConnection1 => "urn:schemas-upnp-org:service:WANPPPConnection:1",
            Self::Ipv6Firewall1 => "urn:schemas-upnp-org:service:WANIPv6FirewallControl:1",
        }
    }

    /// Returns true if the service maps ports of IPv4.
    pub fn maps_ports(self) -> bool {
        self != Self::Ipv6Firewall1
    }
}

/// Description of a gateway.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Description {
    /// Name of the gateway, in a form that can be shown; `None` if it has none.
    pub name: Option<String>,
    /// Base of relative URLs; `None` if it is the URL of the description.
    pub base: Option<String>,
    /// Services and their control URLs, which may be relative. At most 32.
    pub services: Vec<(Service, String)>,
}

impl Description {
    /// Parses a description.
    ///
    /// # Errors
    /// It is not XML within bounds.
    pub fn parse(document: &[u8]) -> Result<Self, XmlError> {
        let mut found = Self::default();
        let (mut service, mut control) = (None, None);
        xml::walk(document, |ended| match ended.name {
            "serviceType" => service = Service::ALL.into_iter().find(|known| known.urn() == ended.text),
            "controlURL" => control = Some(ended.text.to_owned()),
            "service" => {
                if let (Some(service), Some(control)) = (service.take(), control.take())
                    && found.services.len() < MAX_SERVICES
                {
                    found.services.push((service, control));
                }
                (service, control) = (None, None);
            }
            "URLBase" if !ended.text.is_empty() => found.base = Some(ended.text.to_owned()),
            // Of the root device; those of the devices in it are below a list.
            "friendlyName" if !ended.path.iter().any(|name| name == "deviceList") => {
                found.name = Some(xml::plain(ended.text, MAX_SHOWN)).filter(|name| !name.is_empty());
            }
            _ => {}
        })?;
        Ok(found)
    }
}

/// Request to a service.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Action {
    /// Asks for the external address.
    ExternalAddress,
    /// Maps a port.
    AddPort {
        /// Transport.
        transport: Transport,
        /// Port of the gateway.
        external: u16,
        /// Port of this machine.
        internal: u16,
        /// Address of this machine.
        client: IpAddr,
        /// Lifetime in seconds; 0 for ever.
        lifetime_s: u32,
    },
    /// Asks for the mapping of a port.
    FindPort {
        /// Transport.
        transport: Transport,
        /// Port of the gateway.
        external: u16,
    },
    /// Removes the mapping of a port.
    RemovePort {
        /// Transport.
        transport: Transport,
        /// Port of the gateway.
        external: u16,
    },
    /// Opens the firewall for a port.
    AddPinhole {
        /// Transport.
        transport: Transport,
        /// Port of this machine.
        internal: u16,
        /// Address of this machine.
        client: IpAddr,
        /// Lifetime in seconds.
        lifetime_s: u32,
    },
    /// Renews a pinhole.
    RenewPinhole {
        /// Its number.
        pinhole: u16,
        /// Lifetime in seconds.
        lifetime_s: u32,
    },
    /// Removes a pinhole.
    RemovePinhole {
        /// Its number.
        pinhole: u16,
    },
}

/// Description of our mappings, which gateways show to their users.
const LABEL: &str = "ztor";

impl Action {
    /// Returns the name.
    pub fn name(&self) -> &'static str {
        match self {
            Self::ExternalAddress => "GetExternalIPAddress",
            Self::AddPort { .. } => "AddPortMapping",
            Self::FindPort { .. } => "GetSpecificPortMappingEntry",
            Self::RemovePort { .. } => "DeletePortMapping",
            Self::AddPinhole { .. } => "AddPinhole",
            Self::RenewPinhole { .. } => "UpdatePinhole",
            Self::RemovePinhole { .. } => "DeletePinhole",
        }
    }

    /// Returns the header that names the action.
    pub fn header(&self, service: Service) -> String {
        format!("\"{}#{}\"", service.urn(), self.name())
    }

    /// Returns the body of the request.
    pub fn body(&self, service: Service) -> String {
        let (name, urn) = (self.name(), service.urn());
        let mut arguments = String::new();
        for (key, value) in self.arguments() {
            // Values are numbers, addresses and constants: nothing to escape.
            arguments.push_str(&format!("<{key}>{value}</{key}>"));
        }
        format!(
            "<?xml version=\"1.0\"?>\r\n<s:Envelope xmlns:s=\"http://schemas.xmlsoap.org/soap/envelope/\" \
             s:encodingStyle=\"http://schemas.xmlsoap.org/soap/encoding/\"><s:Body><u:{name} \
             xmlns:u=\"{urn}\">{arguments}</u:{name}></s:Body></s:Envelope>\r\n"
        )
    }

    /// Returns the arguments in the order of the standard, which some gateways insist on.
    fn arguments(&self) -> Vec<(&'static str, String)> {
        let entry = |external: &u16, transport: &Transport| {
            vec![
                ("NewRemoteHost", String::new()),
                ("NewExternalPort", external.to_string()),
                ("NewProtocol", transport.name().to_owned()),
            ]
        };
        match self {
            Self::ExternalAddress => Vec::new(),
            Self::AddPort { transport, external, internal, client, lifetime_s } => {
                let mut all = entry(external, transport);
                all.extend([
                    ("NewInternalPort", internal.to_string()),
                    ("NewInternalClient", client.to_string()),
                    ("NewEnabled", "1".to_owned()),
                    ("NewPortMappingDescription", LABEL.to_owned()),
                    ("NewLeaseDuration", lifetime_s.to_string()),
                ]);
                all
            }
            Self::FindPort { transport, external } | Self::RemovePort { transport, external } => {
                entry(external, transport)
            }
            Self::AddPinhole { transport, internal, client, lifetime_s } => vec![
                ("RemoteHost", String::new()),
                ("RemotePort", "0".to_owned()),
                ("InternalClient", client.to_string()),
                ("InternalPort", internal.to_string()),
                ("Protocol", transport.number().to_string()),
                ("LeaseTime", lifetime_s.to_string()),
            ],
            Self::RenewPinhole { pinhole, lifetime_s } => {
                vec![("UniqueID", pinhole.to_string()), ("NewLeaseTime", lifetime_s.to_string())]
            }
            Self::RemovePinhole { pinhole } => vec![("UniqueID", pinhole.to_string())],
        }
    }
}

/// Answer to a request: its values by name.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Answer {
    values: Vec<(String, String)>,
}

/// Failure of a request.
#[derive(Clone, PartialEq, Eq, Debug, Error)]
#[non_exhaustive]
pub enum SoapError {
    /// The gateway refuses, with a code and its words, in a form that can be shown.
    #[error("{}", meaning(*.code, .text))]
    Fault {
        /// Code.
        code: u16,
        /// Words of the gateway; may be empty.
        text: String,
    },
    /// The answer is not XML within bounds.
    #[error(transparent)]
    Xml(#[from] XmlError),
}

impl Answer {
    /// Parses the body of an answer.
    ///
    /// # Errors
    /// It is a fault, or not XML.
    pub fn parse(document: &[u8]) -> Result<Self, SoapError> {
        let mut answer = Self::default();
        let (mut code, mut text, mut is_fault) = (None, String::new(), false);
        xml::walk(document, |ended| match ended.name {
            "Fault" => is_fault = true,
            "errorCode" => code = ended.text.parse().ok(),
            "errorDescription" => text = xml::plain(ended.text, MAX_SHOWN),
            name if answer.values.len() < MAX_VALUES && ended.path.len() == 3 => {
                answer.values.push((name.to_owned(), ended.text.to_owned()));
            }
            _ => {}
        })?;
        if is_fault { Err(SoapError::Fault { code: code.unwrap_or(0), text }) } else { Ok(answer) }
    }

    /// Returns a value; `None` if the answer does not have it.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.values.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    /// Returns the external address; `None` if there is none, as some gateways say with 0.0.0.0.
    pub fn external_ip(&self) -> Option<IpAddr> {
        let ip: IpAddr = self.get("NewExternalIPAddress")?.parse().ok()?;
        Some(ip).filter(|ip| !ip.is_unspecified())
    }

    /// Returns true if a mapping leads to a port of this machine.
    pub fn leads_to(&self, client: IpAddr, internal: u16) -> bool {
        let is_client = self.get("NewInternalClient").and_then(|ip| ip.parse().ok()) == Some(client);
        is_client && self.get("NewInternalPort").and_then(|port| port.parse().ok()) == Some(internal)
    }

    /// Returns the number of a new pinhole; `None` if the answer has none.
    pub fn pinhole(&self) -> Option<u16> {
        self.get("UniqueID")?.parse().ok()
    }
}

/// Codes of faults that have a consequence.
pub mod fault {
    /// The action is not known.
    pub const INVALID_ACTION: u16 = 401;
    /// The action is not implemented.
    pub const NOT_IMPLEMENTED: u16 = 602;
    /// There is no such pinhole.
    pub const NO_SUCH_PINHOLE: u16 = 704;
    /// There is no such mapping.
    pub const NO_SUCH_ENTRY: u16 = 714;
    /// Another machine has the external port.
    pub const CONFLICT: u16 = 718;
    /// External and internal port must be the same.
    pub const SAME_PORTS_REQUIRED: u16 = 724;
    /// Mappings have no lifetime.
    pub const ONLY_PERMANENT: u16 = 725;
    /// The external port is not available, version 2.
    pub const CONFLICT_WITH_OTHER: u16 = 729;
}

/// Returns a fault in plain words.
fn meaning(code: u16, text: &str) -> String {
    let known = match code {
        401 | 602 => "it does not support this request",
        402 | 600 | 601 => "it does not accept the values of the request",
        501 => "it failed to carry out the request",
        606 => "it does not allow the request",
        702 => "its firewall is turned off",
        703 => "it does not allow pinholes",
        704 => "it has no such pinhole",
        714 => "it has no such mapping",
        718 | 729 => "another machine has this external port",
        724 => "it maps ports to the same number only",
        725 => "it supports permanent mappings only",
        728 => "it has no more room for mappings",
        _ => "",
    };
    match (known, text) {
        ("", "") => format!("it gave the error {code}"),
        ("", text) => format!("it gave the error {code}, {text:?}"),
        (known, _) => format!("{known} (error {code})"),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    const DESCRIPTION: &str = "<?xml version=\"1.0\"?><root xmlns=\"urn:schemas-upnp-org:device-1-0\"><device>\
        <friendlyName>Box \u{202e}5000</friendlyName><deviceList><device><friendlyName>WAN</friendlyName>\
        <serviceList><service><serviceType>urn:schemas-upnp-org:service:WANIPConnection:2</serviceType>\
        <controlURL>/ctl/IPConn</controlURL></service>\
        <service><serviceType>urn:schemas-upnp-org:service:Other:1</serviceType><controlURL>/o</controlURL></service>\
        <service><controlURL>/ctl/IP6FCtl</controlURL>\
        <serviceType>urn:schemas-upnp-org:service:WANIPv6FirewallControl:1</serviceType></service>\
        </serviceList></device></deviceList></device></root>";

    fn answer(inner: &str) -> Vec<u8> {
        format!("<s:Envelope><s:Body>{inner}</s:Body></s:Envelope>").into_bytes()
    }

    #[test]
    fn description_has_the_services_with_their_urls() {
        let found = Description::parse(DESCRIPTION.as_bytes()).unwrap();
        assert_eq!(found.name.as_deref(), Some("Box 5000"));
        let expected = [
            (Service::IpConnection2, "/ctl/IPConn".to_owned()),
            (Service::Ipv6Firewall1, "/ctl/IP6FCtl".to_owned()),
        ];
        assert_eq!(found.services, expected);
        let many = "<service><serviceType>urn:schemas-upnp-org:service:WANIPConnection:1</serviceType>\
                    <controlURL>/</controlURL></service>"
            .repeat(1000);
        let many = Description::parse(format!("<a>{many}</a>").as_bytes()).unwrap();
        assert_eq!(many.services.len(), MAX_SERVICES);
    }

    #[test]
    fn bodies_are_xml_with_the_arguments_in_order() {
        let action = Action::AddPort {
            transport: Transport::Udp,
            external: 6882,
            internal: 6881,
            client: [192, 168, 1, 2].into(),
            lifetime_s: 3600,
        };
        let body = action.body(Service::IpConnection1);
        let mut names = Vec::new();
        xml::walk(body.as_bytes(), |ended| names.push(format!("{}={}", ended.name, ended.text))).unwrap();
        let expected = [
            "NewRemoteHost=",
            "NewExternalPort=6882",
            "NewProtocol=UDP",
            "NewInternalPort=6881",
            "NewInternalClient=192.168.1.2",
            "NewEnabled=1",
            "NewPortMappingDescription=ztor",
            "NewLeaseDuration=3600",
            "AddPortMapping=",
            "Body=",
            "Envelope=",
        ];
        assert_eq!(names, expected);
        assert_eq!(
            action.header(Service::IpConnection1),
            "\"urn:schemas-upnp-org:service:WANIPConnection:1#AddPortMapping\""
        );
    }

    #[test]
    fn answers_have_their_values() {
        let found = answer("<u:R><NewExternalIPAddress>203.0.113.9</NewExternalIPAddress></u:R>");
        assert_eq!(Answer::parse(&found).unwrap().external_ip(), Some([203, 0, 113, 9].into()));
        let none = answer("<u:R><NewExternalIPAddress>0.0.0.0</NewExternalIPAddress></u:R>");
        assert_eq!(Answer::parse(&none).unwrap().external_ip(), None);
        let entry = answer(
            "<u:R><NewInternalPort>6881</NewInternalPort><NewInternalClient>10.0.0.2</NewInternalClient></u:R>",
        );
        let entry = Answer::parse(&entry).unwrap();
        assert!(entry.leads_to([10, 0, 0, 2].into(), 6881));
        assert!(!entry.leads_to([10, 0, 0, 3].into(), 6881));
        assert_eq!(Answer::parse(&answer("<u:R><UniqueID>7</UniqueID></u:R>")).unwrap().pinhole(), Some(7));
    }

    #[test]
    fn faults_have_a_code_and_words() {
        let fault = |code: &str| {
            let inner = format!(
                "<s:Fault><faultcode>s:Client</faultcode><detail><UPnPError><errorCode>{code}</errorCode>\
                 <errorDescription>No\nway</errorDescription></UPnPError></detail></s:Fault>"
            );
            Answer::parse(&answer(&inner)).unwrap_err()
        };
        assert_eq!(fault("718"), SoapError::Fault { code: 718, text: "Noway".to_owned() });
        assert_eq!(fault("718").to_string(), "another machine has this external port (error 718)");
        assert_eq!(fault("999").to_string(), "it gave the error 999, \"Noway\"");
        assert_eq!(fault("x"), SoapError::Fault { code: 0, text: "Noway".to_owned() });
    }
}
