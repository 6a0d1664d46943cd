//! Support for tests: the test drivers for topologies, and the contract suites that every adapter of a port has to
//! pass.

mod driver;
mod kept;
pub mod log_contract;
mod rows;
pub mod store_contract;
mod topology_test_driver;

pub use driver::{Setup, TestDriver};
pub use kept::KeptState;
pub use topology_test_driver::{RawRecord, TopologySetup, TopologyTestDriver};

pub use crate::runtime::{RawRow, SentRecord};
