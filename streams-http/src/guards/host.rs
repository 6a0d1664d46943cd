//! Refuses requests that were sent to somebody else's name.
//!
//! A page that a browser has from a stranger may point the stranger's name at this machine and then ask, as far as the browser
//! is concerned, its own server (DNS rebinding). The header `Host` still has the stranger's name. With a token that is no
//! danger, because a browser does not send it by itself; so then any name will do, unless some were named.

use std::net::IpAddr;

use axum::extract::Request;
use axum::http::header;
use axum::http::uri::Authority;
use axum::http::{Method, StatusCode};

use super::{Guards, is_probe};
use crate::refusal::Refusal;

pub(super) fn is_ours(guards: &Guards, request: &Request) -> Result<(), Refusal> {
    match authority(request) {
        None => Err(Refusal::bad_request("exactly one header `Host` is needed, with a host and perhaps a port")),
        // They tell nothing but the state, and come from an orchestrator that calls this machine by some address.
        Some(_) if is_probe(request) && matches!(*request.method(), Method::GET | Method::HEAD) => Ok(()),
        Some(authority) if !guards.knows(authority.host()) => {
            let message = "requests have to be sent to a name of this server: `localhost`, or one that it was told with \
                           `.allow_host(..)`; with a token, any name will do";
            Err(Refusal::new(StatusCode::MISDIRECTED_REQUEST, "unknown_host", message))
        }
        Some(_) => Ok(()),
    }
}

impl Guards {
    fn knows(&self, host: &str) -> bool {
        let is_named = self.hosts.iter().any(|ours| ours.eq_ignore_ascii_case(host));
        is_named || is_this_machine(host) || (self.token.is_some() && self.hosts.is_empty())
    }
}

/// To whom the request was sent; `None` if it does not say that clearly.
fn authority(request: &Request) -> Option<Authority> {
    let mut headers = request.headers().get_all(header::HOST).iter();
    let header = headers.next()?;
    if headers.next().is_some() {
        return None;
    }
    let authority = Authority::try_from(header.as_bytes()).ok()?;
    // Neither a user name nor a second opinion.
    let is_clear = !authority.as_str().contains('@')
        && request.uri().authority().is_none_or(|of_uri| of_uri.as_str().eq_ignore_ascii_case(authority.as_str()));
    is_clear.then_some(authority)
}

fn is_this_machine(host: &str) -> bool {
    let address = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
    host.eq_ignore_ascii_case("localhost") || address.parse().is_ok_and(|address: IpAddr| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::limits::Limits;
    use crate::token::Token;

    #[test]
    fn a_host_is_known_if_it_is_this_machine_or_was_named() {
        let guards = |token: Option<&str>, hosts: &[&str]| {
            let hosts = hosts.iter().map(|host| (*host).to_owned()).collect();
            Guards::new(token.map(|token| Token::new(token).expect("a token")), hosts, Limits::DEFAULT)
        };
        let (bare, named) = (guards(None, &[]), guards(None, &["shop.example.org"]));
        let (with_token, both) = (guards(Some("x"), &[]), guards(Some("x"), &["shop.example.org"]));
        for (host, expected) in [
            ("localhost", [true; 4]),
            ("LOCALHOST", [true; 4]),
            ("127.0.0.1", [true; 4]),
            ("127.8.8.8", [true; 4]),
            ("[::1]", [true; 4]),
            ("shop.example.org", [false, true, true, true]),
            ("Shop.Example.org", [false, true, true, true]),
            ("evil.example.org", [false, false, true, false]),
            ("localhost.evil.example.org", [false, false, true, false]),
            ("10.0.0.7", [false, false, true, false]),
            ("", [false, false, true, false]),
        ] {
            let known = [&bare, &named, &with_token, &both].map(|guards| guards.knows(host));
            assert_eq!(known, expected, "{host}");
        }
    }

    #[test]
    fn a_request_says_once_to_whom_it_is_sent() {
        for (uri, hosts, expected) in [
            ("/livez", &["localhost:7070"][..], Some("localhost:7070")),
            ("/livez", &["[::1]:7070"], Some("[::1]:7070")),
            ("/livez", &[], None),
            ("/livez", &["localhost", "evil.example.org"], None),
            ("/livez", &["local host"], None),
            ("/livez", &["localhost@evil.example.org"], None),
            ("http://evil.example.org/livez", &["localhost"], None),
            ("http://localhost/livez", &["localhost"], Some("localhost")),
        ] {
            let request = hosts.iter().fold(Request::get(uri), |request, host| request.header(header::HOST, *host));
            let request = request.body(axum::body::Body::empty()).expect("a request");
            let authority = authority(&request);
            assert_eq!(authority.as_ref().map(Authority::as_str), expected, "{uri} {hosts:?}");
        }
    }
}
