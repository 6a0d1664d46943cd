//! Tells somebody of an alert: a webhook, or whoever looks at the program's output.

use axum::body::Body;
use axum::http::{Request, StatusCode, Uri, header};
use hyper::client::conn::http1::handshake;
use hyper_util::rt::TokioIo;
use millstream::dsl::handler::Permanent;
use serde_json::json;
use tokio::net::TcpStream;

use crate::Failure;
use crate::topology::Alert;

/// Whoever is told.
#[derive(Debug, Clone)]
pub enum Notifier {
    /// Gets a line for people.
    Lines(fn(&str)),
    /// One POST with JSON for each alert.
    Webhook(Webhook),
}

/// Where to send alerts.
#[derive(Debug, Clone)]
pub struct Webhook {
    /// As in `Host`.
    authority: String,
    host: String,
    port: u16,
    path: String,
}

impl Webhook {
    /// Reads a URL. There is no TLS here: for a webhook with `https`, put a proxy on this machine.
    pub fn parse(url: &str) -> Result<Self, String> {
        let uri: Uri = url.parse().map_err(|error| format!("{error}"))?;
        let authority = uri.authority().ok_or("a URL is needed, as in http://127.0.0.1:9000/alerts")?;
        if uri.scheme_str() != Some("http") {
            return Err("only http:// works; for https:// put a proxy on this machine".to_owned());
        }
        let host = authority.host().trim_start_matches('[').trim_end_matches(']').to_owned();
        let path = uri.path_and_query().map_or("/", |path| path.as_str()).to_owned();
        let shown = authority.as_str().rsplit('@').next().unwrap_or_default().to_owned();
        Ok(Self { authority: shown, host, port: authority.port_u16().unwrap_or(80), path })
    }

    /// Sends an alert. The id is the same whenever the same alert is sent again, after a failure or a crash.
    async fn post(&self, service: &str, alert: &Alert, id: &str) -> Result<(), Failure> {
        let stream = TcpStream::connect((self.host.as_str(), self.port)).await?;
        let (mut sender, connection) = handshake(TokioIo::new(stream)).await?;
        let connection = tokio::spawn(connection);
        let body = json!({ "id": id, "service": service, "kind": alert.kind, "text": alert.text, "at": alert.at });
        let request = Request::post(&self.path)
            .header(header::HOST, &self.authority)
            .header(header::CONTENT_TYPE, "application/json")
            .header("idempotency-key", id)
            .body(Body::from(body.to_string()))?;
        let status = sender.send_request(request).await?.status();
        connection.abort();
        match status {
            status if status.is_success() => Ok(()),
            // Too slow or too fast for it; the same request may succeed later.
            StatusCode::REQUEST_TIMEOUT | StatusCode::TOO_EARLY | StatusCode::TOO_MANY_REQUESTS => {
                Err(format!("the webhook says {status}").into())
            }
            status if status.is_client_error() => {
                Err(Permanent::new(format!("the webhook says {status}, and would say it again")).into())
            }
            status => Err(format!("the webhook says {status}").into()),
        }
    }
}

impl Notifier {
    /// Tells of an alert.
    pub async fn tell(&self, service: &str, alert: &Alert, id: &str) -> Result<(), Failure> {
        match self {
            Self::Webhook(webhook) => webhook.post(service, alert, id).await,
            Self::Lines(say) => {
                say(&format!("logs: ALERT {service}: {} ({})", alert.text, alert.kind.name()));
                Ok(())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Webhook;

    #[test]
    fn a_webhook_is_a_url_without_tls() {
        for (url, expected) in [
            ("http://127.0.0.1:9000/alerts?to=ops", Ok(("127.0.0.1", 9000, "/alerts?to=ops"))),
            ("http://hooks.example.org", Ok(("hooks.example.org", 80, "/"))),
            ("http://[::1]:9000", Ok(("::1", 9000, "/"))),
            ("https://hooks.example.org", Err("put a proxy")),
            ("hooks", Err("put a proxy")),
            ("/alerts", Err("a URL is needed")),
            ("", Err("empty")),
        ] {
            let parsed = Webhook::parse(url);
            match (&parsed, expected) {
                (Ok(webhook), Ok(expected)) => {
                    assert_eq!((webhook.host.as_str(), webhook.port, webhook.path.as_str()), expected, "{url}");
                }
                (Err(message), Err(expected)) => assert!(message.contains(expected), "{url}: {message}"),
                _ => panic!("{url}: {parsed:?}"),
            }
        }
    }
}
