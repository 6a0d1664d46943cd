//! Applications on a broker that demands TLS, passwords and access rights, as most production clusters do: it works, what
//! is missing is named, nothing waits for ever, and secrets are shown nowhere.
//!
//! Run with `cargo test -p millstream-tests --features ssl --test secure`. It needs OpenSSL's headers, and
//! `cargo xtask kafka start --secure` to start a broker of its own.

mod broker;
mod canary;
mod counting;
mod denied;
mod restarts;
