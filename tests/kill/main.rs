//! `kill -9`, again and again: of a process that counts a million events, and of the broker under it.
//!
//! Run with `cargo test -p millstream-tests --test kill`. `MILLSTREAM_SEED` determines the moments of the kills; each
//! test prints its seed.

mod asking;
mod counter;
mod events;
mod handlers;
mod kills;
mod outage;
mod restarts;
mod stalls;
mod static_chaos;
mod static_members;
mod stop_call;
