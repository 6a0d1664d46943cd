//! Questions to the application's log, which take their time.
//!
//! Whoever asks waits for the log, so it does that on a thread of the runtime's own for such work, and only a few do at once:
//! each may hold some megabytes. The client is made when it is first needed, and kept until the application ends, because it
//! keeps an embedded log open.

use std::panic::resume_unwind;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::http::StatusCode;
use streams_core::client::{Client, ClientError};
use streams_core::log::LogErrorKind;
use streams_core::runtime::Handle;
use tokio::sync::Semaphore;
use tokio::task::spawn_blocking;
use tokio::time::timeout;

use crate::refusal::Refusal;

/// How many questions are worked on at once.
const QUESTIONS: usize = 8;

/// How long a question waits for its turn, and each of its requests for the log.
const PATIENCE: Duration = Duration::from_secs(5);

/// Asks the log.
pub(crate) struct LogKeeper {
    app: Handle,
    client: Mutex<Option<Client>>,
    turns: Arc<Semaphore>,
}

impl LogKeeper {
    pub(crate) fn new(app: Handle) -> Self {
        Self { app, client: Mutex::default(), turns: Arc::new(Semaphore::new(QUESTIONS)) }
    }

    /// The answer to a question, which runs to its end even if nobody waits for it any more.
    pub(crate) async fn ask<T, E>(
        self: &Arc<Self>,
        question: impl FnOnce(&Client) -> Result<T, E> + Send + 'static,
    ) -> Result<T, Refusal>
    where
        T: Send + 'static,
        E: Into<Refusal> + Send + 'static,
    {
        let turn = timeout(PATIENCE, Arc::clone(&self.turns).acquire_owned()).await;
        let Ok(Ok(turn)) = turn else {
            let message = format!("{QUESTIONS} questions to the log are being worked on, which is the limit");
            return Err(Refusal::new(StatusCode::SERVICE_UNAVAILABLE, "busy", message).retry_soon());
        };
        let client = self.client()?;
        let answer = spawn_blocking(move || {
            let answer = question(&client);
            drop(turn);
            answer
        });
        match answer.await {
            Ok(answer) => answer.map_err(Into::into),
            Err(error) if error.is_panic() => resume_unwind(error.into_panic()),
            Err(_) => Err(ended("the server ends")),
        }
    }

    /// A client of the application's log.
    pub(crate) fn client(self: &Arc<Self>) -> Result<Client, Refusal> {
        let mut client = self.client.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(client) = &*client {
            return Ok(client.clone());
        }
        let log = self.app.about().log().filter(|_| !self.app.state().is_final());
        let log = log.ok_or_else(|| ended("the application has ended"))?;
        let made = Client::new(log).map_err(Refusal::from)?.patience(PATIENCE);
        *client = Some(made.clone());
        let keeper = Arc::clone(self);
        tokio::spawn(async move {
            let _ = keeper.app.ended().await;
            keeper.client.lock().unwrap_or_else(PoisonError::into_inner).take();
        });
        Ok(made)
    }
}

fn ended(message: &str) -> Refusal {
    Refusal::new(StatusCode::SERVICE_UNAVAILABLE, "not_running", message)
}

impl From<ClientError> for Refusal {
    fn from(error: ClientError) -> Self {
        let message = error.to_string();
        let refusal = |status, code| Self::new(status, code, message.clone());
        match error {
            ClientError::NoAnswer { .. } => refusal(StatusCode::SERVICE_UNAVAILABLE, "log_silent").retry_soon(),
            ClientError::MissingTopic { .. } => refusal(StatusCode::NOT_FOUND, "unknown_topic"),
            ClientError::TopicExists { .. } => refusal(StatusCode::CONFLICT, "topic_exists"),
            ClientError::OutOfRange { .. } => refusal(StatusCode::BAD_REQUEST, "out_of_range"),
            ClientError::Log(error) | ClientError::Refused { error, .. } | ClientError::NotAllWritten { error, .. } => {
                match error.kind {
                    _ if error.is_transient() => refusal(StatusCode::SERVICE_UNAVAILABLE, "log").retry_soon(),
                    LogErrorKind::UnknownTopic => refusal(StatusCode::NOT_FOUND, "unknown_topic"),
                    LogErrorKind::TooLarge => refusal(StatusCode::PAYLOAD_TOO_LARGE, "too_large"),
                    LogErrorKind::Timestamp(_) | LogErrorKind::Invalid => refusal(StatusCode::BAD_REQUEST, "refused"),
                    LogErrorKind::Denied => refusal(StatusCode::FORBIDDEN, "denied"),
                    _ => refusal(StatusCode::INTERNAL_SERVER_ERROR, "log"),
                }
            }
            _ => refusal(StatusCode::INTERNAL_SERVER_ERROR, "log"),
        }
    }
}
