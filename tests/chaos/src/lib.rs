//! `cargo xtask chaos`: real processes on a real Kafka are killed, paused, cut off and restarted under load, and then what
//! they have left in the broker's log and in their folders is audited.
//!
//! [`topologies`] are the applications, [`events`] what they are fed with, [`expected`] what must come of it, and [`audit`]
//! compares. [`plan`] says what happens when, by the seed; [`conduct`] makes it happen to processes in [`places`],
//! with the [`faults`].

pub mod audit;
pub mod conduct;
pub mod disk;
pub mod events;
pub mod expected;
pub mod faults;
pub mod interrupt;
pub mod ledger;
pub mod load;
pub mod numbers;
pub mod places;
pub mod plan;
pub mod progress;
pub mod states;
pub mod summary;
pub mod topologies;
pub mod whole;
