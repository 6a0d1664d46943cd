//! A running application over HTTP: whether it is alive and ready, its topology, tasks, lag, settings and metrics.
//!
//! ```
//! use millstream::prelude::*;
//!
//! const LINES: Topic<String, String> = Topic::new("lines");
//! const SHOUTED: Topic<String, String> = Topic::new("shouted");
//!
//! let builder = StreamsBuilder::new();
//! builder.stream(LINES).map_values(|line| line.to_uppercase()).to(SHOUTED);
//!
//! let running = App::new("shouter", builder.build()?).start(Embedded::in_memory())?;
//! let http = Http::of(&running).bind("127.0.0.1:0").start()?;
//! println!("{}/api/tasks", http.url());
//! # Ok::<_, Box<dyn std::error::Error>>(())
//! ```
//!
//! [`Http`] says what is served and how. [`Http::start`] serves it from threads of its own, so that a program needs no async
//! `main`; [`Http::router`] is for programs that have a server already. Dropping the [`HttpServer`] ends it.
//!
//! `routes/` has one route per file. `guards/` decides who is let in and what a request may cost, before any route sees
//! it. `server/` has the sockets. This crate only asks the application's [`Handle`](streams_core::runtime::Handle), and
//! its log through a [`Client`](streams_core::client::Client): it knows nothing of workers and stores, and nothing in the engine
//! knows of it.
//!
//! # Who may ask
//!
//! Without a token only programs on the same machine may ask: the server refuses to listen on anything but a loopback
//! address, and answers only requests that were sent to a name of this machine, so that a page in a browser cannot ask
//! through a name that it has pointed here. With [`Http::token`] it may listen anywhere, and everything but `/livez` and
//! `/readyz`, which tell nothing but the state, needs `Authorization: Bearer <token>`. There is no TLS: put a proxy in front
//! of it where others can listen in. Actions are off unless [`Http::allow_actions`] says otherwise.
#![forbid(unsafe_code)]

mod admin_client;
mod asked;
mod error;
mod guards;
mod http;
mod json;
mod lag;
mod layout;
mod limits;
mod live;
mod log;
mod metrics;
mod openapi;
mod pacing;
mod page;
mod peers;
mod records;
mod refusal;
mod routes;
mod served;
mod server;
mod token;

pub use error::HttpError;
pub use http::Http;
pub use server::HttpServer;
