//! A server for routes alone: the producer has no application of which `millstream::http` could tell.

use std::io;
use std::net::{SocketAddr, TcpListener};
use std::thread::JoinHandle;
use std::time::Duration;

use axum::Router;
use tokio::sync::oneshot;

/// How long requests may take that are being answered when the server ends.
const CLOSE_WITHIN: Duration = Duration::from_millis(500);

/// A server that is running. Dropping it ends it.
pub struct Server {
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Server {
    /// Serves these routes on a socket.
    ///
    /// # Errors
    /// When the socket or a thread cannot be used.
    pub fn start(socket: TcpListener, routes: Router) -> io::Result<Self> {
        socket.set_nonblocking(true)?;
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let socket = {
            let _inside = runtime.enter();
            tokio::net::TcpListener::from_std(socket)?
        };
        let (stop, stopped) = oneshot::channel::<()>();
        let (close, closing) = oneshot::channel::<()>();
        let serve = async move {
            let asked = async move {
                let _ = stopped.await;
                let _ = close.send(());
            };
            let serving = axum::serve(socket, routes).with_graceful_shutdown(asked).into_future();
            let too_long = async move {
                // The sender is gone if the server has ended by itself.
                let _ = closing.await;
                tokio::time::sleep(CLOSE_WITHIN).await;
            };
            tokio::select! {
                _ = serving => {}
                () = too_long => {}
            }
        };
        let thread = std::thread::Builder::new().name("notify-producer".to_owned()).spawn(move || {
            runtime.block_on(serve);
            runtime.shutdown_timeout(Duration::ZERO);
        })?;
        Ok(Self { stop: Some(stop), thread: Some(thread) })
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            // What routes do wrong is caught there.
            let _ = thread.join();
        }
    }
}

/// Listens on a port of this machine.
///
/// # Errors
/// When the port is in use, or may not be used.
pub fn listen(port: u16) -> Result<(TcpListener, SocketAddr), String> {
    let taken = |error: io::Error| format!("port {port} cannot be used: {error}; choose another one with `--help`");
    let socket = TcpListener::bind(("127.0.0.1", port)).map_err(taken)?;
    let address = socket.local_addr().map_err(taken)?;
    Ok((socket, address))
}
