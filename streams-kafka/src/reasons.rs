//! Why brokers cannot be reached.
//!
//! librdkafka reports that all brokers are down without a reason. It reports the reason before that, as an error of one
//! connection, which alone is no reason for concern because librdkafka reconnects. If the broker closed the connection,
//! as one does that expects TLS, it only logs it.

use std::sync::{Mutex, PoisonError};

use crate::errors::Code;

/// The last reason why a connection failed.
#[derive(Debug, Default)]
pub(crate) struct Reasons(Mutex<Option<String>>);

impl Reasons {
    /// Remembers a line of librdkafka's log about a connection, without the thread that it starts with.
    pub(crate) fn note(&self, line: &str) {
        let reason = line.strip_prefix("[thrd:").and_then(|rest| rest.split_once("]: ")).map_or(line, |(_, rest)| rest);
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(explained(reason));
    }

    /// The best reason for a report: its own, or that of the connection that failed last.
    pub(crate) fn best(&self, code: Code, reason: &str) -> String {
        let mut last = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match (code, &*last) {
            (Code::ALL_BROKERS_DOWN, Some(cause)) => format!("{reason}, the last one because of: {cause}"),
            (Code::TRANSPORT | Code::RESOLVE | Code::AUTHENTICATION | Code::SSL, _) => {
                let reason = explained(reason);
                *last = Some(reason.clone());
                reason
            }
            _ => reason.to_owned(),
        }
    }
}

/// A reason with what it most likely means. A connection that is closed before the client's first request has arrived
/// reads as closed, one that is closed after it as reset.
fn explained(reason: &str) -> String {
    let is_cut = ["closed by peer", "connection reset"].iter().any(|cut| reason.contains(cut));
    let advice = if is_cut && reason.contains("APIVERSION") {
        "; a broker that expects TLS does that, see `security.protocol`"
    } else {
        ""
    };
    format!("{reason}{advice}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_report_without_a_reason_gets_that_of_the_last_connection() {
        let (reasons, down) = (Reasons::default(), "1/1 brokers are down");
        assert_eq!(reasons.best(Code::ALL_BROKERS_DOWN, down), down);
        assert_eq!(reasons.best(Code::TRANSPORT, "refused"), "refused");
        assert_eq!(reasons.best(Code::FENCED, "fenced"), "fenced");
        let expected = "1/1 brokers are down, the last one because of: refused";
        assert_eq!(reasons.best(Code::ALL_BROKERS_DOWN, down), expected);
        reasons.note("[thrd:shop:9092/bootstrap]: shop:9092/bootstrap: Disconnected");
        let expected = "1/1 brokers are down, the last one because of: shop:9092/bootstrap: Disconnected";
        assert_eq!(reasons.best(Code::ALL_BROKERS_DOWN, down), expected);
    }
}
