//! The application and the two servers while they run, and what they have done when they end.

use std::fmt::Display;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use millstream::config::OnError;
use millstream::http::{Http, HttpServer};
use millstream::log::Log;
use millstream::prelude::*;
use millstream::runtime::{Handle, Running};

use crate::server::{Server, listen};
use crate::topics::{DEAD_LETTERS, NOTIFICATIONS, POSTS};
use crate::topology::topology;
use crate::{Failure, consumer, producer, topics};

/// The group of the original, whose positions may exist already.
pub const GROUP: &str = "notifications-group";

/// How long the log may take to acknowledge what somebody waits for.
const PATIENCE: Duration = Duration::from_secs(10);

/// What the application is besides its topology. Records that cannot be read become dead letters.
pub fn configured(app: App) -> App {
    app.exactly_once()
        .on_undecodable(OnError::DeadLetter)
        .on_processing_error(OnError::DeadLetter)
        .dead_letters_to(DEAD_LETTERS.name())
}

/// A client of a log on which all topics exist.
pub fn client(log: &Arc<dyn Log>) -> Result<Client, Failure> {
    let client = Client::new(Arc::clone(log))?.patience(PATIENCE);
    topics::create(&client)?;
    Ok(client)
}

/// Starts the application.
pub fn start(log: &Arc<dyn Log>, state: Option<&Path>) -> Result<Running, Failure> {
    let app = configured(App::new(GROUP, topology()?));
    Ok(on_disk(app, state).start(Arc::clone(log))?)
}

#[cfg(feature = "rocksdb")]
fn on_disk(app: App, state: Option<&Path>) -> App {
    match state {
        Some(folder) => app.state_dir(folder).state_in(RocksDb::default()),
        None => app,
    }
}

#[cfg(not(feature = "rocksdb"))]
fn on_disk(app: App, _state: Option<&Path>) -> App {
    app
}

/// Serves the consumer's routes, and everything else that can be asked of an application.
pub fn serve_consumer(app: &Handle, client: Client, port: u16) -> Result<HttpServer, Failure> {
    // The library would take the next port, but the original's port is part of what callers know.
    drop(listen(port)?);
    let routes = consumer::routes(app, client);
    let server = Http::of(app).bind(format!("127.0.0.1:{port}")).allow_actions(true).routes(routes).start()?;
    let port = server.address().port();
    say(format_args!("Kafka CONSUMER (Group: {GROUP}) 👥📥 started at http://localhost:{port}"));
    Ok(server)
}

/// Serves the producer's routes.
pub fn serve_producer(client: Client, port: u16) -> Result<Server, Failure> {
    let (socket, address) = listen(port)?;
    let server = Server::start(socket, producer::routes(client))?;
    say(format_args!("Kafka PRODUCER 📨 started at http://localhost:{}", address.port()));
    Ok(server)
}

/// What the application has done, in one line.
pub fn summary(app: &Handle) -> String {
    let (mut notifications, mut posts, mut dead) = (0, 0, 0);
    for task in app.tasks().values() {
        let received = |topic: &str| task.received.get(topic).map_or(0, |received| received.records);
        notifications += received(NOTIFICATIONS.name());
        posts += received(POSTS.name());
        dead += task.dead_letters.values().sum::<u64>();
    }
    format!("notifications: {notifications}, posts: {posts}, dead letters: {dead}")
}

/// Prints a line. That nobody reads it is no reason to end.
pub fn say(line: impl Display) {
    use std::io::Write as _;
    let _ = writeln!(std::io::stdout(), "{line}");
}
