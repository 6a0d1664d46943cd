//! Asks the log about itself, where partitions end and who is in a group, one question at a time. What takes longer, as reading
//! records does, is for `log.rs`.

use std::future::poll_fn;
use std::sync::Arc;
use std::task::{Poll, ready};
use std::time::Duration;

use streams_core::log::{Admin, Doorbell, LogError, Reply};
use streams_core::runtime::Handle;
use tokio::sync::Mutex;
use tokio::time::timeout;

/// How long an answer may take.
const PATIENCE: Duration = Duration::from_secs(2);

/// A client of the log that the application runs on. It is made when the first question comes.
#[derive(Clone)]
pub(crate) struct AdminClient {
    app: Handle,
    client: Arc<Mutex<Option<Client>>>,
}

struct Client {
    admin: Arc<dyn Admin>,
    doorbell: Doorbell,
}

impl AdminClient {
    pub(crate) fn new(app: Handle) -> Self {
        Self { app, client: Arc::default() }
    }

    /// The log's answer, or why there is none.
    pub(crate) async fn ask<T>(
        &self,
        question: impl FnOnce(&dyn Admin) -> Reply<Result<T, LogError>>,
    ) -> Result<T, String> {
        let mut client = self.client.lock().await;
        if client.is_none() {
            *client = Some(self.connect()?);
        }
        let Some(Client { admin, doorbell }) = &*client else { return Err("there is no client".to_owned()) };
        match timeout(PATIENCE, answer(question(&**admin), doorbell)).await {
            Ok(Some(Ok(answer))) => Ok(answer),
            Ok(Some(Err(error))) => Err(error.to_string()),
            Ok(None) => Err("the log has not answered".to_owned()),
            Err(_) => Err(format!("the log did not answer within {} s", PATIENCE.as_secs())),
        }
    }

    fn connect(&self) -> Result<Client, String> {
        let log = self.app.about().log().filter(|_| !self.app.state().is_final());
        let log = log.ok_or_else(|| "the application has ended".to_owned())?;
        let doorbell = Doorbell::new();
        let admin = log.admin(doorbell.clone()).map_err(|error| error.to_string())?;
        // A client keeps an embedded log open, which is for nobody to do once the application has ended.
        let (app, client) = (self.app.clone(), Arc::clone(&self.client));
        tokio::spawn(async move {
            let _ = app.ended().await;
            *client.lock().await = None;
        });
        Ok(Client { admin, doorbell })
    }
}

/// The answer, when it comes.
async fn answer<T>(mut reply: Reply<T>, doorbell: &Doorbell) -> Option<T> {
    poll_fn(|context| {
        loop {
            if let Poll::Ready(answer) = reply.poll() {
                return Poll::Ready(answer);
            }
            ready!(doorbell.poll_wait(context));
        }
    })
    .await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn an_answer_may_come_later_or_never() {
        let doorbell = Doorbell::new();
        let (sender, reply) = Reply::later();
        let ringer = doorbell.clone();
        ringer.ring();
        let sending = tokio::spawn(async move {
            sender.send(5).expect("somebody waits");
            ringer.ring();
        });
        assert_eq!(answer(reply, &doorbell).await, Some(5));
        sending.await.expect("it was sent");
        let (sender, reply) = Reply::<u32>::later();
        drop(sender);
        assert_eq!(answer(reply, &doorbell).await, None);
        assert_eq!(answer(Reply::ready(7), &doorbell).await, Some(7));
    }
}
