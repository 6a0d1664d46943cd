//! To whom questions may be carried.
//!
//! An address comes from the group, where everybody who may join it can write anything. So only this machine is asked, unless
//! the operator names others; otherwise whoever can write to the group could send this server, and its token, anywhere.

use std::net::IpAddr;
use std::str::FromStr;

use axum::http::uri::Authority;
use ipnet::IpNet;

use crate::HttpError;

/// The hosts that may be asked, beside this machine.
#[derive(Debug, Clone, Default)]
pub(crate) struct AllowedPeers(Vec<Pattern>);

#[derive(Debug, Clone, PartialEq, Eq)]
enum Pattern {
    Network(IpNet),
    Name(String),
    /// With its point, as in `.example.org`.
    Ending(String),
}

impl AllowedPeers {
    /// Understands what the operator has named: names, endings of names, addresses and networks.
    pub(crate) fn parse(peers: &[String]) -> Result<Self, HttpError> {
        let wrong = |peer: &String| HttpError::Peer { peer: peer.clone() };
        let pattern = |peer: &String| Pattern::parse(peer).ok_or_else(|| wrong(peer));
        peers.iter().map(pattern).collect::<Result<_, _>>().map(Self)
    }

    /// Whether an address, as in `10.0.0.7:7070`, may be asked.
    pub(crate) fn allow(&self, endpoint: &str) -> bool {
        let Ok(authority) = Authority::from_str(endpoint) else { return false };
        let has_port = authority.port_u16().is_some_and(|port| port > 0);
        if authority.as_str().contains('@') || !has_port {
            return false;
        }
        let host = authority.host();
        match address(host) {
            Some(address) => address.is_loopback() || self.0.iter().any(|pattern| pattern.has_address(address)),
            None => host.eq_ignore_ascii_case("localhost") || self.0.iter().any(|pattern| pattern.has_name(host)),
        }
    }
}

impl Pattern {
    fn parse(text: &str) -> Option<Self> {
        if let Ok(network) = text.parse() {
            return Some(Self::Network(network));
        }
        if let Some(address) = address(text) {
            return Some(Self::Network(address.into()));
        }
        let is_name = |name: &str| {
            !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._".contains(&byte))
        };
        match text.strip_prefix('*') {
            Some(ending) if ending.len() > 1 && ending.starts_with('.') && is_name(ending) => {
                Some(Self::Ending(ending.to_ascii_lowercase()))
            }
            None if is_name(text) => Some(Self::Name(text.to_ascii_lowercase())),
            _ => None,
        }
    }

    fn has_address(&self, address: IpAddr) -> bool {
        matches!(self, Self::Network(network) if network.contains(&address))
    }

    fn has_name(&self, host: &str) -> bool {
        let host = host.to_ascii_lowercase();
        match self {
            Self::Name(name) => host == *name,
            Self::Ending(ending) => host.len() > ending.len() && host.ends_with(ending.as_str()),
            Self::Network(_) => false,
        }
    }
}

fn address(host: &str) -> Option<IpAddr> {
    host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host).parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_this_machine_and_those_who_were_named_are_asked() {
        let named = ["10.1.0.0/16", "*.example.org", "web-1", "192.168.0.7", "fd00::/8", "[fe80::1]"];
        let allowed = AllowedPeers::parse(&named.map(str::to_owned)).expect("patterns");
        for (endpoint, expected) in [
            ("127.0.0.1:7070", true),
            ("127.8.8.8:1", true),
            ("[::1]:7070", true),
            ("localhost:7070", true),
            ("10.1.255.7:7070", true),
            ("10.2.0.1:7070", false),
            ("192.168.0.7:80", true),
            ("192.168.0.8:80", false),
            ("[fd12::1]:80", true),
            ("[fe80::1]:80", true),
            ("[fe80::2]:80", false),
            ("web-1:80", true),
            ("WEB-1:80", true),
            ("web-1.example.org:80", true),
            ("example.org:80", false),
            ("evil-example.org:80", false),
            ("web-1.example.org.evil.com:80", false),
            ("web-1@evil.com:80", false),
            ("169.254.169.254:80", false),
            ("web-1", false),
            ("web-1:0", false),
            ("web-1:80/path", false),
            ("", false),
        ] {
            assert_eq!(allowed.allow(endpoint), expected, "{endpoint}");
        }
        assert!(!AllowedPeers::default().allow("10.1.0.1:7070"), "nobody was named");
    }

    #[test]
    fn what_names_nobody_is_an_error() {
        for peer in ["*", "*.", "*example.org", "http://web-1", "web-1:80", "10.0.0.0/33", "a b", ""] {
            assert!(AllowedPeers::parse(&[peer.to_owned()]).is_err(), "{peer}");
        }
    }
}
