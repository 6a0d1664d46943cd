//! Lets whoever follows something be told only so often.
//!
//! A follower that is always ready for the next change makes a worker wake it for each. One that waits a little between its
//! looks costs the worker nothing, and finds several changes at once, of each row only the last.

use std::time::Duration;

use futures::{Stream, StreamExt as _, stream};
use tokio::time::{Instant, sleep_until};

/// How long after one look the next one is.
const PACE: Duration = Duration::from_millis(50);

/// How much is taken at once. Where there is more, it is taken without a pause: then it is no news but what was there before.
const ITEMS_MAX: usize = 512;

/// What there is to hear, taken from time to time.
pub(crate) fn paced<S: Stream + Unpin>(stream: S) -> impl Stream<Item = Vec<S::Item>> {
    stream::unfold((stream.ready_chunks(ITEMS_MAX), None), |(mut chunks, next_look)| async move {
        if let Some(next_look) = next_look {
            sleep_until(next_look).await;
        }
        let chunk = chunks.next().await?;
        let next_look = (chunk.len() < ITEMS_MAX).then(|| Instant::now() + PACE);
        Some((chunk, (chunks, next_look)))
    })
}

#[cfg(test)]
mod tests {
    use futures::channel::mpsc::unbounded;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn what_is_there_comes_at_once_and_news_come_together() {
        let (sender, receiver) = unbounded();
        let send = |numbers: std::ops::Range<usize>| {
            for number in numbers {
                sender.unbounded_send(number).expect("somebody listens");
            }
        };
        let began = Instant::now();
        let mut paced = Box::pin(paced(receiver));
        send(0..ITEMS_MAX + 3);
        assert_eq!(paced.next().await.map(|chunk| chunk.len()), Some(ITEMS_MAX));
        assert_eq!(paced.next().await, Some((ITEMS_MAX..ITEMS_MAX + 3).collect()));
        assert_eq!(began.elapsed(), Duration::ZERO);
        send(7..9);
        assert_eq!(paced.next().await, Some(vec![7, 8]));
        assert_eq!(began.elapsed(), PACE);
        drop(sender);
        assert_eq!(paced.next().await, None);
    }
}
