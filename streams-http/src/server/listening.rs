//! Which address is listened on.

use std::io::ErrorKind;
use std::net::{SocketAddr, TcpListener, ToSocketAddrs as _};

use crate::HttpError;

/// How many ports are tried, beginning with the one that was asked for.
const PORTS: u16 = 100;

/// How many connections may wait to be accepted; the system may allow fewer. All of a crowd come at once when a server is back.
#[cfg(unix)]
const WAITING_MAX: i32 = 4_096;

/// A socket that listens.
#[derive(Debug)]
pub(super) struct Listening {
    pub(super) socket: TcpListener,
    pub(super) address: SocketAddr,
    /// The port that was asked for, if it is in use.
    pub(super) taken: Option<u16>,
}

/// Listens on an address, or on the next free port. Without a token it must be one that only this machine can reach.
pub(super) fn listen(asked: &str, has_token: bool) -> Result<Listening, HttpError> {
    let wrong = |reason: String| HttpError::Address { address: asked.to_owned(), reason };
    let addresses: Vec<SocketAddr> = asked.to_socket_addrs().map_err(|error| wrong(error.to_string()))?.collect();
    let open = addresses.iter().find(|address| !has_token && !address.ip().is_loopback());
    if let Some(address) = open {
        return Err(HttpError::Open { address: *address });
    }
    let first = *addresses.first().ok_or_else(|| wrong("this name has no address".to_owned()))?;
    // Port 0 is any free port.
    let last = if first.port() == 0 { 0 } else { first.port().saturating_add(PORTS - 1) };
    for port in first.port()..=last {
        match bind(SocketAddr::new(first.ip(), port)) {
            Ok((socket, address)) => {
                let taken = (port != first.port()).then_some(first.port());
                return Ok(Listening { socket, address, taken });
            }
            Err(error) if error.kind() == ErrorKind::AddrInUse && port < last => {}
            Err(error) => return Err(HttpError::Listen { address: first, reason: error.to_string() }),
        }
    }
    Err(HttpError::Listen { address: first, reason: "no port is free".to_owned() })
}

fn bind(address: SocketAddr) -> std::io::Result<(TcpListener, SocketAddr)> {
    let socket = TcpListener::bind(address)?;
    // The standard library lets 128 wait. Whoever finds no place there tries again after a second.
    #[cfg(unix)]
    rustix::net::listen(&socket, WAITING_MAX)?;
    socket.set_nonblocking(true)?;
    let address = socket.local_addr()?;
    Ok((socket, address))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_token_opens_the_server_to_other_machines() {
        for (address, has_token, expected) in [
            ("127.0.0.1:0", false, Ok(())),
            ("localhost:0", false, Ok(())),
            ("127.9.9.9:0", false, Ok(())),
            ("0.0.0.0:0", true, Ok(())),
            ("0.0.0.0:0", false, Err("0.0.0.0:0 can be reached from other machines, and there is no token")),
            ("[::]:0", false, Err("[::]:0 can be reached from other machines, and there is no token")),
            ("10.1.2.3:7070", false, Err("10.1.2.3:7070 can be reached from other machines")),
            ("127.0.0.1", false, Err("`127.0.0.1` is not an address to listen on")),
            ("127.0.0.1:65536", false, Err("`127.0.0.1:65536` is not an address to listen on")),
            ("", false, Err("`` is not an address to listen on")),
        ] {
            let outcome = listen(address, has_token).map(|_| ()).map_err(|error| error.to_string());
            match (&outcome, expected) {
                (Ok(()), Ok(())) => {}
                (Err(error), Err(expected)) if error.starts_with(expected) => {}
                _ => panic!("{address}: {outcome:?}"),
            }
        }
    }

    #[test]
    fn the_next_port_is_taken_if_one_is_in_use() {
        let first = listen("127.0.0.1:0", false).expect("a port");
        assert_ne!(first.address.port(), 0);
        assert_eq!(first.taken, None);
        let second = listen(&first.address.to_string(), false).expect("another port");
        assert!(second.address.port() > first.address.port(), "{} {}", second.address, first.address);
        assert_eq!(second.taken, Some(first.address.port()));
    }
}
