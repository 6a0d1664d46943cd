//! Why a server cannot be started.

use std::net::SocketAddr;

/// Why a server or router cannot be made.
#[derive(Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum HttpError {
    /// Without a token, everybody who can reach the address could ask.
    #[error(
        "{address} can be reached from other machines, and there is no token: give it one with `.token(..)`, or bind a \
         loopback address such as 127.0.0.1:7070"
    )]
    Open {
        /// The address that was asked for.
        address: SocketAddr,
    },
    /// The address is none.
    #[error("`{address}` is not an address to listen on: {reason}; write it as 127.0.0.1:7070")]
    Address {
        /// What was asked for.
        address: String,
        /// What is wrong with it.
        reason: String,
    },
    /// The address cannot be listened on.
    #[error("{address} cannot be listened on: {reason}")]
    Listen {
        /// The address that was asked for.
        address: SocketAddr,
        /// What the operating system says.
        reason: String,
    },
    /// A token that nobody could send.
    #[error("the token {0}: it is sent in a header, so it needs at least one character, and visible ASCII ones only")]
    Token(&'static str),
    /// A panel whose name cannot be a file's, or is another one's.
    #[error(
        "there can be no panel `{name}`: {reason}; name it with lower-case letters, digits and hyphens, as in `buttons`"
    )]
    Panel {
        /// The name.
        name: String,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// A metric that Prometheus would not understand, or could take for another one.
    #[error("there can be no metric `{name}`: {reason}; name it as in `shop_orders_total` or `shop_basket_euros`")]
    Metric {
        /// The name.
        name: String,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// What names nobody to carry questions to.
    #[error(
        "`{peer}` names nobody to carry questions to: write a name (`web-1.example.org`), an ending of names \
         (`*.example.org`), an address or a network (`10.0.0.0/8`), without a port"
    )]
    Peer {
        /// What was named.
        peer: String,
    },
    /// The server's threads cannot be started.
    #[error("the HTTP server's thread cannot be started: {0}")]
    Thread(String),
}

streams_core::debug_says_what_display_says!(HttpError);
