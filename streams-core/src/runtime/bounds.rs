//! Looks up where partitions begin and end: two requests to the log, whose answers may arrive in either order.

use std::task::Poll;

use crate::log::{Admin, Isolation, LogError, LogErrorKind, Reply};
use crate::record::{Offset, TopicPartition};

type Offsets = Vec<Offset>;

/// The start and end of each partition, once both requests are answered.
pub(crate) struct Bounds {
    starts: Answer,
    ends: Answer,
}

enum Answer {
    Awaited(Reply<Result<Offsets, LogError>>),
    Here(Offsets),
}

impl Bounds {
    /// Requests the first offset and the one after the last record, committed or not.
    pub(crate) fn ask(admin: &dyn Admin, partitions: Vec<TopicPartition>) -> Self {
        let ends = admin.end_offsets(partitions.clone(), Isolation::ReadUncommitted);
        Self::awaited(admin.start_offsets(partitions), ends)
    }

    /// Waits for answers to requests that were sent by somebody else.
    pub(crate) const fn awaited(
        starts: Reply<Result<Offsets, LogError>>,
        ends: Reply<Result<Offsets, LogError>>,
    ) -> Self {
        Self { starts: Answer::Awaited(starts), ends: Answer::Awaited(ends) }
    }

    /// A start and an end for each partition, in the order of the request.
    pub(crate) fn poll(&mut self) -> Poll<Result<Vec<(Offset, Offset)>, LogError>> {
        let (starts, ends) = (self.starts.poll(), self.ends.poll());
        match (starts, ends) {
            (Err(error), _) | (_, Err(error)) => Poll::Ready(Err(error)),
            (Ok(Some(starts)), Ok(Some(ends))) => {
                Poll::Ready(Ok(starts.iter().copied().zip(ends.iter().copied()).collect()))
            }
            _ => Poll::Pending,
        }
    }
}

impl Answer {
    /// The offsets, if they have arrived.
    fn poll(&mut self) -> Result<Option<&Offsets>, LogError> {
        if let Self::Awaited(reply) = self {
            match reply.poll() {
                Poll::Pending => return Ok(None),
                Poll::Ready(Some(Ok(offsets))) => *self = Self::Here(offsets),
                Poll::Ready(Some(Err(error))) => return Err(error),
                Poll::Ready(None) => {
                    return Err(LogError::new(LogErrorKind::Unavailable, "the log gave no answer"));
                }
            }
        }
        match self {
            Self::Here(offsets) => Ok(Some(offsets)),
            Self::Awaited(_) => Ok(None),
        }
    }
}
