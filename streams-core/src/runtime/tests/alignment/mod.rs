//! Tests of event time alignment.

mod from_the_future;
mod in_process;
mod like_live;
mod nobody_waits;
mod replays;
mod setting;
