//! Looks up where partitions begin and end: requests to the log, whose answers may arrive in any order.

use std::task::Poll;

use crate::log::{Admin, Isolation, LogError, LogErrorKind, Reply};
use crate::record::{Offset, TopicPartition};

type Offsets = Vec<Offset>;
type Awaited = Reply<Result<Offsets, LogError>>;

/// Where a partition begins and ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Extent {
    /// The offset of the first record that is kept.
    pub(crate) start: Offset,
    /// The offset after the last record, committed or not.
    pub(crate) end: Offset,
    /// How far a reader gets for now: to the end, or to the last stable offset if it reads only committed records.
    pub(crate) readable: Offset,
}

/// The extent of each partition, once all requests are answered.
pub(crate) struct Bounds {
    starts: Side,
    ends: Side,
    /// `None` for readers that read everything there is.
    stable_ends: Option<Side>,
}

enum Side {
    Awaited(Awaited),
    Here(Offsets),
}

impl Bounds {
    /// Requests the extents as a reader with that isolation sees them.
    pub(crate) fn ask(admin: &dyn Admin, partitions: &[TopicPartition], isolation: Isolation) -> Self {
        let starts = admin.start_offsets(partitions.to_vec());
        Self::awaited(starts, isolation, |isolation| admin.end_offsets(partitions.to_vec(), isolation))
    }

    /// Waits for answers to requests that somebody else sends.
    pub(crate) fn awaited(
        starts: Awaited,
        isolation: Isolation,
        mut ends_of: impl FnMut(Isolation) -> Awaited,
    ) -> Self {
        let ends = Side::Awaited(ends_of(Isolation::ReadUncommitted));
        let is_limited = isolation == Isolation::ReadCommitted;
        let stable_ends = is_limited.then(|| Side::Awaited(ends_of(Isolation::ReadCommitted)));
        Self { starts: Side::Awaited(starts), ends, stable_ends }
    }

    /// The extents, in the order of the request.
    pub(crate) fn poll(&mut self) -> Poll<Result<Vec<Extent>, LogError>> {
        match self.extents() {
            Ok(None) => Poll::Pending,
            Ok(Some(extents)) => Poll::Ready(Ok(extents)),
            Err(error) => Poll::Ready(Err(error)),
        }
    }

    fn extents(&mut self) -> Result<Option<Vec<Extent>>, LogError> {
        let (starts, ends) = (self.starts.poll()?, self.ends.poll()?);
        let stable_ends = self.stable_ends.as_mut().map(Side::poll).transpose()?;
        let (Some(starts), Some(ends), Some(readable)) = (starts, ends, stable_ends.unwrap_or(ends)) else {
            return Ok(None);
        };
        let offsets = starts.iter().zip(ends).zip(readable);
        let extent = |((start, end), readable): ((&Offset, &Offset), &Offset)| Extent {
            start: *start,
            end: *end,
            readable: *readable,
        };
        Ok(Some(offsets.map(extent).collect()))
    }
}

impl Side {
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
